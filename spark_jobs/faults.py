"""Named points where a test may make the process fail, so that every kill window can be hit on purpose.

`DAYFOLD_FAULT=point:action[:nth]` names a point and what happens the nth time it is passed: `kill9` (this process),
`exit` (code 1 at once), `raise` (`InjectedFault`), `stop` (SIGSTOP, as a frozen machine), `enospc` (disk full).
Dead unless `DAYFOLD_ALLOW_FAULTS=1`.
"""

import errno
import os
import signal
from collections import Counter

_passed: Counter[str] = Counter()


class InjectedFault(BaseException):
    """Stands for sudden death in a test of one process: no handler of the program may catch it."""


def fault(point: str) -> None:
    """Fail here if the environment says so."""
    if os.environ.get("DAYFOLD_ALLOW_FAULTS") != "1":
        return
    wanted, _, rest = os.environ.get("DAYFOLD_FAULT", "").rpartition(":")
    if rest.isdigit():
        nth = int(rest)
        wanted, _, action = wanted.rpartition(":")
    else:
        nth, action = 1, rest
    if wanted != point:
        return
    _passed[point] += 1
    if _passed[point] == nth:
        _fail(point, action)


def reset() -> None:
    """Forget how often points were passed; for several runs in one test process."""
    _passed.clear()


def _fail(point: str, action: str) -> None:
    if action == "kill9":
        os.kill(os.getpid(), signal.SIGKILL)
    elif action == "stop":
        os.kill(os.getpid(), signal.SIGSTOP)
    elif action == "exit":
        os._exit(1)
    elif action == "enospc":
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), point)
    elif action == "raise":
        raise InjectedFault(point)
    else:
        raise ValueError(f"unknown fault action {action!r} at {point}")
