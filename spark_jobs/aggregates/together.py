"""Aggregates that are added up together, in one pass over the records.

Records are grouped by all windows of aggregates that have the same dimensions, and by the value of which one of their measures
counts the different ones. There are hardly more such groups than rows of members, and each contribution is merged from them.
States are exact and merge in any order, so it is the same as if every aggregate were added up by itself.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from spark_jobs.aggregates.aggregate import BATCH, Aggregate
from spark_jobs.aggregates.grouping import Dimension
from spark_jobs.aggregates.states import Counted, State
from spark_jobs.aggregates.windows import EVENT_TIME, Window

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_MEMBER = "_member"


@dataclass(frozen=True)
class Together:
    """Declared aggregates with the same dimensions; those of members among them have the member `of` besides."""

    aggregates: tuple[Aggregate, ...]
    dimensions: tuple[Dimension, ...]
    of: Counted | None

    @cached_property
    def _windows(self) -> dict[Window, str]:
        windows = dict.fromkeys(one.window for one in self.aggregates)
        return {window: f"_window_{number}" for number, window in enumerate(windows)}

    @cached_property
    def _states(self) -> dict[State, str]:
        """Two aggregates may mean different things by one name; what means the same is added up once."""
        states = dict.fromkeys(state for one in self.aggregates for state in one.states)
        return {state: f"_state_{number}" for number, state in enumerate(states)}

    def add_up(self, accepted: "DataFrame") -> "DataFrame":
        """One row for each group of all of them; in: the columns of `records`."""
        from pyspark.sql import functions as F

        windows = [window.of_column(F.col(EVENT_TIME)).alias(name) for window, name in self._windows.items()]
        dimensions = [F.col(f"`{one.source}`").alias(one.column) for one in self.dimensions]
        member = [F.expr(self.of.sql).alias(_MEMBER)] if self.of else []
        states = [state.added().alias(name) for state, name in self._states.items()]
        return accepted.groupBy(*windows, *dimensions, *member).agg(*states)

    def contributions(self, added: pa.Table, aggregate: Aggregate, batch: int) -> pa.Table:
        """What the batch adds to one of them, out of what `add_up` found; the columns of its contributions."""
        there = added.filter(pc.is_valid(added[_MEMBER])) if aggregate.of else added
        keys = {one.column: there[self._column(one)] for one in aggregate.keys}
        states = {one.column: there[self._states[one]] for one in aggregate.states}
        merged = aggregate.merge(pa.table({**keys, **states}))
        return merged.append_column(BATCH, pa.array([batch] * merged.num_rows, pa.int64()))

    def _column(self, key: Window | Dimension) -> str:
        if isinstance(key, Window):
            return self._windows[key]
        return key.column if key in self.dimensions else _MEMBER


def together(aggregates: Iterable[Aggregate]) -> list[Together]:
    """Passes in which all of them, and those of their members, are added up.

    An aggregate is in the pass of its first measure that has members, or else in any pass over its dimensions.
    """
    found: dict[tuple[tuple[Dimension, ...], Counted | None], list[Aggregate]] = {}
    for one in sorted(aggregates, key=lambda one: not one.members):
        for members in one.members.values():
            found.setdefault((one.dimensions, members.of), []).append(members)
        place = next((key for key in found if key[0] == one.dimensions and _serves(one, key[1])), (one.dimensions, None))
        found.setdefault(place, []).append(one)
    return [Together(tuple(those), dimensions, of) for (dimensions, of), those in found.items()]


def _serves(aggregate: Aggregate, of: Counted | None) -> bool:
    first = next(iter(aggregate.members.values()), None)
    return first is None or first.of == of
