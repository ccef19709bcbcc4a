"""Groups: by which columns rows are grouped, and how rows of one group become one or are found, in Arrow and in SQL.

Null is a group like every other, which neither Arrow's join nor the SQL of delta-rs takes it for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from spark_jobs.aggregates.states import Order, State


@dataclass(frozen=True)
class Dimension:
    """A column by which readings are grouped; null is a group, too, if it `may_be_null`.
    `source` is the column of readings, if that has another name.
    """

    column: str
    type: pa.DataType
    may_be_null: bool = False
    source_name: str = ""

    @property
    def source(self) -> str:
        return self.source_name or self.column

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


def merged_by_group(rows: pa.Table, group: Sequence[str], states: Sequence[State]) -> pa.Table:
    """One row per group: its columns, and each state of all its rows merged."""
    names = list(group)
    orders = dict.fromkeys(one.order for one in states if one.order)
    # Groups come in the order in which they are met. Where rows are sorted in more than one way, groups are sorted before them.
    rows = rows.sort_by([(name, "ascending") for name in names]) if orders else rows
    unordered = [one for one in states if not one.order]
    merged = rows.group_by(names, use_threads=False).aggregate([(one.column, one.merge) for one in unordered])
    columns = {name: merged[name] for name in names}
    columns |= {one.column: merged[f"{one.column}_{one.merge}"] for one in unordered}
    for order in orders:
        first = _first(rows, names, order)
        columns |= {one.column: first[one.column] for one in states if one.order == order}
    return pa.table(columns)


def _first(rows: pa.Table, group: Sequence[str], order: Order) -> pa.Table:
    """The first row of each group in this order. Arrow picks the first of whole numbers, but not of decimals."""
    ordered = rows.sort_by([*((name, "ascending") for name in group), *order])
    placed = ordered.append_column("_place", pa.array(range(rows.num_rows), pa.int64()))
    return ordered.take(placed.group_by(list(group), use_threads=False).aggregate([("_place", "min")])["_place_min"])


def touched_rows(rows: pa.Table, groups: pa.Table, window: str, dimensions: Sequence[Dimension]) -> pa.Table:
    """Those rows whose group is among `groups`."""
    if not any(rows[one.column].null_count + groups[one.column].null_count for one in dimensions):
        names = [window, *(one.column for one in dimensions)]
        return rows.join(groups.select(names), names, join_type="left semi", use_threads=False)
    keyed, wanted = (_without_nulls(one, window, dimensions) for one in (rows, groups))
    keys = list(wanted.column_names)
    places = pa.table({**{name: keyed[name] for name in keys}, "_place": pa.array(range(rows.num_rows), pa.int64())})
    found = places.join(wanted, keys, join_type="left semi", use_threads=False)
    return rows.take(found.sort_by("_place")["_place"])


def _without_nulls(rows: pa.Table, window: str, dimensions: Sequence[Dimension]) -> pa.Table:
    """The group's columns, which Arrow joins by values alone: null is some value, and another column says that it is none."""
    columns = {window: rows[window]}
    for one in dimensions:
        columns[one.column] = pc.fill_null(rows[one.column], one.some)
        columns[f"{one.column} is null"] = pc.is_null(rows[one.column])
    return pa.table(columns)
