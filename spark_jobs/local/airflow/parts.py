"""Run as a module: the parts of an Airflow, started together and ended together, whatever becomes of the process that wants them.

`python -m spark_jobs.local.airflow.parts FOLDER` with Airflow's environment; the logs are in FOLDER. It goes on until its
standard input is closed, which the kernel does for a process that was killed, until it is asked to end, or until a part ends by
itself (exit code 1). Each part has a session of its own, and a session is left by nothing that is started in it: workers, tasks,
Spark. So whoever is still in one at the end is ended, too.
"""

import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil

from spark_jobs.local.airflow.api import answers
from spark_jobs.local.interrupts import interrupted_once
from spark_jobs.local.listening import listens

# The servers of logs would listen on all addresses; on one machine the files are read instead.
PARTS = {
    "api-server": (),
    "scheduler": ("--skip-serve-logs",),
    "dag-processor": (),
    "triggerer": ("--skip-serve-logs",),
}
FIRST = "api-server"
"""The others begin when it answers: tasks report to it, and one that is started again while it still starts would lose a try."""
END_SECONDS = 15.0
"""How long the parts may take to end in order; a task at work is not waited for, the next run finishes what it began."""
KILL_SECONDS = 5.0

Part = subprocess.Popen[bytes]


def run_parts(folder: Path) -> int:
    """Until nobody wants them any more; 1 if a part ended by itself."""
    parts: dict[str, Part] = {}
    try:
        with interrupted_once():
            for name, arguments in PARTS.items():
                parts[name] = _start([name, *arguments], folder / f"{name}.log")
                if name == FIRST and (code := _watch(parts, _is_asked)) is not None:
                    return code
            return _watch(parts) or 0
    except KeyboardInterrupt:
        return 0
    finally:
        end_sessions([part.pid for part in parts.values()])
        for part in parts.values():
            part.wait(KILL_SECONDS)


def _start(arguments: list[str], log: Path) -> Part:
    with log.open("wb") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "airflow", *arguments],
            cwd=log.parent,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _is_asked() -> bool:
    """Whether the server answers, and it is ours: another one at its port would hear of our tasks."""
    ours = listens(os.getpid(), int(os.environ["AIRFLOW__API__PORT"]))
    return ours and answers(os.environ["AIRFLOW__API__BASE_URL"])


def _watch(parts: dict[str, Part], is_enough: Callable[[], bool] = bool) -> int | None:
    """The exit code once a part has ended or nobody wants them any more; None once it is enough."""
    while not is_enough():
        ended = [name for name, part in parts.items() if part.poll() is not None]
        if ended:
            print(f"{', '.join(ended)} ended by itself", file=sys.stderr)
            return 1
        readable, _, _ = select.select([sys.stdin], [], [], 0.5)
        if readable and not os.read(sys.stdin.fileno(), 1024):
            return 0
    return None


def end_sessions(sessions: Iterable[int], seconds: float = END_SECONDS) -> None:
    """In order if that takes no longer than some seconds, else by force."""
    wanted, pause = frozenset(sessions), threading.Event()
    for how, patience in ((signal.SIGTERM, seconds), (signal.SIGKILL, KILL_SECONDS)):
        for one in members_of(wanted):
            with suppress(psutil.NoSuchProcess):
                one.send_signal(how)
        deadline = time.monotonic() + patience
        while any(members_of(wanted)) and time.monotonic() < deadline:
            pause.wait(0.1)


def members_of(sessions: frozenset[int]) -> Iterator[psutil.Process]:
    """The living processes of these sessions."""
    for pid in psutil.pids():
        with suppress(psutil.Error, ProcessLookupError):
            if os.getsid(pid) in sessions:
                process = psutil.Process(pid)
                if process.status() != psutil.STATUS_ZOMBIE:
                    yield process


if __name__ == "__main__":
    sys.exit(run_parts(Path(sys.argv[1])))
