from datetime import date
from decimal import Decimal
from fractions import Fraction
from math import floor
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_jobs.aggregates.daily_average import DAILY_AVERAGE
from spark_jobs.aggregates.results import average
from tests.daily_tables import SCHEMAS

DAY = date(2006, 12, 16)


def contribution(batch: int, partition: int, total: str, count: int) -> dict[str, Any]:
    value = Decimal("2.5") * batch
    return {
        "batch": batch,
        "partition": partition,
        "date": DAY,
        "value_sum": Decimal(total),
        "value_count": count,
        "value_min": value,
        "value_max": value,
    }


def averages_of(*rows: dict[str, Any]) -> list[dict[str, Any]]:
    table = pa.Table.from_pylist(list(rows), schema=SCHEMAS["contributions"])
    averages: list[dict[str, Any]] = DAILY_AVERAGE.total(table, batch=9).to_pylist()
    return averages


@pytest.mark.group("FZ")
@pytest.mark.proves("F96", "F97")
def test_contributions_of_several_batches_add_up() -> None:
    (row,) = averages_of(contribution(1, 0, "10", 4), contribution(2, 0, "5", 1))
    assert (row["value_sum"], row["value_count"], row["average"], row["batch"]) == (15, 5, 3, 9)
    assert (row["value_min"], row["value_max"]) == (Decimal("2.5"), 5)


def test_partitions_are_averaged_apart() -> None:
    rows = averages_of(contribution(1, 0, "10", 4), contribution(1, 1, "8", 4))
    assert {row["partition"]: row["average"] for row in rows} == {0: Decimal("2.5"), 1: 2}


@pytest.mark.group("FZ")
@pytest.mark.proves("F96", "F98")
def test_sums_beyond_double_precision_are_exact() -> None:
    (row,) = averages_of(contribution(1, 0, "9007199254740993", 10**7), contribution(2, 0, "0.000001", 1))
    assert row["value_sum"] == Decimal("9007199254740993.000001")


@pytest.mark.parametrize(
    ("total", "count", "expected"),
    [
        ("0.000001", 2, "0.000001"),
        ("-0.000001", 2, "-0.000001"),
        ("0.000001", 3, "0.000000"),
        ("1", 3, "0.333333"),
        ("2", 3, "0.666667"),
        ("0.000003", 2, "0.000002"),
        ("99999999999999999999999999999999.999999", 1, "99999999999999999999999999999999.999999"),
    ],
)
def test_the_average_is_rounded_half_up_at_six_places(total: str, count: int, expected: str) -> None:
    assert average(Decimal(total), count) == Decimal(expected)


@given(millionths=st.integers(-(10**32), 10**32), count=st.integers(1, 10**9))
@pytest.mark.group("FZ")
@pytest.mark.proves("F97")
def test_the_average_is_the_nearest_millionth_and_halves_go_away_from_zero(millionths: int, count: int) -> None:
    exact = Fraction(millionths, count * 10**6)
    half_up = floor(abs(exact) * 10**6 + Fraction(1, 2))
    assert Fraction(average(Decimal(f"{millionths}e-6"), count)) == Fraction(half_up if exact > 0 else -half_up, 10**6)
