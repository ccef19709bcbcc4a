"""Whether any readings could have added up to a row of states. One that none could have is wrong, whatever it is compared
with. Knows no table and no topic.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal, localcontext
from typing import Any

from spark_jobs.aggregates.aggregate import Aggregate
from spark_jobs.aggregates.states import EXACT, Count, Counted, Extreme, Picked, Row, SquareSum, State, Sum


@dataclass(frozen=True)
class Said:
    """What the states of the same values say of them: as many entries as states say it."""

    counts: list[int]
    sums: list[Decimal]
    squares: list[Decimal]
    least: list[Any]
    greatest: list[Any]
    picked: list[Any]

    @classmethod
    def by(cls, states: Iterable[State], row: Row) -> "Said":
        found = cls([], [], [], [], [], [])
        for one in states:
            for values in found._places(one):
                values.append(row[one.column])
        return found

    def _places(self, state: State) -> Iterator[list[Any]]:
        for kind, values in ((Count, self.counts), (Sum, self.sums), (SquareSum, self.squares)):
            if isinstance(state, kind):
                yield values
        if isinstance(state, Extreme):
            yield self.least if state.merge == "min" else self.greatest
        if isinstance(state, Picked) and state.part == "value":
            yield self.picked

    def truths(self) -> Iterator[bool]:
        """What holds of any values, of which there is at least one; all of it, where the first ones hold."""
        yield all(len(set(same)) < 2 for same in (self.counts, self.sums, self.squares, self.least, self.greatest))
        yield all(low <= one for low in self.least[:1] for one in (*self.picked, *self.greatest))
        yield all(one <= high for high in self.greatest[:1] for one in self.picked)
        if self.counts == [] or not (count := self.counts[0]):
            return
        if count == 1:
            yield len({*self.sums, *self.least, *self.greatest, *self.picked}) < 2
            yield all(one == total * total for total in self.sums for one in self.squares)
        for total in self.sums[:1]:
            yield from self._truths_of_a_sum(count, total)

    def _truths_of_a_sum(self, count: int, total: Decimal) -> Iterator[bool]:
        """One value is the least and one the greatest, and none of the others is beyond them."""
        yield all(count * low <= total for low in self.least)
        yield all(total <= count * high for high in self.greatest)
        yield all(total * total <= count * one for one in self.squares)
        for low, high in zip(self.least[:1], self.greatest[:1], strict=False):
            yield count == 1 or (count - 1) * low + high <= total <= low + (count - 1) * high
            # Each value x has (x - low) * (high - x) >= 0, and this is the sum of all of those.
            yield all(one + count * low * high <= (low + high) * total for one in self.squares)


def contradictions(aggregate: Aggregate, rows: Iterable[Row]) -> Iterator[tuple[Row, str | None]]:
    """Each of these contributions with those of its states, and their values, that contradict each other; None if none do."""
    by_values: dict[Counted | None, list[State]] = defaultdict(list)
    for state in aggregate.states:
        by_values[state.of].append(state)
    for row in rows:
        wrong = (states for states in by_values.values() if not _agree(states, row))
        yield row, next((", ".join(f"{one.column} {row[one.column]}" for one in states) for states in wrong), None)


def _agree(states: Iterable[State], row: Row) -> bool:
    """Whether any values have these states; of none, counts are 0 and all others null."""
    there = {row[one.column] > 0 if isinstance(one, Count) else row[one.column] is not None for one in states}
    if there != {True}:
        return there == {False}
    with localcontext(EXACT):
        return all(Said.by(states, row).truths())
