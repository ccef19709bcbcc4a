"""Results: what is shown of a group, by one division of its states at the very end. Knows no table and no topic."""

from dataclasses import dataclass
from decimal import Decimal
from math import isqrt
from typing import Protocol

import pyarrow as pa

from spark_jobs.aggregates.states import EXACT, PLACES, Count, Row, SquareSum, Sum


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
    units = int(total.scaleb(scale, EXACT))
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
    scaled = EXACT.subtract(EXACT.multiply(squares, Decimal(count)), EXACT.multiply(total, total))
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
    return Decimal(millionths).scaleb(-PLACES, EXACT)
