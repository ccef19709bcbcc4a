"""The tables of a pipeline: their names and columns, and which columns of `records` every commit carries statistics of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import pyarrow as pa

from spark_jobs.aggregates.aggregate import Aggregate, with_members
from spark_jobs.aggregates.daily_average import DAILY_AVERAGE
from spark_jobs.aggregates.declared_aggregates import aggregates_of
from spark_jobs.aggregates.states import VALUE
from spark_jobs.pipeline.field_types import stored_type
from spark_jobs.pipeline.rules import DeclaredRules, Rules

CHECKPOINTS, RECORDS = "checkpoints", "records"
FILTERED, REJECTED = "filtered", "rejected_because"

_INSTANT = pa.timestamp("us", tz="UTC")
_RANGE = pa.struct([("partition", pa.int32()), ("start", pa.int64()), ("end", pa.int64())])
_COUNTED = [("partition", pa.int32()), *((name, pa.int64()) for name in ("read", "accepted", "rejected", "gaps"))]

_PLACE = [("partition", pa.int32()), ("offset", pa.int64()), ("kafka_timestamp", _INSTANT), ("key", pa.binary())]
_FATE = [("rounded_from", pa.string()), (REJECTED, pa.string()), ("raw", pa.binary()), ("batch", pa.int64())]


@dataclass(frozen=True)
class Layout:
    """What a pipeline's tables look like. `read` are the columns of `records` that come out of a message, `required` those that
    no accepted record lacks; `filters` says whether records may be there that count in no aggregate.
    """

    read: tuple[tuple[str, pa.DataType], ...]
    required: tuple[str, ...]
    aggregates: tuple[Aggregate, ...]
    filters: bool

    @property
    def fields(self) -> tuple[tuple[str, pa.DataType], ...]:
        """The columns of `records` that a pipeline file declares."""
        return self.read[1:] if self.filters else ()

    @cached_property
    def schemas(self) -> Mapping[str, pa.Schema]:
        """The columns of each table, in the order in which tables are written."""
        filtered = [(FILTERED, pa.bool_())] if self.filters else []
        found = {CHECKPOINTS: _checkpoints(filters=self.filters), RECORDS: pa.schema([*_PLACE, *self.read, *filtered, *_FATE])}
        for one in self.all_aggregates:
            found |= {one.contributions_table: one.contributions, one.name: one.totals}
        return found

    @property
    def published(self) -> tuple[Aggregate, ...]:
        """Those whose totals become messages."""
        return tuple(one for one in self.aggregates if one.is_published)

    @cached_property
    def all_aggregates(self) -> tuple[Aggregate, ...]:
        """Each behind those of its members."""
        return tuple(with_members(self.aggregates))

    @cached_property
    def with_statistics(self) -> tuple[str, ...]:
        """Columns of `records` that every commit carries statistics of: verification reads these instead of rows where it can."""
        window = "event_time" if self.filters else "date"
        filtered = (FILTERED,) if self.filters else ()
        return "partition", "offset", window, *filtered, "batch", "rounded_from", REJECTED


def _checkpoints(*, filters: bool) -> pa.Schema:
    counts = pa.struct([*_COUNTED, (FILTERED, pa.int64())] if filters else _COUNTED)
    return pa.schema(
        [
            pa.field("sequence", pa.int64(), nullable=False),
            pa.field("batch", pa.int64(), nullable=False),
            pa.field("state", pa.string(), nullable=False),
            ("run_id", pa.string()),
            pa.field("at", _INSTANT, nullable=False),
            ("topic_id", pa.string()),
            ("ranges", pa.list_(_RANGE)),
            ("counts", pa.list_(counts)),
            ("details", pa.string()),
        ]
    )


DAILY = Layout(
    (("event_time", _INSTANT), ("date", pa.date32()), ("value", VALUE)),
    ("event_time", "date", "value"),
    (DAILY_AVERAGE,),
    filters=False,
)
"""Of a pipeline whose aggregates are not declared."""


def layout_of(rules: Rules) -> Layout:
    """The tables that these rules fill."""
    if not isinstance(rules, DeclaredRules):
        return DAILY
    read = {name: stored_type(kind).arrow for name, kind in rules.records.types.items()}
    required = ("event_time", FILTERED, *(name for name in read if name not in rules.records.nullable))
    return Layout((("event_time", _INSTANT), *read.items()), required, aggregates_of(rules), filters=True)


def layout_of_all(layouts: Sequence[Layout]) -> Layout:
    """What the last of them is, with the fields and the aggregates that the others have besides."""
    read = {name: kind for one in layouts for name, kind in one.read}
    aggregates = {one.name: one for layout in reversed(layouts) for one in reversed(layout.aggregates)}
    return replace(layouts[-1], read=tuple(read.items()), aggregates=tuple(reversed(aggregates.values())))
