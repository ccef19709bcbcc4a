"""What is said about how settings were read: the instants, which a file may name without a zone, and offsets that are taken for
text.

Knows settings only; how it is printed is known elsewhere.
"""

import logging
from collections.abc import Iterator
from datetime import datetime

from spark_jobs.pipeline.settings import Pipeline
from spark_jobs.pipeline.time_formats import time_formats, unread_offset

log = logging.getLogger("dayfold")


def notes_on(pipeline: Pipeline) -> Iterator[str]:
    """A sentence for each instant that the settings name."""
    time = pipeline.input.time
    named = {"input.start": pipeline.input.start, "input.time.earliest": time.earliest, "input.time.latest": time.latest}
    for key, value in named.items():
        if isinstance(value, datetime) and (key != "input.time.earliest" or "earliest" in time.model_fields_set):
            yield f"{key} is read as {value.isoformat().replace('+00:00', 'Z')} (a time without a zone is UTC)"


def warnings_on(pipeline: Pipeline) -> Iterator[str]:
    """A sentence for each time format that takes an offset for text, where that makes another time of it."""
    time = pipeline.input.time
    for one in time_formats(time.format):
        found = None if time.timezone == "UTC" else unread_offset(one.pattern)
        if found:
            text, letters = found
            right = (
                f"write {letters} in its place, which reads it as an offset, or use iso8601" if letters else "use the zone UTC"
            )
            yield (
                f"input.time.format {one.pattern!r} takes {text!r} for nothing but text, so times are read as local times of "
                f"{time.timezone}; if they are in UTC, {right}"
            )


def warn_of_settings(pipeline: Pipeline) -> None:
    """Log what is probably not meant as it is written."""
    for sentence in warnings_on(pipeline):
        log.warning("%s", sentence)
