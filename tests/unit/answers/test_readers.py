from datetime import date
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

from spark_jobs.aggregates.daily_average import DAILY_AVERAGE
from spark_jobs.answers.readers import find_tables, version_of_batch
from spark_jobs.base.errors import ConfigurationError, DecisionNeeded
from spark_jobs.base.project import PROJECT
from spark_jobs.lake.checkpoint_log import CheckpointLog
from spark_jobs.lake.rows import read_rows
from spark_jobs.lake.schemas import CHECKPOINTS
from spark_jobs.lake.tables import Lake, merge_totals
from spark_jobs.pipeline.settings import Pipeline
from spark_jobs.progress.ledger import Lost
from tests.daily_tables import DAILY_AVERAGES, SCHEMAS
from tests.stored import done_at, lake_of, plan_batch, stored_pipeline

EXAMPLE = "conf/pipelines/daily_voltage.yaml"


@pytest.fixture
def pipeline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pipeline:
    """The example, with tables of its own in which nothing is yet."""
    monkeypatch.setenv("DAYFOLD__LAKE", str(tmp_path))
    Lake(str(tmp_path), "daily_voltage").create_missing()
    return find_tables(EXAMPLE)[0]


def set_average(pipeline: Pipeline, batch: int, *days: int) -> None:
    lake = lake_of(pipeline)
    rows = [
        {
            "partition": 0,
            "date": date(2006, 12, day),
            "value_sum": Decimal(batch),
            "value_count": 1,
            "revision": 1,
            "batch": batch,
        }
        for day in days
    ]
    table = pa.Table.from_pylist(rows, schema=SCHEMAS[DAILY_AVERAGES])
    merge_totals(lake.open(DAILY_AVERAGES), table, DAILY_AVERAGE, app=lake.app(DAILY_AVERAGES), version=batch)


def days_at(pipeline: Pipeline, batch: int) -> dict[int, int]:
    """The days of the version that ends with the batch, with the batch that set each."""
    table = lake_of(pipeline).open(DAILY_AVERAGES)
    table.load_as_version(version_of_batch(pipeline, DAILY_AVERAGES, batch))
    return {row["date"].day: row["batch"] for row in read_rows(table).to_pylist()}


def test_a_relative_pipeline_file_starts_at_the_project(
    pipeline: Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found, tables = find_tables(EXAMPLE)
    assert found == pipeline
    assert tables == {name: f"{tmp_path}/daily_voltage/{name}" for name in SCHEMAS}
    assert find_tables(PROJECT / EXAMPLE)[1] == tables


def test_tables_that_are_not_there_yet_are_told_in_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAYFOLD__LAKE", str(tmp_path))
    with pytest.raises(ConfigurationError, match=r"daily_voltage has no table checkpoints, .* below .*: run the pipeline first"):
        find_tables(EXAMPLE)


def test_each_batch_has_the_version_that_ends_with_it(pipeline: Pipeline) -> None:
    set_average(pipeline, 1, 16)
    set_average(pipeline, 2, 16, 17)
    set_average(pipeline, 4, 18)
    assert days_at(pipeline, 0) == {}
    assert days_at(pipeline, 1) == {16: 1}
    assert days_at(pipeline, 2) == {16: 2, 17: 2}
    assert days_at(pipeline, 3) == days_at(pipeline, 2), "batch 3 held no reading"
    assert days_at(pipeline, 4) == days_at(pipeline, 9) == {16: 2, 17: 2, 18: 4}


def test_a_batch_that_was_set_twice_ends_with_the_second_time(pipeline: Pipeline) -> None:
    set_average(pipeline, 1, 16)
    set_average(pipeline, 1, 16)
    set_average(pipeline, 2, 17)
    assert version_of_batch(pipeline, DAILY_AVERAGES, 1) == 2


@pytest.mark.group("DF")
@pytest.mark.proves("F153")
def test_the_checkpoints_of_a_batch_end_with_what_was_decided_after_it(tmp_path: Path) -> None:
    pipeline = stored_pipeline(tmp_path, 2)
    log, moment = CheckpointLog(lake_of(pipeline)), done_at(2)
    log.append(Lost(batch=2, run_id="run", at=moment, topic_id="topic id", losses=(), resume={0: 12}))
    plan_batch(pipeline, 3)
    assert {batch: states_at(pipeline, batch) for batch in range(4)} == {
        0: [],
        1: ["PLANNED", "DONE"],
        2: ["PLANNED", "DONE", "PLANNED", "DONE", "LOSS"],
        3: ["PLANNED", "DONE", "PLANNED", "DONE", "LOSS", "PLANNED"],
    }
    lake_of(pipeline).open(CHECKPOINTS).optimize.compact()
    assert states_at(pipeline, 2)[-1] == "LOSS"
    assert states_at(pipeline, 3)[-1] == "PLANNED"


def states_at(pipeline: Pipeline, batch: int) -> list[str]:
    table = lake_of(pipeline).open(CHECKPOINTS)
    table.load_as_version(version_of_batch(pipeline, CHECKPOINTS, batch))
    return [row["state"] for row in read_rows(table).sort_by("sequence").to_pylist()]


def test_a_log_that_does_not_go_back_so_far_is_told(pipeline: Pipeline) -> None:
    for batch in (1, 2, 3):
        set_average(pipeline, batch, 16)
    log = Path(pipeline.lake, pipeline.name, DAILY_AVERAGES, "_delta_log")
    lake_of(pipeline).open(DAILY_AVERAGES).create_checkpoint()
    for version in (0, 1, 2):
        (log / f"{version:020}.json").unlink()
    assert version_of_batch(pipeline, DAILY_AVERAGES, 3) == 3
    with pytest.raises(DecisionNeeded, match="does not go back to batch 2 any more"):
        version_of_batch(pipeline, DAILY_AVERAGES, 2)
