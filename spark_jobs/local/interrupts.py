"""One interruption is enough: the first Ctrl-C, termination or closed terminal ends the work, the next ones let it clean up."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

STDERR = 2
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def interrupted_once() -> Iterator[None]:
    """Inside, the first of the signals raises `KeyboardInterrupt` and the others are ignored. Only in the main thread."""
    before = {one: signal.getsignal(one) for one in SIGNALS}
    try:
        for one in SIGNALS:
            signal.signal(one, _interrupt)
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def _interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
    for one in SIGNALS:
        signal.signal(one, signal.SIG_IGN)
    # Not by a stream: the interrupted code may be in the middle of writing to it.
    os.write(STDERR, b"\nstopping what was started; a Spark job may take some seconds ...\n")
    raise KeyboardInterrupt
