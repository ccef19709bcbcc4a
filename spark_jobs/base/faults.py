"""Named points where a test may make the process fail, so that every kill window can be hit on purpose.

`DAYFOLD_FAULT=point:action[:nth]` names a point and what happens the nth time it is passed: `kill9` (this process), `killgroup`
(its process group, the JVM with it), `killsoon` (the group, some milliseconds later), `killparent` (the JVM alone), `raise`
(`InjectedFault`), `stop` (SIGSTOP, as a frozen machine), `enospc` (disk full). A test that runs the job in its own process may
also be called at every point a thread passes, by `calling`. Dead unless `DAYFOLD_ALLOW_FAULTS=1`.
"""

import errno
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

SOON_SECONDS, OUTLIVED_SECONDS = 0.003, 15.0

_passed: Counter[str] = Counter()
_thread = threading.local()


class InjectedFault(BaseException):
    """Stands for sudden death in a test of one process: no handler of the program may catch it."""


def fault(point: str) -> None:
    """Fail here if the environment says so."""
    if os.environ.get("DAYFOLD_ALLOW_FAULTS") != "1":
        return
    callback: Callable[[str], object] | None = getattr(_thread, "callback", None)
    if callback:
        callback(point)
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


@contextmanager
def calling(callback: Callable[[str], object]) -> Iterator[None]:
    """Call `callback(point)` at every point that this thread passes: a barrier, or something that happens just then."""
    before = getattr(_thread, "callback", None)
    _thread.callback = callback
    try:
        yield
    finally:
        _thread.callback = before


def reset() -> None:
    """Forget how often points were passed; for several runs in one test process."""
    _passed.clear()


def _fail(point: str, action: str) -> None:
    match action:
        case "kill9":
            os.kill(os.getpid(), signal.SIGKILL)
        case "killgroup":
            os.killpg(0, signal.SIGKILL)
        case "killsoon":
            threading.Timer(SOON_SECONDS, os.killpg, (0, signal.SIGKILL)).start()
        case "killparent":
            os.kill(os.getppid(), signal.SIGKILL)
            # A large JVM takes its time to die. Who still lives after this has outlived it.
            time.sleep(OUTLIVED_SECONDS)
        case "stop":
            os.kill(os.getpid(), signal.SIGSTOP)
        case "enospc":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), point)
        case "raise":
            raise InjectedFault(point)
        case _:
            raise ValueError(f"unknown fault action {action!r} at {point}")
