"""States: what is stored of a group's readings in one column, and how two of them become one.

Each is exact, commutative and associative, so what comes out does not depend on how readings were cut into batches. Knows no
table and no topic.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Context, Decimal
from typing import TYPE_CHECKING, Any, Literal, Protocol

import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from pyspark.sql import Column

VALUE = pa.decimal128(18, 6)
PLACES = 6
"""Of every quotient."""

EXACT = Context(prec=80)

Row = Mapping[str, Any]
Order = tuple[tuple[str, Literal["ascending", "descending"]], ...]
Merge = Literal["sum", "min", "max", "first"]
"""How Arrow makes one value of several; `first` is by the state's own order."""


class State(Protocol):
    """One column of a contribution: a field of the readings in one summary."""

    @property
    def column(self) -> str: ...
    @property
    def type(self) -> pa.DataType: ...
    @property
    def of(self) -> "Counted | None":
        """The values that it is of; None of the count of all readings."""

    @property
    def reads(self) -> tuple[str, ...]:
        """The columns of readings that it is made of."""

    @property
    def merge(self) -> Merge: ...
    @property
    def order(self) -> Order:
        """What contributions are sorted by before they are merged, nulls at the end; empty if it does not matter."""

    def added(self) -> "Column":
        """The summary of the readings of a group, in Spark; null of readings without a value, where it is no count."""

    def of_each(self, readings: pa.Table) -> pa.ChunkedArray:
        """The state of each reading by itself, in Arrow: merged, they must be what Spark has added up."""

    def both(self, one: Row, other: Row) -> Any:
        """The state of two rows together, in plain Python."""


@dataclass(frozen=True)
class Counted:
    """What a state is made of: a column of the readings, of those for which another one is true if `only` names that."""

    name: str
    only: str | None = None

    @property
    def sql(self) -> str:
        """The value or null, for Spark."""
        return f"CASE WHEN `{self.only}` THEN `{self.name}` END" if self.only else f"`{self.name}`"

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of readings that it is taken from."""
        return (self.name, self.only) if self.only else (self.name,)

    def values(self, readings: pa.Table) -> pa.ChunkedArray:
        """The value or null, in Arrow."""
        return pc.if_else(readings[self.only], readings[self.name], None) if self.only else readings[self.name]


@dataclass(frozen=True)
class Sum:
    """The exact sum of decimals of `scale` places, or of longs if that is 0, as `decimal(38,scale)`."""

    column: str
    of: Counted
    scale: int
    merge: Merge = "sum"
    order: Order = ()

    @property
    def reads(self) -> tuple[str, ...]:
        return self.of.columns

    @property
    def type(self) -> pa.DataType:
        return pa.decimal128(38, self.scale)

    def added(self) -> "Column":
        """A sum of millions, one of what is left of the whole part and one of the fraction; of values with more than 12 digits
        before the point also one of what is more than 12 digits.

        Spark adds up each of them as a long, and longer decimals as objects. 10^12 readings of a group fit into one batch; more
        would be an error, never a wrong sum.
        """
        from pyspark.sql import functions as F

        value = self.of.sql
        whole = f"cast({value} AS bigint)"
        trillions = [f"{whole} div 1000000000000"] if self.scale < PLACES else []
        millions = f"{whole} % 1000000000000 div 1000000" if trillions else f"{whole} div 1000000"
        added, *others = (F.sum(F.expr(part)) for part in (*trillions, millions, f"{whole} % 1000000"))
        for one in others:
            added = added * F.lit(Decimal(1_000_000)) + one
        if self.scale:
            fraction = f"cast({value} - cast({whole} AS decimal(18,0)) AS decimal({self.scale + 2},{self.scale}))"
            added = added + F.sum(F.expr(fraction))
        return added.cast(f"decimal(38,{self.scale})")

    def of_each(self, readings: pa.Table) -> pa.ChunkedArray:
        return self.of.values(readings).cast(self.type)

    def both(self, one: Row, other: Row) -> Decimal | None:
        return _sum(one[self.column], other[self.column])


@dataclass(frozen=True)
class SquareSum:
    """The exact sum of the squares of decimals of `scale` places and at most 12 digits, as `decimal(38,2 * scale)`."""

    column: str
    of: Counted
    scale: int
    merge: Merge = "sum"
    order: Order = ()

    @property
    def reads(self) -> tuple[str, ...]:
        return self.of.columns

    @property
    def type(self) -> pa.DataType:
        return pa.decimal128(38, 2 * self.scale)

    def added(self) -> "Column":
        from pyspark.sql import functions as F

        value = f"cast({self.of.sql} AS decimal(12,{self.scale}))"
        return F.sum(F.expr(f"{value} * {value}")).cast(f"decimal(38,{2 * self.scale})")

    def of_each(self, readings: pa.Table) -> pa.ChunkedArray:
        value = self.of.values(readings).cast(pa.decimal128(12, self.scale))
        return pc.multiply(value, value).cast(self.type)

    def both(self, one: Row, other: Row) -> Decimal | None:
        return _sum(one[self.column], other[self.column])


@dataclass(frozen=True)
class Count:
    """How many readings have a value, or how many there are if it is of none."""

    column: str
    of: Counted | None
    type = pa.int64()
    merge: Merge = "sum"
    order: Order = ()

    @property
    def reads(self) -> tuple[str, ...]:
        return self.of.columns if self.of else ()

    def added(self) -> "Column":
        from pyspark.sql import functions as F

        return F.count(F.expr(self.of.sql) if self.of else F.lit(1))

    def of_each(self, readings: pa.Table) -> pa.ChunkedArray:
        if self.of is None:
            return pa.chunked_array([pa.array([1] * readings.num_rows, self.type)])
        return pc.is_valid(self.of.values(readings)).cast(self.type)

    def both(self, one: Row, other: Row) -> int:
        return int(one[self.column] + other[self.column])


@dataclass(frozen=True)
class Extreme:
    """The least or the greatest value; texts are compared by their bytes."""

    column: str
    of: Counted
    type: pa.DataType
    merge: Literal["min", "max"]
    order: Order = ()

    @property
    def reads(self) -> tuple[str, ...]:
        return self.of.columns

    def added(self) -> "Column":
        from pyspark.sql import functions as F

        return (F.min if self.merge == "min" else F.max)(F.expr(self.of.sql))

    def of_each(self, readings: pa.Table) -> pa.ChunkedArray:
        return self.of.values(readings)

    def both(self, one: Row, other: Row) -> Any:
        choose = min if self.merge == "min" else max
        return choose(_there(one[self.column], other[self.column]), default=None)


PLACE: Mapping[str, pa.DataType] = {"event_time": pa.timestamp("us", tz="UTC"), "partition": pa.int32(), "offset": pa.int64()}
"""What tells two readings apart, in the order that decides which is the first: their time, then Kafka's own order."""


@dataclass(frozen=True)
class Picked:
    """One column of the first or the last reading that has a value: the value, or a part of the reading's place.

    `places` are the columns for the parts of the place, of all columns of one such measure. No two readings have one place, so
    there is never a tie.
    """

    column: str
    part: str
    of: Counted
    places: tuple[str, ...]
    type: pa.DataType
    is_last: bool
    merge: Merge = "first"

    @property
    def reads(self) -> tuple[str, ...]:
        return *self.of.columns, *PLACE

    @property
    def order(self) -> Order:
        return tuple((name, "descending" if self.is_last else "ascending") for name in self.places)

    def added(self) -> "Column":
        from pyspark.sql import functions as F

        reading = F.struct(*PLACE, F.expr(self.of.sql).alias("value"))
        there = F.when(F.expr(self.of.sql).isNotNull(), reading)
        return (F.max(there) if self.is_last else F.min(there))[self.part]

    def of_each(self, readings: pa.Table) -> pa.ChunkedArray:
        values = self.of.values(readings)
        return values if self.part == "value" else pc.if_else(pc.is_valid(values), readings[self.part], None)

    def both(self, one: Row, other: Row) -> Any:
        there = [row for row in (one, other) if row[self.places[0]] is not None]
        picked = sorted(there, key=lambda row: tuple(row[name] for name in self.places), reverse=self.is_last)
        return picked[0][self.column] if picked else None


def _sum(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    there = _there(one, other)
    return EXACT.add(*there) if len(there) > 1 else there[0] if there else None


def _there(*values: Any) -> list[Any]:
    return [one for one in values if one is not None]
