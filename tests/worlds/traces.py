"""Whether what the program did in a world is a path of the protocol's model, whatever went on unseen between its steps.

The model has one partition, two drivers and no bad message, and so have the worlds that are looked at. Several states of the
model may fit what was seen so far; a world whose steps fit none does what the model says is impossible.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import cache

from tests.model.protocol import CONTRIBUTED, Bound, Driver, Rules, State, beginning, following

SEEN: Mapping[str, str] = {
    "after:fence": "is alone",
    "after:checkpoints_read": "reads the checkpoints",
    "after:plan_commit": "plans",
    "after:contributions_commit": "stores contributions",
    "after:averages_commit": "merges",
    "after:send_offsets": "sends offsets",
    "end transaction: committed": "asks for the commit",
    "after:done_commit": "is done",
}
"""The model's action of each fault point, and of the one request that is an action."""

FIRST = "after:fence"
BOUND = Bound(batches=12, fences=60, harm=0)


class NoPath(Exception):
    """The model cannot do what was seen."""


class Path:
    """The states that the model may be in."""

    def __init__(self) -> None:
        self.states = frozenset({beginning(BOUND)})
        self._slots: dict[str, int] = {}
        """Which of the two drivers each run is."""

    def saw(self, run: str, step: str) -> None:
        """A run made a step; others than those of `SEEN` say nothing."""
        if step not in SEEN:
            return
        if step == FIRST and run not in self._slots:
            self._slots[run] = next(slot for slot in (0, 1) if slot not in self._slots.values())
        if run in self._slots:
            self.states = frozenset(map(_without_the_dead, self._after(self._slots[run], SEEN[step])))
            self._require(f"{run}: {step}")

    def ended(self, run: str) -> None:
        """A run ended or died, wherever it was: what it did at last may not have been seen."""
        slot = self._slots.get(run)
        if slot is None:
            return
        unseen = _unseen(self.states, self._hidden())
        last = {f"{'ab'[slot]}: {action}" for action in SEEN.values()}
        states = unseen | {after for state in unseen for action, after in _next(state) if action in last}
        self.states = frozenset(_without_the_dead(_without(state, slot)) for state in states)
        del self._slots[run]

    def _after(self, slot: int, action: str) -> frozenset[State]:
        wanted = f"{'ab'[slot]}: {action}"
        unseen = _unseen(self.states, self._hidden())
        found = frozenset(after for state in unseen for name, after in _next(state) if name == wanted)
        if action != "merges":
            return found
        # Where a later batch has merged already, the merge changes nothing.
        return found | frozenset(state for state in unseen if _is_overtaken(state, slot))

    def _hidden(self) -> frozenset[str]:
        """Actions of runs that are alive and make no step of `SEEN`."""
        steps = ("fences", "resumes", "stores records", "opens contributions", "finds contributions", "looks for the proof")
        later = ("finds it published", "begins and produces", "reads it back")
        return frozenset(f"{'ab'[slot]}: {step}" for slot in self._slots.values() for step in (*steps, *later))

    def _require(self, what: str) -> None:
        if not self.states:
            raise NoPath(what)


def _without(state: State, slot: int) -> State:
    """The driver is no more."""
    drivers = list(state.drivers)
    drivers[slot] = Driver()
    return state._replace(drivers=(drivers[0], drivers[1]))


def _without_the_dead(state: State) -> State:
    """Requests of drivers that are no more, and of fences that others have passed, change nothing whether they arrive or not."""
    alive = {one.epoch for one in state.drivers} | {state.epoch}
    return state._replace(requests=frozenset(one for one in state.requests if one[0] in alive))


def _is_overtaken(state: State, slot: int) -> bool:
    driver = state.drivers[slot]
    return driver.step == CONTRIBUTED and state.averages > driver.batch


@cache
def _next(state: State) -> tuple[tuple[str, State], ...]:
    return tuple(following(state, Rules(), BOUND))


def _unseen(states: Iterable[State], hidden: frozenset[str]) -> frozenset[State]:
    """These states, and all that the coordinator and such actions of runs lead to."""
    found, edge = set(states), list(states)
    while edge:
        for name, after in _next(edge.pop()):
            if after not in found and (name in hidden or not _is_of_driver(name)):
                found.add(after)
                edge.append(after)
    return frozenset(found)


def _is_of_driver(action: str) -> bool:
    return action.startswith(("a: ", "b: "))


def follow(trace: Iterable[tuple[str, str]]) -> Iterator[int]:
    """How many states of the model fit after each step; raises `NoPath` where none does. An empty step is a run's end."""
    path = Path()
    for run, step in trace:
        path.saw(run, step) if step else path.ended(run)
        yield len(path.states)
