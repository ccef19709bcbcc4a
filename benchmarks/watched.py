"""Run as a file: one command from start to exit, and what it and all its descendants took, as JSON.

`python -I watched.py RESULT DEADLINE_SECONDS COMMAND ARGUMENT...`. Knows nothing but processes, and Linux:

- seconds: from the start of the command to its exit, noticed by a pidfd.
- cpu_seconds, written_bytes: the kernel's rusage of every descendant that was waited for. This process is their subreaper, so
  those whose parent has died are waited for as well. Written is what went to the file system, not to sockets.
- python_bytes, java_bytes: the most that one process of the kind has held resident: the kernel's own high-water mark (VmHWM),
  looked at every 0.1 s, so only growth in the last 0.1 s of a process is missed.
- together_bytes: the most that all of them held at one look; pages that processes share are counted in each.
"""

import ctypes
import json
import os
import resource
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

LOOK_SECONDS = 0.1
LEFT_BEHIND_SECONDS = 15.0
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_BLOCK = 512


class Memory:
    """Peaks of a process tree, by the name of the program."""

    def __init__(self) -> None:
        self.highest: dict[str, int] = {}
        self.together = 0

    def look(self) -> None:
        """Take one look at all descendants of this process."""
        together = 0
        for pid in descendants(os.getpid()):
            with suppress(OSError, KeyError, ValueError):
                status = dict(line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
                # What runs, not how it is called: a console script is Python, whatever its name.
                name = Path(f"/proc/{pid}/exe").readlink().name
                self.highest[name] = max(self.highest.get(name, 0), _bytes(status["VmHWM"]))
                together += _bytes(status["VmRSS"])
        self.together = max(self.together, together)

    def peak(self, program: str) -> int:
        """Of the programs whose name begins so; 0 if there was none."""
        return max((size for name, size in self.highest.items() if name.startswith(program)), default=0)


def _bytes(kibibytes: str) -> int:
    return int(kibibytes.split()[0]) * 1024


def descendants(pid: int) -> Iterator[int]:
    """Pids below a process, at this moment."""
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            for child in map(int, children.read_text().split()):
                yield child
                yield from descendants(child)


def watch(command: list[str], deadline_seconds: float) -> dict[str, object]:
    """Run the command to its end, or kill it and all below it at the deadline."""
    memory, begun = Memory(), time.monotonic()
    with subprocess.Popen(command) as child:
        ended = os.pidfd_open(child.pid)
        while not select.select([ended], [], [], LOOK_SECONDS)[0]:
            memory.look()
            if time.monotonic() - begun > deadline_seconds:
                kill_descendants()
        seconds = time.monotonic() - begun
    left_behind = wait_for_the_rest(memory)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "exit_code": child.returncode,
        "seconds": round(seconds, 3),
        "cpu_seconds": round(used.ru_utime + used.ru_stime, 3),
        "written_bytes": used.ru_oublock * _BLOCK,
        "python_bytes": memory.peak("python"),
        "java_bytes": memory.peak("java"),
        "together_bytes": memory.together,
        "left_behind": left_behind,
    }


def wait_for_the_rest(memory: Memory) -> bool:
    """Until no descendant is left; whether some had to be killed."""
    killed, deadline = False, time.monotonic() + LEFT_BEHIND_SECONDS
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return killed
        if pid == 0:
            memory.look()
            if time.monotonic() > deadline:
                kill_descendants()
                killed = True
            time.sleep(LOOK_SECONDS)


def kill_descendants() -> None:
    for pid in list(descendants(os.getpid())):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def main(arguments: list[str]) -> None:
    result, deadline_seconds, *command = arguments
    libc = ctypes.CDLL(None)
    libc.prctl(_PR_SET_CHILD_SUBREAPER, 1)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    signal.signal(signal.SIGTERM, _end)
    Path(result).write_text(json.dumps(watch(command, float(deadline_seconds))))


def _end(_number: int, _frame: object) -> None:
    """Whoever started the measurement is gone: leave nothing running."""
    kill_descendants()
    os._exit(1)


if __name__ == "__main__":
    main(sys.argv[1:])
