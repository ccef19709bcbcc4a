"""Where the command `dayfold` begins and ends."""

import logging
import os
import sys
from contextlib import suppress
from typing import NoReturn

from spark_jobs.launch.quick_imports import import_pyarrow


def main() -> NoReturn:
    """Import what is slow in the quick way, then do what the arguments say."""
    import_pyarrow()
    from spark_jobs import cli

    try:
        cli.main()
    except SystemExit as ending:
        _end(int(ending.code or 0))


def _end(code: int) -> NoReturn:
    """End this process now that all is said and done, without tearing down Arrow's threads.

    A thread of a scan that is over may still be ending. Then Arrow's own teardown aborts the process, and a command that did all
    it should ends with signal 6 (https://github.com/apache/arrow/issues/34314).
    """
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        # Whoever read the output may have gone.
        with suppress(BrokenPipeError):
            stream.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
