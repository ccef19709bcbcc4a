"""Run one contestant as a process of its own and say what it took. `watched.py` says what exactly is measured, and how."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import watched

DEADLINE_SECONDS = 3600.0


@dataclass(frozen=True)
class Measurement:
    """What one run of one contestant took; `written_bytes` went to the file system, whether they stayed or not."""

    exit_code: int
    seconds: float
    cpu_seconds: float
    written_bytes: int
    python_bytes: int
    java_bytes: int
    together_bytes: int
    left_behind: bool


def run_measured(
    command: Sequence[str], environment: Mapping[str, str], log: Path, deadline_seconds: float = DEADLINE_SECONDS
) -> Measurement:
    """Run a command to its end with its output in `log`; a Ctrl-C here ends it and all below it."""
    result = log.with_suffix(".json")
    result.unlink(missing_ok=True)
    watching = [sys.executable, "-I", watched.__file__, str(result), str(deadline_seconds), *command]
    # A home of its own for what programs leave behind; never a terminal to ask.
    with (
        log.open("wb") as output,
        subprocess.Popen(
            watching,
            env=dict(environment),
            cwd=log.parent,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        ) as process,
    ):
        try:
            process.wait()
        finally:
            process.terminate()
    return Measurement(**json.loads(result.read_text()))


@dataclass(frozen=True)
class Kept:
    """Files of a folder and their bytes."""

    files: int
    bytes: int


def kept_in(folder: Path) -> Kept:
    """All that stands below a folder now."""
    sizes = [(Path(at) / name).stat().st_size for at, _, names in os.walk(folder) for name in names]
    return Kept(len(sizes), sum(sizes))
