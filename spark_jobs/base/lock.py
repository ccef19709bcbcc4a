"""One run of a pipeline per machine: an exclusive `flock` that the kernel releases when the process dies.

The lock file stays and holds a line about its owner, so that a second run can say who works. Runs on other machines are
kept out by the fence of `broker/publisher.py`.
"""

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from spark_jobs.base import machine
from spark_jobs.base.errors import ConfigurationError, PipelineBusy
from spark_jobs.base.wording import printable


@contextmanager
def hold_lock(path: Path, *, pipeline: str, run_id: str) -> Iterator[None]:
    """Hold the pipeline's lock, or raise `PipelineBusy` with the owner at once."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise ConfigurationError(f"cannot open the lock file {path}: {error.strerror}") from error
    try:
        _take(descriptor, path, pipeline)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, _owner(run_id).encode(), 0)
        yield
    finally:
        os.close(descriptor)


def lock_owner(path: Path) -> str | None:
    """Who holds the lock now, or None if nobody does."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    except OSError as error:
        return f"not known, the lock file {path} cannot be read ({error.strerror})"
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _read_owner(descriptor)
    finally:
        os.close(descriptor)
    return None


def _take(descriptor: int, path: Path, pipeline: str) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise PipelineBusy(pipeline, _read_owner(descriptor)) from None
    # A lock file removed by hand leaves the lock on a name nobody else opens: look before trusting it.
    if not path.exists() or not os.path.samestat(os.fstat(descriptor), path.stat()):
        raise PipelineBusy(pipeline, f"somebody who replaced {path} meanwhile")


def _owner(run_id: str) -> str:
    started = machine.now().isoformat(timespec="seconds")
    return f"run {printable(run_id)} (process {os.getpid()} on {socket.gethostname()}, since {started})"


def _read_owner(descriptor: int) -> str:
    return os.pread(descriptor, 4096, 0).decode(errors="replace").strip() or "another run that is just starting"
