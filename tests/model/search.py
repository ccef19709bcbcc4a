"""A breadth-first search of all states up to a bound; the shortest way to the first one that must not be."""

from array import array
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

S = TypeVar("S", bound=Hashable)


@dataclass(frozen=True)
class Search:
    """How many states were looked at, how many steps from the beginning, and whether these are all that there are.
    `way` leads to a state that is `broken`, if there is one among them.
    """

    states: int
    depth: int
    complete: bool
    broken: str | None = None
    way: tuple[str, ...] = ()


def search(
    beginning: S,
    following: Callable[[S], Iterable[tuple[str, S]]],
    broken: Callable[[S], str | None],
    most: int,
) -> Search:
    """Look at `most` states at most.

    A state that was looked at is remembered by its hash of 64 bits alone: of ten million states, the chance that two share one,
    and the second is passed over, is some 1 in 400,000.
    """
    ways = _Ways()
    seen, edge, depth = {hash(beginning)}, [(0, beginning)], 0
    while edge:
        later = []
        for place, state in edge:
            for name, after in following(state):
                known = len(seen)
                seen.add(hash(after))
                if len(seen) == known:
                    continue
                later.append((ways.add(place, name), after))
                if trouble := broken(after):
                    return Search(len(seen), depth + 1, False, trouble, tuple(ways.to(later[-1][0])))
                if len(seen) >= most:
                    return Search(len(seen), depth + 1, False)
        edge, depth = later, depth + 1
    return Search(len(seen), depth, True)


class _Ways:
    """How each state was reached first, as the number of the state before it and of the action's name."""

    def __init__(self) -> None:
        self._names: dict[str, int] = {}
        self._before = array("Q", [0])
        self._by = array("H", [0])

    def add(self, before: int, name: str) -> int:
        self._before.append(before)
        self._by.append(self._names.setdefault(name, len(self._names)))
        return len(self._before) - 1

    def to(self, place: int) -> Iterator[str]:
        names, found = list(self._names), []
        while place:
            found.append(names[self._by[place]])
            place = self._before[place]
        return reversed(found)
