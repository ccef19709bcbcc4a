"""Machines on which commands run: each command in a thread of its own that goes on only when it is its turn.

So a seed decides alone what happens in which order. A machine has a clock, which is the world's, and a disk that it shares with
all others, of which a power cut takes what nobody had asked it to keep.
"""

import os
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

from spark_jobs.base.faults import InjectedFault, calling
from spark_jobs.base.machine import Machine, running_on
from spark_jobs.broker.clients import made_by
from tests.worlds.clients import Fate, clients_on
from tests.worlds.cluster import Cluster, Stored

TICK = 0.001
"""Seconds that pass between two steps."""
BEGINNING = datetime.now(UTC).replace(microsecond=0)
"""Of the clock; files get their times from the real one."""


class Died(InjectedFault):
    """The command's process is gone: nothing that it does from now on has an effect."""


class Adversary(Protocol):
    """What may happen whenever a command makes a step."""

    def at_point(self, activity: "Activity", point: str) -> None:
        """May end, freeze or disturb it."""

    def fate_of(self, activity: "Activity", request: str) -> Fate:
        """What becomes of its request to the cluster."""

    def delay(self) -> float:
        """After how many seconds a late request arrives."""

    def some(self, places: list[object]) -> set[object]:
        """Where a transaction that is torn gets the other marker."""

    def at_rows(self, activity: "Activity", records: list[Stored], aborted: list[Stored]) -> list[Stored]:
        """What Spark's reader hands out instead of these records, between which those were aborted."""

    def is_task_lost(self, activity: "Activity") -> bool:
        """Whether a task of Spark's dies in the middle of its file, and is tried again."""

    def at_disk(self, activity: "Activity", path: Path) -> None:
        """Before the disk keeps a file; may raise what a disk raises."""


class Activity:
    """A command at work on a machine whose clock is so many seconds ahead; `ending` is what `work` returned once it has ended,
    None if it died.
    """

    def __init__(
        self,
        name: str,
        machine: str,
        cluster: Cluster,
        disk: "Disk",
        adversary: Adversary,
        work: Callable[["Activity"], str],
        ahead: Callable[[], float],
    ) -> None:
        self.name = name
        self.machine = machine
        self.cluster = cluster
        self.disk = disk
        self.frozen = False
        self.killed = False
        self.ended = False
        self.ending: str | None = None
        self.failure: BaseException | None = None
        self.steps = 0
        self.points: Counter[str] = Counter()
        self.last_point = ""
        self.planned: list[float] = []
        """When it was about to store a plan, each time."""
        self.trace: list[tuple[str, str]] = []
        """Its name and each of its steps; a world that wants to know sets a list of its own."""
        self._ahead = ahead
        self._adversary = adversary
        self._work = work
        self._my_turn = threading.Semaphore(0)
        self._worlds_turn = threading.Semaphore(0)
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def go_on(self) -> None:
        """Let it work until it hands over or ends; called by the world."""
        self._my_turn.release()
        self._worlds_turn.acquire()
        if self.ended:
            self._thread.join()

    def kill(self) -> None:
        """End it where it stands; called by the world."""
        self.killed = True
        if not self.ended:
            self.go_on()

    def hand_over(self) -> None:
        """Let the world decide who works next; called by the command's own thread."""
        self._worlds_turn.release()
        self._my_turn.acquire()
        self.require_alive()

    def die(self) -> None:
        """End it here; called by the command's own thread."""
        self.killed = True
        raise Died(self.last_point)

    def require_alive(self) -> None:
        if self.killed:
            raise Died(self.last_point)

    def request(self, what: str) -> Fate:
        """See `Host`."""
        self._step(what)
        return self._adversary.fate_of(self, what)

    def wait(self, seconds: float) -> None:
        """See `Host`."""
        self.require_alive()
        self.cluster.pass_time(seconds)

    def delay(self) -> float:
        """See `Host`."""
        return self._adversary.delay()

    def some(self, places: list[object]) -> set[object]:
        """See `Host`."""
        return self._adversary.some(places)

    def point(self, name: str) -> None:
        """A fault point of the program, or a piece of Spark's work."""
        if name == "before:plan_commit":
            self.planned.append(self.cluster.now)
        self._step(name)

    def rows(self, records: list[Stored], aborted: list[Stored]) -> list[Stored]:
        """See `Disturbance`."""
        return self._adversary.at_rows(self, records, aborted)

    def is_task_lost(self) -> bool:
        """See `Disturbance`."""
        return self._adversary.is_task_lost(self)

    def _step(self, name: str) -> None:
        self.require_alive()
        self.steps += 1
        self.last_point = name
        self.points[name] += 1
        self.trace.append((self.name, name))
        self.cluster.pass_time(TICK)
        self._adversary.at_point(self, name)
        self.require_alive()

    def _run(self) -> None:
        self._my_turn.acquire()
        try:
            with ExitStack() as stack:
                stack.enter_context(made_by(clients_on(self)))
                stack.enter_context(running_on(self._machine()))
                stack.enter_context(calling(self.point))
                self.require_alive()
                self.ending = self._work(self)
        except Died:
            pass
        except BaseException as error:  # noqa: BLE001 - the edge of what stands for a process
            self.failure = error
        finally:
            self.ended = True
            self._worlds_turn.release()

    def _machine(self) -> Machine:
        return Machine(
            now=lambda: BEGINNING + timedelta(seconds=self.cluster.now + self._ahead()),
            monotonic=lambda: self.cluster.now,
            sleep=self.wait,
            keep=self._keep,
        )

    def _keep(self, path: Path) -> None:
        self.require_alive()
        self._adversary.at_disk(self, path)
        self.disk.keep(path)


class Disk:
    """The files below a folder, and what would be left of them after a power cut: what somebody had the disk keep, the file and
    its name in each folder above it.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._content: dict[str, tuple[int, int]] = {}
        self._names: dict[str, frozenset[str]] = {}

    def keep(self, path: Path) -> None:
        """The disk has the file as it is now, or the names in the folder."""
        if path.is_dir():
            self._names[str(path)] = frozenset(one.name for one in path.iterdir())
        else:
            self._content[str(path)] = _version(path)

    def keep_all(self, folder: Path) -> None:
        """The disk has all that is below the folder, and the names on the way to it."""
        for path in [*folder.rglob("*"), folder, *folder.parents]:
            if path.is_relative_to(self.root):
                self.keep(path)

    def grow_older(self, seconds: float) -> None:
        """All files are that much older; their times are the real ones, which a world's clock does not change."""
        for path in [one for one in self.root.rglob("*") if one.is_file()]:
            is_kept, found = self._content.get(str(path)) == _version(path), path.stat()
            os.utime(path, (found.st_atime - seconds, found.st_mtime - seconds))
            if is_kept:
                self._content[str(path)] = _version(path)

    def at_risk(self) -> list[Path]:
        """Files that a power cut may take."""
        return [path for path in sorted(self.root.rglob("*")) if path.is_file() and not self._is_kept(path)]

    def _is_kept(self, path: Path) -> bool:
        if self._content.get(str(path)) != _version(path):
            return False
        steps = [path, *(one for one in path.parents if one.is_relative_to(self.root) and one != self.root)]
        return all(step.name in self._names.get(str(step.parent), ()) for step in steps)


def _version(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_ino, found.st_mtime_ns
