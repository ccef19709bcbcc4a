"""Aggregates over any dimensions: null is a group like every other, in Arrow and in the SQL of delta-rs."""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from spark_jobs.aggregates.aggregate import Aggregate, Measure
from spark_jobs.aggregates.grouping import Dimension
from spark_jobs.aggregates.results import Average
from spark_jobs.aggregates.states import Count, Counted, Sum
from spark_jobs.aggregates.windows import Window
from spark_jobs.lake.tables import merge_totals

COST = Counted("cost")
EVENTS, TOTAL, PAID = Count("events", None), Sum("cost", COST, 2), Count("mean_count", COST)
MEAN = Measure(
    (Sum("mean_sum", COST, 2), PAID), (Average("mean", Sum("mean_sum", COST, 2), PAID, pa.decimal128(16, 6)),), ("mean",)
)
AT = datetime(2026, 5, 1, 10, tzinfo=UTC)
VALUES: dict[pa.DataType, tuple[Any, ...]] = {
    pa.string(): ("", "mail", None),
    pa.binary(): (b"", b"\xff", None),
    pa.int64(): (0, 7, None),
    pa.bool_(): (False, True, None),
    pa.date32(): (date(1970, 1, 1), date(2026, 5, 1), None),
}


def hourly(*dimensions: Dimension) -> Aggregate:
    measures = (Measure((EVENTS,), (), ("events",)), Measure((TOTAL,), (), ("cost",)), MEAN)
    return Aggregate("hourly", (Window("hour"), *dimensions), EVENTS, measures)


def contributed(aggregate: Aggregate, *groups: tuple[Any, ...], batch: int = 1) -> pa.Table:
    rows = [
        {"batch": batch, **dict(zip(aggregate.group, (AT, *group), strict=True)), "events": 2, "mean_count": 1}
        | dict.fromkeys(("cost", "mean_sum"), Decimal("1.50"))
        for group in groups
    ]
    return pa.Table.from_pylist(rows, aggregate.contributions)


def test_columns_are_the_window_the_dimensions_what_is_shown_and_its_parts() -> None:
    aggregate = hourly(Dimension("channel", pa.string()))
    names = ["window_start", "channel", "events", "cost", "mean", "mean_sum", "mean_count", "revision", "batch"]
    assert aggregate.totals.names == names
    assert aggregate.contributions.names == ["batch", "window_start", "channel", "events", "cost", "mean_sum", "mean_count"]


def test_a_count_that_no_measure_shows_is_a_part() -> None:
    aggregate = Aggregate("daily", (Window("day"),), Count("records", None), (Measure((TOTAL,), (), ("cost",)),))
    assert aggregate.totals.names == ["date", "cost", "records", "revision", "batch"]


@pytest.mark.parametrize("kind", VALUES, ids=str)
def test_null_is_a_group_of_its_own_whatever_stands_for_it(kind: pa.DataType) -> None:
    aggregate = hourly(Dimension("d", kind, may_be_null=True), Dimension("e", kind, may_be_null=True))
    one, other, null = VALUES[kind]
    stored = contributed(aggregate, (one, null), (null, one), (null, null), (one, one), (other, null))
    asked = contributed(aggregate, (null, null), (one, null), (other, one))
    found = aggregate.touched(stored, asked)
    assert [(row["d"], row["e"]) for row in found.to_pylist()] == [(one, null), (null, null)]
    assert aggregate.touched(stored, stored).num_rows == stored.num_rows


@pytest.mark.parametrize("kind", VALUES, ids=str)
def test_totals_of_null_groups_are_merged_into_their_own_rows(kind: pa.DataType, tmp_path: Path) -> None:
    aggregate = hourly(Dimension("d", kind, may_be_null=True))
    first = aggregate.total(contributed(aggregate, *((one,) for one in VALUES[kind])), batch=1)
    write_deltalake(tmp_path / "t", first)
    doubled = pa.concat_tables([contributed(aggregate, (None,)), contributed(aggregate, (None,), batch=2)])
    merge_totals(DeltaTable(tmp_path / "t"), aggregate.total(doubled, batch=2), aggregate, app="a", version=2)
    rows = DeltaTable(tmp_path / "t").to_pyarrow_table().to_pylist()
    found = {row["d"]: (row["events"], row["cost"], row["mean"], row["revision"], row["batch"]) for row in rows}
    once, twice = (2, Decimal("1.50"), Decimal("1.5"), 1, 1), (4, Decimal("3.00"), Decimal("1.5"), 2, 2)
    assert found == {one: twice if one is None else once for one in VALUES[kind]}


def test_without_a_value_a_sum_is_null_and_a_count_zero() -> None:
    aggregate = hourly()
    nothing = {"batch": 1, "window_start": AT, "events": 3, "cost": None, "mean_sum": None, "mean_count": 0}
    (row,) = aggregate.total(pa.Table.from_pylist([nothing], aggregate.contributions), batch=1).to_pylist()
    assert (row["events"], row["cost"], row["mean"]) == (3, None, None)


def test_of_a_table_without_rows_no_group_is_touched_null_or_not() -> None:
    aggregate = hourly(Dimension("channel", pa.string(), may_be_null=True))
    groups = contributed(aggregate, ("mail",), (None,))
    assert aggregate.touched(aggregate.totals.empty_table(), groups).num_rows == 0
