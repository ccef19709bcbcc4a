"""Measures: what is summed up of a group's readings, as a state that merges and a result that is shown.

A state is stored and merged: exact, commutative and associative, so what comes out does not depend on how readings were cut into
batches. Results follow from states alone, by one division at the very end. Knows no table and no topic.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import TYPE_CHECKING, Any, Literal, Protocol

import pyarrow as pa

if TYPE_CHECKING:
    from pyspark.sql import Column

VALUE, SUM = pa.decimal128(18, 6), pa.decimal128(38, 6)

_SIX_PLACES = Decimal("0.000001")
_EXACT = Context(prec=60)

Row = Mapping[str, Any]


class State(Protocol):
    """One column of a contribution: the readings' field in one summary, and how two of them become one."""

    @property
    def column(self) -> str: ...
    @property
    def type(self) -> pa.DataType: ...
    @property
    def merge(self) -> Literal["sum", "min", "max"]:
        """The Arrow aggregate that makes one of several."""

    def added(self) -> "Column":
        """The summary of the readings of a group, in Spark."""

    def again(self) -> str:
        """The same in SQL of delta-rs, worked out in another way: for the audit."""

    def both(self, one: Any, other: Any) -> Any:
        """Two of them as one, in plain Python."""


@dataclass(frozen=True)
class Sum:
    """The exact sum of a `decimal(18,6)`, as `decimal(38,6)`."""

    field: str
    type = SUM
    merge: Literal["sum"] = "sum"

    @property
    def column(self) -> str:
        return f"{self.field}_sum"

    def added(self) -> "Column":
        """A sum of millions, one of what is left of the whole part and one of the fraction.

        Spark adds up each of them as a long, and longer decimals as objects. 10^12 readings of a group fit into one batch; more
        would be an error, never a wrong sum.
        """
        from pyspark.sql import functions as F

        whole = f"cast({self.field} AS bigint)"
        fraction = f"cast({self.field} - cast({whole} AS decimal(18,6)) AS decimal(8,6))"
        millions, units, fractions = (F.sum(F.expr(part)) for part in (f"{whole} div 1000000", f"{whole} % 1000000", fraction))
        return (millions * F.lit(Decimal(1_000_000)) + units + fractions).cast("decimal(38,6)")

    def again(self) -> str:
        return f"sum(CAST({self.field} AS DECIMAL(38, 6)))"

    def both(self, one: Decimal, other: Decimal) -> Decimal:
        return _EXACT.add(one, other)


@dataclass(frozen=True)
class Count:
    """How many readings."""

    field: str
    type = pa.int64()
    merge: Literal["sum"] = "sum"

    @property
    def column(self) -> str:
        return f"{self.field}_count"

    def added(self) -> "Column":
        from pyspark.sql import functions as F

        return F.count(self.field)

    def again(self) -> str:
        return "count(*)"

    def both(self, one: int, other: int) -> int:
        return one + other


@dataclass(frozen=True)
class Lowest:
    """The lowest reading."""

    field: str
    type = VALUE
    merge: Literal["min"] = "min"

    @property
    def column(self) -> str:
        return f"{self.field}_min"

    def added(self) -> "Column":
        from pyspark.sql import functions as F

        return F.min(self.field)

    def again(self) -> str:
        return f"min({self.field})"

    def both(self, one: Decimal, other: Decimal) -> Decimal:
        return min(one, other)


@dataclass(frozen=True)
class Highest:
    """The highest reading."""

    field: str
    type = VALUE
    merge: Literal["max"] = "max"

    @property
    def column(self) -> str:
        return f"{self.field}_max"

    def added(self) -> "Column":
        from pyspark.sql import functions as F

        return F.max(self.field)

    def again(self) -> str:
        return f"max({self.field})"

    def both(self, one: Decimal, other: Decimal) -> Decimal:
        return max(one, other)


@dataclass(frozen=True)
class Average:
    """The quotient of a sum and a count, in the unit of the readings: a result, with no state of its own."""

    sum: Sum
    count: Count
    column = "average"
    type = VALUE

    @property
    def needs(self) -> tuple[str, ...]:
        """The columns of states that it is worked out from."""
        return self.sum.column, self.count.column

    def of(self, row: Row) -> Decimal:
        return average(row[self.sum.column], row[self.count.column])


def average(total: Decimal, count: int) -> Decimal:
    """Quotient rounded half up, away from zero, to six places.

    >>> average(Decimal("0.000001"), 2)
    Decimal('0.000001')
    >>> average(Decimal("-10"), 4)
    Decimal('-2.500000')
    """
    # Whole-number arithmetic: a decimal quotient of 60 digits, rounded again, could be rounded twice.
    millionths = int(total.scaleb(6, _EXACT))
    quotient, remainder = divmod(abs(millionths), count)
    rounded = quotient + (1 if 2 * remainder >= count else 0)
    return Decimal(rounded if millionths >= 0 else -rounded).scaleb(-6, _EXACT).quantize(_SIX_PLACES, ROUND_HALF_UP, _EXACT)
