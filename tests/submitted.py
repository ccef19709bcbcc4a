"""A real `spark-submit` of the job in a process group of its own: watched, frozen, woken and killed by tests."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import psutil

SECONDS = 400
KILLED = (-signal.SIGKILL, 128 + signal.SIGKILL)


def wait_until(condition: Callable[[], bool], what: str, seconds: float = 30) -> None:
    """Wait for a condition; an error says what was waited for."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s in vain: {what}"
        pause.wait(0.05)


@dataclass(frozen=True)
class SubmittedRun:
    """One launcher with the JVM and the Python driver below it."""

    process: "subprocess.Popen[str]"
    said: list[str] = field(default_factory=list, repr=False)

    @property
    def pid(self) -> int:
        return self.process.pid

    def finish(self) -> tuple[int, str]:
        """Exit code and all that it said (Spark merges the driver's two outputs), once nothing of it is left.

        The driver writes to a pipe of the JVM's, so the end of the output does not say that a killed driver has let go of the
        lock.
        """
        output, _ = self.process.communicate(timeout=SECONDS)
        self.said.append(output)
        wait_until(lambda: not _lives(self.pid), "the processes of the run to end")
        return self.process.returncode, output

    def wait_until_frozen(self) -> None:
        """Until a fault point has stopped the driver."""
        wait_until(lambda: psutil.STATUS_STOPPED in map(_status, self.drivers()), "the run to stop", SECONDS)

    def signal_drivers(self, *signals: signal.Signals) -> None:
        for driver in self.drivers():
            for one in signals:
                os.kill(driver.pid, one)

    def wake(self) -> tuple[int, str]:
        """Let a frozen driver go on; how it ended."""
        self.signal_drivers(signal.SIGCONT)
        return self.finish()

    def kill(self) -> tuple[int, str]:
        """Kill the whole process group, as a power cut would; how it ended."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        return self.finish()

    def drivers(self) -> list[psutil.Process]:
        """The Python drivers below the launcher."""
        with suppress(psutil.NoSuchProcess):
            return [one for one in psutil.Process(self.pid).children(recursive=True) if _name(one).startswith("python")]
        return []

    def end(self) -> None:
        """Leave nothing behind, whatever the test did."""
        if self.process.returncode is None:
            self.kill()


def start_run(command: Sequence[str], environment: Mapping[str, str]) -> SubmittedRun:
    return SubmittedRun(
        subprocess.Popen(
            command, env=environment, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
    )


def _lives(group: int) -> bool:
    """Whether a process of the group still holds anything: a zombie does not, unless threads of it are still ending."""
    return any(
        _group(one) == group and (_status(one) != psutil.STATUS_ZOMBIE or _threads(one) > 1) for one in psutil.process_iter()
    )


def _threads(process: psutil.Process) -> int:
    with suppress(psutil.NoSuchProcess):
        return process.num_threads()
    return 0


def _group(process: psutil.Process) -> int | None:
    with suppress(ProcessLookupError):
        return os.getpgid(process.pid)
    return None


def _name(process: psutil.Process) -> str:
    """Empty for one that has ended meanwhile, as the launcher's short helpers do all the time."""
    with suppress(psutil.NoSuchProcess):
        return process.name()
    return ""


def _status(process: psutil.Process) -> str:
    with suppress(psutil.NoSuchProcess):
        return str(process.status())
    return ""
