"""How a process of ours ends once all is said and done."""

import logging
import os
import sys
from contextlib import suppress
from typing import NoReturn


def leave(code: int) -> NoReturn:
    """End at once: neither a thread of a library nor the JVM's gateway may keep a finished process alive, or change how it ends.

    A thread of a scan that is over may still be ending. Then Arrow's own teardown aborts the process, and one that did all it
    should ends with signal 6 (https://github.com/apache/arrow/issues/34314).
    """
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        # Whoever read the output may have gone.
        with suppress(BrokenPipeError):
            stream.flush()
    os._exit(code)
