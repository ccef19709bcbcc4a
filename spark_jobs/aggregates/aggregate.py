"""An aggregate: a window, dimensions and measures, as one value. It alone knows the columns of contributions and totals.

A group is one window with one value of each dimension. A contribution is what one batch adds to a group, a total the merge of all
its contributions. Works on frames of Spark, tables of Arrow and plain rows; opens nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from spark_jobs.aggregates.measures import Count, Result, Row, State
from spark_jobs.aggregates.windows import Window

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

BATCH, REVISION = "batch", "revision"

Group = tuple[Any, ...]
"""Values of the group's columns, in the order of `Aggregate.group`."""


@dataclass(frozen=True)
class Dimension:
    """A column by which readings are grouped; null is a group, too, if it `may_be_null`."""

    column: str
    type: pa.DataType
    may_be_null: bool = False

    def equal(self, one: str, other: str) -> str:
        """That two tables have the same value there, in SQL of delta-rs, as a comparison by which it joins."""
        left, right = (f'{side}."{self.column}"' for side in (one, other))
        if not self.may_be_null:
            return f"{left} = {right}"
        filled = (f"coalesce({side}, {_SOME[self.type][0]})" for side in (left, right))
        return f"{' = '.join(filled)} AND ({left} IS NULL) = ({right} IS NULL)"

    @property
    def some(self) -> pa.Scalar:
        """A value to stand for null where only values can be compared."""
        return pa.scalar(_SOME[self.type][1], self.type)


_SOME: Mapping[pa.DataType, tuple[str, Any]] = {
    pa.string(): ("''", ""),
    pa.binary(): ("X''", b""),
    pa.int32(): ("CAST(0 AS INT)", 0),
    pa.int64(): ("CAST(0 AS BIGINT)", 0),
    pa.bool_(): ("false", False),
    pa.date32(): ("DATE '1970-01-01'", date(1970, 1, 1)),
}
"""Of each type that a dimension may have: a value in SQL of delta-rs, and the same in Python."""


@dataclass(frozen=True)
class Measure:
    """What is summed up under one name: its states, the results that follow from them, and which columns of both are shown."""

    states: tuple[State, ...]
    results: tuple[Result, ...]
    shown: tuple[str, ...]

    @property
    def parts(self) -> tuple[str, ...]:
        """States that are no result."""
        return tuple(one.column for one in self.states if one.column not in self.shown)


@dataclass(frozen=True)
class Aggregate:
    """Grain of contributions: one row for each batch and group; of totals: one for each group.
    `keys` are the window and the dimensions in the order of the tables, `count` is the state that counts readings.
    """

    name: str
    keys: tuple[Window | Dimension, ...]
    count: Count
    measures: tuple[Measure, ...]

    @cached_property
    def window(self) -> Window:
        (found,) = (one for one in self.keys if isinstance(one, Window))
        return found

    @cached_property
    def dimensions(self) -> tuple[Dimension, ...]:
        return tuple(one for one in self.keys if isinstance(one, Dimension))

    @cached_property
    def states(self) -> tuple[State, ...]:
        """Those of all measures, and the count."""
        of_measures = [state for measure in self.measures for state in measure.states]
        return tuple({one.column: one for one in (*of_measures, self.count)}.values())

    @cached_property
    def results(self) -> tuple[Result, ...]:
        return tuple(result for measure in self.measures for result in measure.results)

    @cached_property
    def group(self) -> tuple[str, ...]:
        """The columns of a group."""
        return tuple(one.column for one in self.keys)

    @cached_property
    def contributions(self) -> pa.Schema:
        return pa.schema([(BATCH, pa.int64()), *self._key_fields, *((one.column, one.type) for one in self.states)])

    @cached_property
    def totals(self) -> pa.Schema:
        """What is shown first, then the parts of states that are not."""
        types = {one.column: one.type for one in (*self.states, *self.results)}
        shown = [name for measure in self.measures for name in measure.shown]
        names = [*shown, *(one.column for one in self.states if one.column not in shown)]
        return pa.schema(
            [*self._key_fields, *((name, types[name]) for name in names), (REVISION, pa.int64()), (BATCH, pa.int64())]
        )

    @property
    def _key_fields(self) -> list[tuple[str, pa.DataType]]:
        return [(one.column, one.type) for one in self.keys]

    @property
    def compared(self) -> tuple[str, ...]:
        """Columns of totals that follow from contributions."""
        return tuple(name for name in self.totals.names if name not in self.group)

    @property
    def order(self) -> list[tuple[str, str]]:
        """How totals are sorted before they are published."""
        return [(name, "ascending") for name in self.group]

    def same_group(self, one: str, other: str) -> str:
        """That two tables have the same group, in SQL of delta-rs."""
        window = f'{one}."{self.window.column}" = {other}."{self.window.column}"'
        return " AND ".join([window, *(dimension.equal(one, other) for dimension in self.dimensions)])

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
        columns = {
            **{name: merged[name] for name in self.group},
            **states,
            **self._results_of(states),
            REVISION: [revisions_after + 1] * merged.num_rows,
            BATCH: [batch] * merged.num_rows,
        }
        return pa.table({name: columns[name] for name in self.totals.names}, schema=self.totals)

    def _results_of(self, states: dict[str, Any]) -> dict[str, list[Any]]:
        needed = {name for one in self.results for name in one.needs}
        rows = pa.table({name: states[name] for name in needed}).to_pylist()
        return {one.column: [one.of(row) for row in rows] for one in self.results}

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
        if not any(rows[one.column].null_count + groups[one.column].null_count for one in self.dimensions):
            return rows.join(groups.select(list(self.group)), list(self.group), join_type="left semi", use_threads=False)
        keyed, wanted = self._without_nulls(rows), self._without_nulls(groups)
        keys = list(wanted.column_names)
        places = pa.table({**{name: keyed[name] for name in keys}, "_place": pa.array(range(rows.num_rows))})
        found = places.join(wanted, keys, join_type="left semi", use_threads=False)
        return rows.take(found.sort_by("_place")["_place"])

    def _without_nulls(self, rows: pa.Table) -> pa.Table:
        """The group's columns, which Arrow joins by values alone: null is some value, and another column says that it is none."""
        columns = {self.window.column: rows[self.window.column]}
        for one in self.dimensions:
            columns[one.column] = pc.fill_null(rows[one.column], one.some)
            columns[f"{one.column} is null"] = pc.is_null(rows[one.column])
        return pa.table(columns)
