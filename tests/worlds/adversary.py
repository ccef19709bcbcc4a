"""What happens to the commands of a world, and around them: drawn step by step, at rates that are drawn first.

So some worlds are quiet and others violent. Each kind of harm has a name under which it is counted.
"""

import errno
import os
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path

from deltalake.exceptions import CommitFailedError

from tests.worlds.clients import Fate
from tests.worlds.cluster import Stored
from tests.worlds.machines import Activity

RATES = (0.0, 0.0, 0.005, 0.02, 0.08)
EVENTS = (0.0, 0.02, 0.05, 0.15)
COMMITS = (0.0, 0.0, 0.05, 0.3)
"""Of the end of a transaction, of which a run has one."""
HARMLESS = (0.0, 0.05, 0.3, 0.8)
"""Of what only takes time or is done twice, so that it ends no run."""


BEFORE = 3
"""How much likelier a run falls asleep just before it changes something, so that others do so meanwhile."""
SLOW_SECONDS = (0.01, 0.3, 2.0)
"""How long an answer takes, too short for a client to give it up."""


@dataclass(frozen=True)
class Rates:
    """How likely each harm is at a step, between 0 and 1."""

    kill: float
    freeze: float
    turn: float
    lost: float
    unanswered: float
    late: float
    imagined: float
    torn: float
    blurred: float
    full_disk: float
    broken_disk: float
    refused_commit: float
    wrong_rows: float
    event: float
    slow: float
    repeated: float
    task: float

    @classmethod
    def drawn(cls, chosen: random.Random) -> "Rates":
        rates = {one.name: chosen.choice(RATES) for one in fields(cls)}
        harmless = {name: chosen.choice(HARMLESS) for name in ("turn", "slow", "repeated", "task")}
        commits = {name: chosen.choice(COMMITS) for name in ("imagined", "torn", "blurred")}
        return cls(**rates | harmless | commits | {"event": chosen.choice(EVENTS)})


class Harm:
    """The adversary of one world. It is silent unless it is `active`; `told` gets each deed in words."""

    def __init__(self, chosen: random.Random, told: Callable[[str], object]) -> None:
        self.rates = Rates.drawn(chosen)
        self.active = True
        self.done: Counter[str] = Counter()
        self.deeds = 0
        self.left_out: frozenset[int] = frozenset()
        """Deeds that are not done after all, by their number: what a failing world does not need to fail."""
        self.events: list[tuple[str, Callable[[], bool]]] = []
        """What may happen around the commands of this world: a name, and a function that says whether it could."""
        self.shown: list[Stored] = []
        """Aborted records that Spark's reader has handed out."""
        self._chosen = chosen
        self._told = told

    def at_point(self, activity: Activity, point: str) -> None:
        """See `Adversary`."""
        if not self.active:
            return
        drawn = self._chosen.random()
        for rate, act in self._deeds(point):
            if drawn < rate:
                if self._is_done():
                    act(activity, point)
                return
            drawn -= rate

    def _deeds(self, point: str) -> Iterator[tuple[float, Callable[[Activity, str], None]]]:
        yield self.rates.kill, self._kill
        yield self.rates.freeze * (BEFORE if point.startswith("before:") else 1), self._freeze
        yield self.rates.full_disk, self._fill
        yield self.rates.refused_commit, self._refuse
        yield self.rates.event, self._happen
        yield self.rates.turn, self._turn

    def _is_done(self) -> bool:
        self.deeds += 1
        return self.deeds not in self.left_out

    def fate_of(self, activity: Activity, request: str) -> Fate:
        """See `Adversary`."""
        if not self.active:
            return Fate.ANSWERED
        drawn = self._chosen.random()
        for fate, rate in self._fates(request):
            if drawn < rate:
                return self._done_to(activity, request, fate) if self._is_done() else Fate.ANSWERED
            drawn -= rate
        if self._chosen.random() < self.rates.slow and self._is_done():
            self.done[f"slow: {request}"] += 1
            activity.wait(self._chosen.choice(SLOW_SECONDS))
        return Fate.ANSWERED

    def _fates(self, request: str) -> Iterator[tuple[Fate, float]]:
        yield Fate.LOST, self.rates.lost
        yield Fate.UNANSWERED, self.rates.unanswered
        if request.startswith(("produce", "send offsets", "end transaction")):
            yield Fate.LATE, self.rates.late
        if request == "end transaction: committed":
            yield Fate.IMAGINED, self.rates.imagined
            yield Fate.TORN, self.rates.torn
            yield Fate.BLURRED, self.rates.blurred
        if request.startswith(("send offsets", "end transaction")):
            yield Fate.REPEATED, self.rates.repeated

    def _done_to(self, activity: Activity, request: str, fate: Fate) -> Fate:
        self._note(f"{fate.name.lower()}: {request}", activity)
        return fate

    def delay(self) -> float:
        """See `Adversary`."""
        return self._chosen.choice((0.01, 1.0, 15.0, 100.0))

    def some(self, places: list[object]) -> set[object]:
        """See `Adversary`."""
        return {one for one in places if self._chosen.random() < 0.5}

    def at_rows(self, activity: Activity, records: list[Stored], aborted: list[Stored]) -> list[Stored]:
        """Spark's reader hands out what it should, or one record too few, or one twice, or one that was aborted."""
        if not records or not self.active or self._chosen.random() >= self.rates.wrong_rows or not self._is_done():
            return records
        place = self._chosen.randrange(len(records))
        what = self._chosen.choice(("left out", "handed out twice", *(["aborted and handed out"] if aborted else [])))
        self._note(f"a record is {what}", activity)
        if what == "aborted and handed out":
            self.shown.append(self._chosen.choice(aborted))
            return sorted([*records, self.shown[-1]], key=lambda one: one.offset)
        return records[:place] + (records[place + 1 :] if what == "left out" else records[place:][:1] + records[place:])

    def is_task_lost(self, activity: Activity) -> bool:
        """Whether a task of Spark's dies in the middle of its file, and is tried again."""
        is_lost = self.active and self._chosen.random() < self.rates.task and self._is_done()
        if is_lost:
            self._note("spark: a task is tried again", activity)
        return is_lost

    def at_disk(self, activity: Activity, path: Path) -> None:
        """See `Adversary`."""
        if self.active and self._chosen.random() < self.rates.broken_disk and self._is_done():
            self._note("broken disk", activity)
            raise self._broken(str(path))

    def happen(self) -> None:
        """One event, if there is one that can be."""
        if self.active and self.events:
            name, act = self._chosen.choice(self.events)
            if act():
                self.done[name] += 1

    def _kill(self, activity: Activity, point: str) -> None:
        self._note(f"kill: {point}", activity)
        activity.die()

    def _freeze(self, activity: Activity, point: str) -> None:
        self._note(f"freeze: {point}", activity)
        activity.frozen = True
        activity.hand_over()

    def _turn(self, activity: Activity, _: str) -> None:
        activity.hand_over()

    def _fill(self, activity: Activity, point: str) -> None:
        if point.startswith(("before:", "spark:")):
            self._note(f"full disk: {point}", activity)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), point)

    def _refuse(self, activity: Activity, point: str) -> None:
        """The store says that somebody else has made the commit, or fails: before it is made, or after it landed."""
        if point in ("before:table_commit", "after:table_commit"):
            said = self._chosen.choice((CommitFailedError("a commit of that version exists"), self._broken(point)))
            self._note(f"refused commit, {type(said).__name__}: {point}", activity)
            raise said

    def _broken(self, what: str) -> OSError:
        return OSError(errno.EIO, os.strerror(errno.EIO), what)

    def _happen(self, *_: object) -> None:
        self.happen()

    def _note(self, what: str, activity: Activity) -> None:
        self.done[what] += 1
        self._told(f"{activity.name}: {what}")
