"""One process at a time in a folder of this machine; the others wait their turn, and a killed one holds up nobody."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def exclusively(folder: Path) -> Iterator[None]:
    """Hold the folder's lock file, waiting for it if need be."""
    with (folder / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
