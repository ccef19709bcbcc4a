"""What `dayfold plan` says about how settings were read: the instants, which a file may name without a zone.

Knows settings only; how it is printed is known elsewhere.
"""

from collections.abc import Iterator
from datetime import datetime

from spark_jobs.config import Pipeline


def notes_on(pipeline: Pipeline) -> Iterator[str]:
    """A sentence for each instant that the settings name."""
    time = pipeline.input.time
    named = {"input.start": pipeline.input.start, "input.time.earliest": time.earliest, "input.time.latest": time.latest}
    for key, value in named.items():
        if isinstance(value, datetime) and (key != "input.time.earliest" or "earliest" in time.model_fields_set):
            yield f"{key} is read as {value.isoformat().replace('+00:00', 'Z')} (a time without a zone is UTC)"
