from collections.abc import Collection, Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

from spark_jobs.aggregates.daily_average import DAILY_AVERAGE
from spark_jobs.answers.fresh import FreshTotals, batches_of_runs, fresh_totals
from spark_jobs.lake.checkpoint_log import CheckpointLog
from spark_jobs.lake.rows import read_rows
from spark_jobs.lake.tables import Lake, append_once, merge_totals
from tests.daily_tables import CONTRIBUTIONS, DAILY_AVERAGES, SCHEMAS
from tests.stored import DAY, empty_lake, lake_of, stored_pipeline

BATCHES = {1: (16, 17), 2: (17, 18), 3: (19,)}


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """Three batches of partition 0, of which the second came back to a day of the first one."""
    lake = empty_lake(tmp_path)
    for batch, days in BATCHES.items():
        rows = [contribution(batch, day) for day in days]
        table = pa.Table.from_pylist(rows, schema=SCHEMAS[CONTRIBUTIONS])
        append_once(lake.open(CONTRIBUTIONS), table, app=lake.app(CONTRIBUTIONS), version=batch)
        averages = pa.Table.from_pylist([average(row) for row in rows], schema=SCHEMAS[DAILY_AVERAGES])
        merge_totals(lake.open(DAILY_AVERAGES), averages, DAILY_AVERAGE, app=lake.app(DAILY_AVERAGES), version=batch)
    return lake


def contribution(batch: int, day: int) -> Mapping[str, object]:
    value = Decimal(batch)
    return {
        **{"batch": batch, "partition": 0, "date": date(2006, 12, day), "value_sum": value, "value_count": 1},
        **{"value_min": value, "value_max": value},
    }


def average(row: Mapping[str, object]) -> Mapping[str, object]:
    return {**row, "average": row["value_sum"], "revision": row["batch"]}


def fresh(lake: Lake, batches: Collection[int]) -> FreshTotals:
    return fresh_totals(lake, DAILY_AVERAGE, batches)


def days_of(lake: Lake, *batches: int) -> dict[int, int]:
    """Day and last batch of each row, in their order."""
    return {int(row["date"][-2:]): row["batch"] for row in fresh(lake, batches).newest(10)}


def test_the_days_of_a_batch_are_shown_the_newest_first(lake: Lake) -> None:
    assert list(days_of(lake, 2).items()) == [(18, 2), (17, 2)]
    assert fresh(lake, [2]).changed_since == 0


def test_several_batches_show_a_day_they_share_once(lake: Lake) -> None:
    assert list(days_of(lake, 2, 1).items()) == [(18, 2), (17, 2), (16, 1)]
    assert fresh(lake, [2, 1]).batches == (1, 2)


def test_a_day_that_a_later_batch_changed_is_shown_as_it_is_now_and_counted(lake: Lake) -> None:
    found = fresh(lake, [1])
    assert days_of(lake, 1) == {17: 2, 16: 1}
    assert found.changed_since == 1
    (newest,) = found.newest(1)
    assert newest == {"partition": 0, "date": "2006-12-17", "average": "2.000000", "value_count": 1, "revision": 2, "batch": 2}


def test_a_batch_without_readings_or_that_nobody_knows_changed_nothing(lake: Lake) -> None:
    assert fresh(lake, [9]).rows.num_rows == 0


def test_only_the_partitions_that_a_batch_touched_are_shown(lake: Lake) -> None:
    other = {**average(contribution(3, 18)), "partition": 1}
    merge_totals(
        lake.open(DAILY_AVERAGES),
        pa.Table.from_pylist([other], schema=SCHEMAS[DAILY_AVERAGES]),
        DAILY_AVERAGE,
        app=lake.app(DAILY_AVERAGES),
        version=4,
    )
    assert read_rows(lake.open(DAILY_AVERAGES)).num_rows == 5
    assert [row["partition"] for row in fresh(lake, [2]).newest(10)] == [0, 0]


def test_each_run_has_the_batches_that_it_finished(tmp_path: Path) -> None:
    pipeline = stored_pipeline(tmp_path, 2)
    log = CheckpointLog(lake_of(pipeline))
    assert batches_of_runs(log.rows) == {"run": {1, 2}}
    assert {row["date"] for row in fresh(lake_of(pipeline), [2]).newest(10)} == {DAY.isoformat()}
