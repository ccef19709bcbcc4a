"""What Spark adds up is what decimals of any length add up to."""

import random
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

from spark_jobs.aggregates.adding_up import contributions_of, sums_of
from spark_jobs.aggregates.aggregate import Aggregate
from spark_jobs.aggregates.daily_average import DAILY_AVERAGE
from spark_jobs.aggregates.states import EXACT, Counted, Sum
from tests.daily_tables import CONTRIBUTIONS, SCHEMAS

RECORDS = (
    "batch bigint, partition int, offset bigint, date date, value decimal(18,6), rounded_from string, rejected_because string"
)
MOST = Decimal("999999999999.999999")
DAYS = [date(2006, 12, 16), date(2006, 12, 17)]

Group = tuple[int, date]


def random_value(chance: random.Random) -> Decimal:
    digits = chance.choice([1, 5, 6, 7, 12, 18])
    return Decimal(chance.randrange(-(10**digits) + 1, 10**digits)).scaleb(-6)


def rows_of(values: dict[Group, list[Decimal]], rejected: int) -> list[tuple[Any, ...]]:
    pairs = [(group, value) for group, all_values in values.items() for value in all_values]
    rows: list[tuple[Any, ...]] = [
        (7, partition, offset, day, value, None, None) for offset, ((partition, day), value) in enumerate(pairs)
    ]
    return rows + [(7, 0, len(rows) + number, None, None, None, "NOT_JSON") for number in range(rejected)]


@pytest.mark.group("FZ")
@pytest.mark.proves("F96", "F98")
@pytest.mark.parametrize("add_up", [contributions_of, sums_of])
def test_sums_are_exact_at_both_ends_of_the_type(
    spark: SparkSession, add_up: Callable[[DataFrame, Aggregate], DataFrame], chosen: random.Random
) -> None:
    values: dict[Group, list[Decimal]] = {
        (0, DAYS[0]): [random_value(chosen) for _ in range(3000)],
        (0, DAYS[1]): [-MOST] * 1500 + [random_value(chosen)],
        # In millionths more than a long holds.
        (1, DAYS[0]): [MOST] * 4000,
        (1, DAYS[1]): [MOST, -MOST, Decimal("-0.000001")],
        (2, DAYS[0]): [Decimal("-0.000001")] * 3 + [Decimal("-0.999999"), Decimal(0)],
    }
    found = add_up(spark.createDataFrame(rows_of(values, rejected=5), RECORDS), DAILY_AVERAGE).where("date is not null")
    table = found.select(*SCHEMAS[CONTRIBUTIONS].names).toArrow()
    rows = {(row["partition"], row["date"]): row for row in table.to_pylist()}
    assert table.schema.types == SCHEMAS[CONTRIBUTIONS].types
    assert rows == {
        (partition, day): {
            "batch": 7,
            "partition": partition,
            "date": day,
            "value_sum": sum(one),
            "value_count": len(one),
            "value_min": min(one),
            "value_max": max(one),
        }
        for (partition, day), one in values.items()
    }


@pytest.mark.group("FZ")
@pytest.mark.proves("F96", "F98")
def test_ten_million_of_the_greatest_value_are_not_too_much(spark: SparkSession) -> None:
    rows = spark.range(10_000_000).selectExpr(
        "7L AS batch",
        "0 AS partition",
        "id AS offset",
        "date'2006-12-16' AS date",
        f"CAST('{MOST}' AS decimal(18,6)) AS value",
        "CAST(NULL AS string) AS rejected_because",
    )
    (row,) = contributions_of(rows, DAILY_AVERAGE).collect()
    assert (row.value_sum, row.value_count) == (MOST * 10_000_000, 10_000_000)


@pytest.mark.group("FZ")
@pytest.mark.proves("F96", "F98")
@pytest.mark.parametrize(
    ("greatest", "kind", "scale"),
    [
        (2**63 - 1, "bigint", 0),
        (-(2**63), "bigint", 0),
        (Decimal("9" * 18), "decimal(18,0)", 0),
        (Decimal("-9999999999999.99999"), "decimal(18,5)", 5),
    ],
)
def test_a_group_may_hold_millions_of_any_number_of_a_declared_field(
    spark: SparkSession, greatest: int | Decimal, kind: str, scale: int
) -> None:
    count = 12_000_000
    total = Sum("total", Counted("value"), scale)
    found = spark.range(count).selectExpr(f"CAST('{greatest}' AS {kind}) AS value").agg(total.added().alias("total")).toArrow()
    assert (found.schema.types, found["total"].to_pylist()) == ([total.type], [EXACT.multiply(Decimal(greatest), Decimal(count))])


def test_a_group_of_rejected_records_has_counts_and_no_sum(spark: SparkSession) -> None:
    (row,) = sums_of(spark.createDataFrame(rows_of({}, rejected=3), RECORDS), DAILY_AVERAGE).collect()
    assert (row.value_sum, row.value_count, row.value_min, row.read, row.first, row.last) == (None, 0, None, 3, 0, 2)
