"""What the program asks of the machine it runs on: the time, and that its disk keeps a file. A simulation gives both by itself.

It takes effect for the thread that asked for it, and only while it asks.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path


def _now() -> datetime:
    return datetime.now(UTC)


def _keep(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@dataclass(frozen=True)
class Machine:
    """The clock of the calendar, a clock in seconds that never goes back, a pause in seconds, and a disk that is to keep a file,
    or the names in a folder.
    """

    now: Callable[[], datetime] = _now
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    keep: Callable[[Path], None] = _keep


THIS = Machine()
_machine = ContextVar("machine", default=THIS)


def now() -> datetime:
    """The time in UTC."""
    return _machine.get().now()


def monotonic() -> float:
    """Seconds since some moment, for deadlines."""
    return _machine.get().monotonic()


def sleep(seconds: float) -> None:
    """Wait."""
    _machine.get().sleep(seconds)


def keep(path: Path) -> None:
    """Have the disk hold a file, or the names in a folder, through a power cut; `FileNotFoundError` if it is not there."""
    _machine.get().keep(path)


@contextmanager
def running_on(machine: Machine) -> Iterator[None]:
    """Let this thread run there, meanwhile."""
    token = _machine.set(machine)
    try:
        yield
    finally:
        _machine.reset(token)
