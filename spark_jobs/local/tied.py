"""Run as a file: replace this process by a command that is killed when the process that started it dies.

`python -I tied.py PARENT COMMAND ARGUMENT...`; Linux only. The signal is asked for first and the parent checked after, so
that a parent dying in between is noticed. A file of its own, because code between fork and exec is not safe beside threads.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    """Ask for the signal, look at the parent, become the command."""
    parent, *command = arguments
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if os.getppid() != int(parent):
        sys.exit("the process this one was tied to is gone")
    os.execv(command[0], command)


if __name__ == "__main__":
    main(sys.argv[1:])
