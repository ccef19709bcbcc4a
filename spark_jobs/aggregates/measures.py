"""Measures: what is summed up of a group's readings, as a state that merges and a result that is shown.

A state is stored and merged: exact, commutative and associative, so what comes out does not depend on how readings were cut into
batches. Results follow from states alone, by one division at the very end. Knows no table and no topic.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Context, Decimal
from math import isqrt
from typing import TYPE_CHECKING, Any, Literal, Protocol

import pyarrow as pa

if TYPE_CHECKING:
    from pyspark.sql import Column

VALUE = pa.decimal128(18, 6)
PLACES = 6
"""Of every quotient."""

_EXACT = Context(prec=80)

Row = Mapping[str, Any]


class State(Protocol):
    """One column of a contribution: a field of the readings in one summary, and how two of them become one."""

    @property
    def column(self) -> str: ...
    @property
    def type(self) -> pa.DataType: ...
    @property
    def merge(self) -> Literal["sum", "min", "max"]:
        """The Arrow aggregate that makes one of several."""

    def added(self) -> "Column":
        """The summary of the readings of a group, in Spark; null of readings without a value, where it is no count."""

    def again(self) -> str:
        """The same in SQL of delta-rs, worked out in another way: for the audit."""

    def both(self, one: Any, other: Any) -> Any:
        """Two of them as one, in plain Python."""


@dataclass(frozen=True)
class Counted:
    """What a state is made of: a column of the readings, of those for which another one is true if `only` names that."""

    name: str
    only: str | None = None

    @property
    def sql(self) -> str:
        """The value or null, as Spark and delta-rs both read it."""
        return f"CASE WHEN {self.only} THEN {self.name} END" if self.only else self.name


@dataclass(frozen=True)
class Sum:
    """The exact sum of decimals of `scale` places, or of longs if that is 0, as `decimal(38,scale)`."""

    column: str
    of: Counted
    scale: int
    merge: Literal["sum"] = "sum"

    @property
    def type(self) -> pa.DataType:
        return pa.decimal128(38, self.scale)

    def added(self) -> "Column":
        """A sum of millions, one of what is left of the whole part and one of the fraction.

        Spark adds up each of them as a long, and longer decimals as objects. 10^12 readings of a group fit into one batch; more
        would be an error, never a wrong sum.
        """
        from pyspark.sql import functions as F

        value = self.of.sql
        whole = f"cast({value} AS bigint)"
        millions, units = (F.sum(F.expr(part)) for part in (f"{whole} div 1000000", f"{whole} % 1000000"))
        added = millions * F.lit(Decimal(1_000_000)) + units
        if self.scale:
            fraction = f"cast({value} - cast({whole} AS decimal(18,0)) AS decimal({self.scale + 2},{self.scale}))"
            added = added + F.sum(F.expr(fraction))
        return added.cast(f"decimal(38,{self.scale})")

    def again(self) -> str:
        return f"sum(CAST({self.of.sql} AS DECIMAL(38, {self.scale})))"

    def both(self, one: Decimal | None, other: Decimal | None) -> Decimal | None:
        return _EXACT.add(one, other) if one is not None and other is not None else _there(one, other)


@dataclass(frozen=True)
class SquareSum:
    """The exact sum of the squares of decimals of `scale` places and at most 12 digits, as `decimal(38,2 * scale)`."""

    column: str
    of: Counted
    scale: int
    merge: Literal["sum"] = "sum"

    @property
    def type(self) -> pa.DataType:
        return pa.decimal128(38, 2 * self.scale)

    def added(self) -> "Column":
        from pyspark.sql import functions as F

        value = f"cast({self.of.sql} AS decimal(12,{self.scale}))"
        return F.sum(F.expr(f"{value} * {value}")).cast(f"decimal(38,{2 * self.scale})")

    def again(self) -> str:
        value = f"CAST({self.of.sql} AS DECIMAL(12, {self.scale}))"
        return f"CAST(sum(CAST({value} * {value} AS DECIMAL(38, {2 * self.scale}))) AS DECIMAL(38, {2 * self.scale}))"

    def both(self, one: Decimal | None, other: Decimal | None) -> Decimal | None:
        return _EXACT.add(one, other) if one is not None and other is not None else _there(one, other)


@dataclass(frozen=True)
class Count:
    """How many readings have a value, or how many there are if it is of none."""

    column: str
    of: Counted | None
    type = pa.int64()
    merge: Literal["sum"] = "sum"

    def added(self) -> "Column":
        from pyspark.sql import functions as F

        return F.count(F.expr(self.of.sql) if self.of else F.lit(1))

    def again(self) -> str:
        return f"count({self.of.sql if self.of else '*'})"

    def both(self, one: int, other: int) -> int:
        return one + other


@dataclass(frozen=True)
class Lowest:
    """The lowest value; texts are compared by their bytes."""

    column: str
    of: Counted
    type: pa.DataType
    merge: Literal["min"] = "min"

    def added(self) -> "Column":
        from pyspark.sql import functions as F

        return F.min(F.expr(self.of.sql))

    def again(self) -> str:
        return f"min({self.of.sql})"

    def both(self, one: Any, other: Any) -> Any:
        return min(one, other) if one is not None and other is not None else _there(one, other)


@dataclass(frozen=True)
class Highest:
    """The highest value; texts are compared by their bytes."""

    column: str
    of: Counted
    type: pa.DataType
    merge: Literal["max"] = "max"

    def added(self) -> "Column":
        from pyspark.sql import functions as F

        return F.max(F.expr(self.of.sql))

    def again(self) -> str:
        return f"max({self.of.sql})"

    def both(self, one: Any, other: Any) -> Any:
        return max(one, other) if one is not None and other is not None else _there(one, other)


def _there(one: Any, other: Any) -> Any:
    """The one of the two that is not null."""
    return other if one is None else one


class Result(Protocol):
    """A column of totals that follows from states, with no state of its own."""

    @property
    def column(self) -> str: ...
    @property
    def type(self) -> pa.DataType: ...
    @property
    def needs(self) -> tuple[str, ...]:
        """The columns of states that it is worked out from."""

    def of(self, row: Row) -> Decimal | None:
        """The result for a row of states; null if there are too few values."""


@dataclass(frozen=True)
class Average:
    """The quotient of a sum and a count, in the unit of the values."""

    column: str
    sum: Sum
    count: Count
    type: pa.DataType

    @property
    def needs(self) -> tuple[str, ...]:
        return self.sum.column, self.count.column

    def of(self, row: Row) -> Decimal | None:
        total, count = row[self.sum.column], row[self.count.column]
        return average(total, count, self.sum.scale) if count else None


@dataclass(frozen=True)
class Variance:
    """The variance of a sample, in the unit of the values squared, or its square root in their unit; null of fewer than two."""

    column: str
    sum: Sum
    squares: SquareSum
    count: Count
    is_rooted: bool
    type = pa.decimal128(38, PLACES)

    @property
    def needs(self) -> tuple[str, ...]:
        return self.sum.column, self.squares.column, self.count.column

    def of(self, row: Row) -> Decimal | None:
        total, squares, count = (row[name] for name in self.needs)
        return spread(total, squares, count, is_rooted=self.is_rooted) if count > 1 else None


def average(total: Decimal, count: int, scale: int = PLACES) -> Decimal:
    """Quotient of a sum of `scale` places, rounded half up, away from zero, to six places.

    >>> average(Decimal("0.000001"), 2)
    Decimal('0.000001')
    >>> average(Decimal("-10"), 4)
    Decimal('-2.500000')
    """
    # Whole-number arithmetic: a decimal quotient of many digits, rounded again, could be rounded twice.
    units = int(total.scaleb(scale, _EXACT))
    if scale == PLACES:
        rounded = _half_up(abs(units), count)
    else:
        rounded = _half_up(abs(units) * 10 ** max(0, PLACES - scale), count * 10 ** max(0, scale - PLACES))
    return _of_millionths(rounded if units >= 0 else -rounded)


def spread(total: Decimal, squares: Decimal, count: int, *, is_rooted: bool) -> Decimal:
    """The variance of a sample by the sum, the sum of squares and the count of its values, or its root, rounded half up once.

    >>> spread(Decimal(6), Decimal(14), 3, is_rooted=False), spread(Decimal(6), Decimal(14), 3, is_rooted=True)
    (Decimal('1.000000'), Decimal('1.000000'))
    >>> spread(Decimal("0.3"), Decimal("0.05"), 2, is_rooted=True)
    Decimal('0.070711')
    """
    scaled = _EXACT.subtract(_EXACT.multiply(squares, Decimal(count)), _EXACT.multiply(total, total))
    numerator, denominator = scaled.as_integer_ratio()
    denominator *= count * (count - 1)
    if not is_rooted:
        return _of_millionths(_half_up(numerator * 10**PLACES, denominator))
    numerator *= 10 ** (2 * PLACES)
    root = isqrt(numerator // denominator)
    # Half a unit more, squared: reached where what was cut off is half a unit or more.
    return _of_millionths(root + ((2 * root + 1) ** 2 * denominator <= 4 * numerator))


def _half_up(numerator: int, denominator: int) -> int:
    quotient, remainder = divmod(numerator, denominator)
    return quotient + (2 * remainder >= denominator)


def _of_millionths(millionths: int) -> Decimal:
    return Decimal(millionths).scaleb(-PLACES, _EXACT)
