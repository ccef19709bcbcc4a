"""An aggregate: a window, dimensions and measures, as one value. It alone knows the columns of contributions and totals.

A group is one window with one value of each dimension. A contribution is what one batch adds to a group, a total the merge of all
its contributions. Works on frames of Spark, tables of Arrow and plain rows; opens nothing.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from spark_jobs.aggregates.measures import Count, Result, Row, State

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

BATCH, REVISION = "batch", "revision"

Group = tuple[Any, ...]
"""Values of the group's columns, in the order of `Aggregate.group`."""


@dataclass(frozen=True)
class Dimension:
    """A column by which readings are grouped."""

    column: str
    type: pa.DataType


@dataclass(frozen=True)
class Window(Dimension):
    """A piece of event time, named by its first day in the pipeline's zone."""

    def text(self, value: Any) -> str:
        return str(value.isoformat())


@dataclass(frozen=True)
class Aggregate:
    """Grain of contributions: one row for each batch and group; of totals: one for each group.
    `count` is the state that counts readings.
    """

    dimensions: tuple[Dimension, ...]
    window: Window
    count: Count
    states: tuple[State, ...]
    results: tuple[Result, ...]

    @cached_property
    def group(self) -> tuple[str, ...]:
        """The columns of a group."""
        return (*(one.column for one in self.dimensions), self.window.column)

    @cached_property
    def contributions(self) -> pa.Schema:
        return pa.schema([(BATCH, pa.int64()), *self._group_fields, *self._state_fields])

    @cached_property
    def totals(self) -> pa.Schema:
        results = [(one.column, one.type) for one in self.results]
        return pa.schema([*self._group_fields, *self._state_fields, *results, (REVISION, pa.int64()), (BATCH, pa.int64())])

    @property
    def _group_fields(self) -> list[tuple[str, pa.DataType]]:
        return [(one.column, one.type) for one in (*self.dimensions, self.window)]

    @property
    def _state_fields(self) -> list[tuple[str, pa.DataType]]:
        return [(one.column, one.type) for one in self.states]

    @property
    def compared(self) -> tuple[str, ...]:
        """Columns of totals that follow from contributions."""
        return tuple(name for name in self.totals.names if name not in self.group)

    @property
    def order(self) -> list[tuple[str, str]]:
        """How totals are sorted before they are published."""
        return [(name, "ascending") for name in self.group]

    def group_of(self, row: Row) -> Group:
        return tuple(row[name] for name in self.group)

    def readings(self, row: Row) -> int:
        """How many readings a contribution or a total is made of."""
        return int(row[self.count.column])

    def add_up(self, records: "DataFrame", *others: "Column") -> "DataFrame":
        """What records add, one row per batch and group; in: the columns of `records`, out:
        those of contributions, and `others`.
        """
        return records.groupBy(BATCH, *self.group).agg(*(one.added().alias(one.column) for one in self.states), *others)

    def again(self, table: str, batch: int) -> str:
        """The same of the accepted records of one batch, as SQL of delta-rs."""
        groups = ", ".join(f'"{name}"' for name in self.group)
        sums = ", ".join(f"{one.again()} AS {one.column}" for one in self.states)
        return f"SELECT {groups}, {sums} FROM {table} WHERE {BATCH} = {batch:d} AND rejected_because IS NULL GROUP BY {groups}"

    def total(self, contributions: pa.Table, *, batch: int, revisions_after: int = 0) -> pa.Table:
        """What these contributions add up to, as of `batch`; `revision` is that of a group's first publication."""
        merged = contributions.group_by(list(self.group), use_threads=False).aggregate(
            [(one.column, one.merge) for one in self.states]
        )
        states = {one.column: merged[f"{one.column}_{one.merge}"] for one in self.states}
        needed = {name for one in self.results for name in one.needs}
        rows = pa.table({name: states[name] for name in needed}).to_pylist()
        columns = {
            **{name: merged[name] for name in self.group},
            **states,
            **{one.column: [one.of(row) for row in rows] for one in self.results},
            REVISION: [revisions_after + 1] * merged.num_rows,
            BATCH: [batch] * merged.num_rows,
        }
        return pa.table(columns, schema=self.totals)

    def merged(self, one: Row, other: Row) -> dict[str, Any]:
        """The states of two rows as one, and what follows from them: the same as `total`, worked out in plain Python."""
        return self.with_results({state.column: state.both(one[state.column], other[state.column]) for state in self.states})

    def with_results(self, states: Row) -> dict[str, Any]:
        """The states of a row, and its results."""
        found = {state.column: states[state.column] for state in self.states}
        return found | {result.column: result.of(found) for result in self.results}

    def windows(self, rows: pa.Table) -> tuple[Any, Any]:
        """The first and the last window of these rows."""
        bounds = pc.min_max(rows[self.window.column])
        return bounds["min"].as_py(), bounds["max"].as_py()

    def within(self, rows: pa.Table) -> list[tuple[str, str, Any]]:
        """A condition that holds of every group of these rows. A range rather than a list: file statistics skip by it."""
        first, last = self.windows(rows)
        return [(self.window.column, ">=", first), (self.window.column, "<=", last)]

    def touched(self, rows: pa.Table, groups: pa.Table) -> pa.Table:
        """Those rows whose group is among `groups`."""
        return rows.join(groups.select(list(self.group)), list(self.group), join_type="left semi", use_threads=False)
