"""An aggregate: a window, dimensions and measures, as one value. It alone knows the columns of contributions and totals.

A group is one window with one value of each dimension. A contribution is what one batch adds to a group, a total the merge of all
its contributions. Works on frames of Spark, tables of Arrow and plain rows; opens nothing.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from spark_jobs.aggregates.grouping import Dimension, merged_by_group, touched_rows
from spark_jobs.aggregates.results import Result
from spark_jobs.aggregates.states import Count, Counted, Row, State
from spark_jobs.aggregates.windows import EVENT_TIME, Window

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

BATCH, REVISION, PARTITION = "batch", "revision", "partition"
Group = tuple[Any, ...]
"""Values of the group's columns, in the order of `Aggregate.group`."""


@dataclass(frozen=True)
class Measure:
    """What is summed up under one name: its states, the results that follow from them, and which columns of both are shown.

    `members` are the different values that were seen in a group, as an aggregate of its own, whose rows are counted for `shown`.
    """

    states: tuple[State, ...]
    results: tuple[Result, ...]
    shown: tuple[str, ...]
    members: "Aggregate | None" = None

    @property
    def counted(self) -> str:
        """The state that counts the values."""
        return self.states[0].column

    @property
    def parts(self) -> tuple[str, ...]:
        """States that are no result."""
        return tuple(one.column for one in self.states if one.column not in self.shown)


@dataclass(frozen=True)
class Aggregate:
    """Grain of contributions: one row for each batch and group; of totals: one for each group.

    `keys` are the window and the dimensions in the order of the tables, `count` is the state that counts readings. Readings that
    have no value `of` that are none of it. `is_declared` is False of the one aggregate of pipelines that declare none: its
    readings carry their window, and its tables and messages have the names and the form that they have always had. If it
    `is_published`, its totals become messages.
    """

    name: str
    keys: tuple[Window | Dimension, ...]
    count: Count
    measures: tuple[Measure, ...]
    of: Counted | None = None
    is_declared: bool = True
    is_published: bool = True

    @property
    def title(self) -> str:
        """What its totals are called in a sentence."""
        return f"the totals {self.name}" if self.is_declared else f"the {self.name.replace('_', ' ')}"

    @property
    def contributions_table(self) -> str:
        return f"{self.name}_contributions" if self.is_declared else "contributions"

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
    def members(self) -> Mapping[str, "Aggregate"]:
        """By the column that counts them: the aggregates of members."""
        return {one.shown[0]: one.members for one in self.measures if one.members}

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
        types = {one.column: one.type for one in self.states} | {one.column: one.type for one in self.results}
        types |= dict.fromkeys(self.members, pa.int64())
        names = [*self.shown, *(one.column for one in self.states if one.column not in self.shown)]
        return pa.schema(
            [*self._key_fields, *((name, types[name]) for name in names), (REVISION, pa.int64()), (BATCH, pa.int64())]
        )

    @cached_property
    def shown(self) -> tuple[str, ...]:
        """The columns of results."""
        return tuple(name for measure in self.measures for name in measure.shown)

    @cached_property
    def published(self) -> tuple[str, ...]:
        """The columns of results that go into messages."""
        return self.shown if self.is_declared else tuple(one.column for one in self.results)

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

    @property
    def is_by_partition(self) -> bool:
        return PARTITION in self.group

    def partition_of(self, row: Row) -> int | None:
        """The partition of a row's readings, if they are grouped by it."""
        return row[PARTITION] if self.is_by_partition else None

    def named(self, row: Row) -> str:
        """A row's group in words."""
        return ", ".join(
            f"{one.column} {row[one.column]}" if isinstance(one, Dimension) else one.text(row[one.column]) for one in self.keys
        )

    def readings(self, row: Row) -> int:
        """How many readings a contribution or a total is made of."""
        return int(row[self.count.column])

    @cached_property
    def reads(self) -> tuple[str, ...]:
        """The columns of readings that it is made of."""
        window = EVENT_TIME if self.is_declared else self.window.column
        of_states = [name for one in self.states for name in one.reads]
        return tuple(dict.fromkeys([window, *(one.source for one in self.dimensions), *of_states]))

    def add_up(self, readings: "DataFrame", *others: "Column") -> "DataFrame":
        """What readings add, one row per batch and group; in: the columns of `records`, out:
        those of contributions, and `others`.
        """
        from pyspark.sql import functions as F

        there = readings.where(F.expr(f"{self.of.sql} IS NOT NULL")) if self.of else readings
        window = self.window.of_column(F.col(EVENT_TIME)) if self.is_declared else F.col(self.window.column)
        keys = [
            F.col(f"`{one.source}`").alias(one.column) if isinstance(one, Dimension) else window.alias(one.column)
            for one in self.keys
        ]
        return there.groupBy(BATCH, *keys).agg(*(one.added().alias(one.column) for one in self.states), *others)

    def again(self, readings: pa.Table) -> pa.Table:
        """The same in Arrow, of readings of one batch and without its number: each is a contribution, and they are merged."""
        there = readings.filter(pc.is_valid(self.of.values(readings))) if self.of else readings
        window = self.window.of_instants(there[EVENT_TIME]) if self.is_declared else there[self.window.column]
        keys = {one.column: there[one.source] if isinstance(one, Dimension) else window for one in self.keys}
        return self.merge(pa.table({**keys, **{one.column: one.of_each(there) for one in self.states}}))

    def merge(self, contributions: pa.Table) -> pa.Table:
        """One row per group: the group's columns and its states."""
        return merged_by_group(contributions, self.group, self.states)

    def total(
        self, contributions: pa.Table, *, batch: int, revisions_after: int = 0, members: Mapping[str, pa.Table] | None = None
    ) -> pa.Table:
        """What these contributions add up to, as of `batch`; `revision` is that of a group's first publication.

        `members` are the rows of the totals of members, of the groups that are here.
        """
        merged = self.merge(contributions)
        columns = {
            **{name: merged[name] for name in merged.column_names},
            **self._results_of(merged),
            **{name: self._counted(merged, (members or {})[name]) for name in self.members},
            REVISION: [revisions_after + 1] * merged.num_rows,
            BATCH: [batch] * merged.num_rows,
        }
        return pa.table({name: columns[name] for name in self.totals.names}, schema=self.totals)

    def _results_of(self, states: pa.Table) -> dict[str, list[Any]]:
        needed = {name for one in self.results for name in one.needs}
        rows = states.select(sorted(needed)).to_pylist()
        return {one.column: [one.of(row) for row in rows] for one in self.results}

    def _counted(self, groups: pa.Table, members: pa.Table) -> list[int]:
        """How many rows there are of each group."""
        names = list(self.group)
        counts = members.group_by(names, use_threads=False).aggregate([([], "count_all")]).to_pylist()
        found = {self.group_of(row): row["count_all"] for row in counts}
        return [found.get(self.group_of(row), 0) for row in groups.select(names).to_pylist()]

    def merged(self, one: Row, other: Row) -> dict[str, Any]:
        """The states of two rows as one, and what follows from them: the same as `total`, worked out in plain Python."""
        return self.with_results({state.column: state.both(one, other) for state in self.states})

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
        return touched_rows(rows, groups, self.window.column, self.dimensions)


def with_members(aggregates: Iterable[Aggregate]) -> Iterator[Aggregate]:
    """Each of them behind the aggregates of its members, whose totals it counts."""
    for one in aggregates:
        yield from one.members.values()
        yield one


def sortable(group: Group) -> tuple[tuple[bool, object], ...]:
    """To sort groups by, in which null is the first."""
    return tuple((one is not None, one) for one in group)
