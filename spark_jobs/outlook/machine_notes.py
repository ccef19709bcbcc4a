"""What of this machine would hinder a run that is started here: somebody holds the lock, a folder cannot be written, no Java
starts.

Notes and no problems: who asks need not be who runs, nor on the same machine. Knows no broker and no table.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from spark_jobs.base.errors import ConfigurationError
from spark_jobs.base.location import is_uri
from spark_jobs.base.lock import lock_owner
from spark_jobs.launch.java import startable_environment
from spark_jobs.pipeline.settings import Pipeline


def machine_notes(pipeline: Pipeline, environment: Mapping[str, str]) -> Iterator[str]:
    """One sentence for each."""
    owner = lock_owner(pipeline.lock)
    if owner and not _unwritable(pipeline.lock):
        yield f"{owner} holds the lock: a run that begins meanwhile ends with 75"
    places = [pipeline.lock, *([] if is_uri(pipeline.lake) else [Path(pipeline.lake) / pipeline.name])]
    for place in places:
        if trouble := _unwritable(place):
            yield f"a run as this user ends with 78: {place} cannot be written, because {trouble}"
    try:
        startable_environment(environment)
    except ConfigurationError as error:
        yield f"a run from here ends with 78: {error}"


def _unwritable(place: Path) -> str | None:
    """Why nothing can be written at a place that need not be there yet."""
    nearest = next(one for one in (place, *place.parents) if os.path.lexists(one))
    if nearest != place and not nearest.is_dir():
        return f"{nearest} is no folder"
    return None if os.access(nearest, os.W_OK) else f"this user may not write {nearest}"
