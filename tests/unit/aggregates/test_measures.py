"""Results of measures against exact fractions, and that states merge in any order."""

from decimal import Decimal, localcontext
from fractions import Fraction
from math import floor

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_jobs.aggregates.measures import (
    VALUE,
    Average,
    Count,
    Counted,
    Highest,
    Lowest,
    SquareSum,
    State,
    Sum,
    Variance,
    average,
    spread,
)

OF_VALUE = Counted("value")
STATES: list[State] = [
    Sum("s", OF_VALUE, 6),
    SquareSum("q", OF_VALUE, 6),
    Lowest("low", OF_VALUE, VALUE),
    Highest("high", OF_VALUE, VALUE),
]


def millionths(exact: Fraction) -> int:
    """Rounded half up, away from zero."""
    whole = floor(abs(exact) * 10**6 + Fraction(1, 2))
    return whole if exact >= 0 else -whole


@given(units=st.integers(-(10**32), 10**32), scale=st.integers(0, 18), count=st.integers(1, 10**9))
@pytest.mark.group("FZ")
@pytest.mark.proves("F97")
def test_averages_of_any_scale_are_the_nearest_millionth(units: int, scale: int, count: int) -> None:
    found = average(Decimal(f"{units}e-{scale}"), count, scale)
    assert Fraction(found) * 10**6 == millionths(Fraction(units, count * 10**scale))


@given(values=st.lists(st.integers(-(10**12) + 1, 10**12 - 1), min_size=2, max_size=30), scale=st.integers(0, 12))
@pytest.mark.group("FZ")
@pytest.mark.proves("F97")
def test_variance_and_its_root_are_the_nearest_millionths(values: list[int], scale: int) -> None:
    count, unit = len(values), Fraction(1, 10**scale)
    mean = Fraction(sum(values), count)
    exact = sum(((one - mean) ** 2 for one in values), Fraction()) / (count - 1) * unit**2
    with localcontext(prec=80):
        total = Decimal(sum(values)).scaleb(-scale)
        squares = Decimal(sum(one * one for one in values)).scaleb(-2 * scale)
    assert Fraction(spread(total, squares, count, is_rooted=False)) * 10**6 == millionths(exact)
    root = Fraction(spread(total, squares, count, is_rooted=True)) * 10**6
    assert root.denominator == 1
    assert max(root - Fraction(1, 2), Fraction(0)) ** 2 <= exact * 10**12 < (root + Fraction(1, 2)) ** 2


def test_of_too_few_values_there_is_no_result() -> None:
    count = Count("n", OF_VALUE)
    sums, squares = Sum("s", OF_VALUE, 2), SquareSum("q", OF_VALUE, 2)
    row = {"s": None, "q": None, "n": 0}
    assert Average("a", sums, count, VALUE).of(row) is None
    for is_rooted in (False, True):
        of_one = {"s": Decimal("1.50"), "q": Decimal("2.2500"), "n": 1}
        spread_out = Variance("v", sums, squares, count, is_rooted)
        assert (spread_out.of(row), spread_out.of(of_one)) == (None, None)


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.column)
def test_python_merges_as_arrow_does_and_null_is_nothing(state: State) -> None:
    values = [Decimal("1.500000"), None, Decimal("-2.000000"), None]
    cast = pa.array([one if one is None else one.quantize(Decimal(1).scaleb(-state.type.scale)) for one in values], state.type)
    table = pa.table({"g": [1] * len(values), "x": cast})
    (merged,) = table.group_by("g").aggregate([("x", state.merge)])[f"x_{state.merge}"].to_pylist()
    found: Decimal | None = None
    for one in values:
        found = state.both(found, one)
    assert found == merged
    assert state.both(None, None) is None


def test_a_condition_leaves_out_what_it_is_not_true_for() -> None:
    assert Counted("cost", "is_bill").sql == "CASE WHEN is_bill THEN cost END"
    assert Count("bills", Counted("cost", "is_bill")).again() == "count(CASE WHEN is_bill THEN cost END)"
    assert Count("events", None).again() == "count(*)"
