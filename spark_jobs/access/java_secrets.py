"""Where the Java client finds a run's credentials: a file in memory where the machine has a folder for it, and only while the run
lasts.

With a local master the file is in `XDG_RUNTIME_DIR` or `/dev/shm`, which no disk and no backup holds. Executors on other machines
read it in the `state` folder, which they share with the driver. Killed at any moment, a run leaves the file behind; the
pipeline's next run removes it before it does anything else. Knows no setting of Kafka.
"""

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from spark_jobs.pipeline.settings import Pipeline

MEMORY = Path("/dev/shm")


def secrets_file(pipeline: Pipeline, master: str, environment: Mapping[str, str]) -> Path:
    """The file for a run on this Spark master."""
    memory = memory_folder(environment) if master.startswith("local") else None
    return _in_memory(memory, pipeline) if memory else _in_state(pipeline)


@contextmanager
def only_while_it_runs(pipeline: Pipeline, environment: Mapping[str, str]) -> Iterator[None]:
    """Remove the file that a killed run left, and at the end this run's own; to be held inside the pipeline's lock."""
    _remove(pipeline, environment)
    try:
        yield
    finally:
        _remove(pipeline, environment)


def memory_folder(environment: Mapping[str, str], memory: Path = MEMORY) -> Path | None:
    """A folder in memory that is ours alone, made if it is missing; None if the machine has none."""
    runtime = environment.get("XDG_RUNTIME_DIR")
    folders = [*([Path(runtime) / "dayfold"] if runtime else []), memory / f"dayfold-{os.getuid()}"]
    return next((folder for folder in folders if _is_ours(folder)), None)


def _is_ours(folder: Path) -> bool:
    """Whether the folder is a real one, of this user and closed to others:
    in a folder of all, somebody else may have made it first.
    """
    with suppress(OSError):
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
        return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & (stat.S_IRWXG | stat.S_IRWXO)
    return False


def _in_memory(folder: Path, pipeline: Pipeline) -> Path:
    """Two projects may have pipelines of one name, but never one lock."""
    lock = hashlib.sha256(str(pipeline.lock.absolute()).encode()).hexdigest()[:16]
    return folder / f"{pipeline.name}-{lock}.properties"


def _in_state(pipeline: Pipeline) -> Path:
    return pipeline.state / "kafka-secrets" / f"{pipeline.name}.properties"


def secrets_files(pipeline: Pipeline, environment: Mapping[str, str]) -> tuple[Path, ...]:
    """Wherever a run may have left the file."""
    memory = memory_folder(environment)
    return _in_state(pipeline), *([_in_memory(memory, pipeline)] if memory else [])


def _remove(pipeline: Pipeline, environment: Mapping[str, str]) -> None:
    for file in secrets_files(pipeline, environment):
        file.unlink(missing_ok=True)
