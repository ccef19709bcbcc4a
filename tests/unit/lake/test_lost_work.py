"""What is said of newest commits whose files are gone: the way on is named where nothing was built on them, and nowhere else."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from deltalake import DeltaTable

from spark_jobs.lake.delta_log import LOG_FOLDER, TableLog
from spark_jobs.lake.health import form_problems
from spark_jobs.lake.lost_work import lost_work
from spark_jobs.lake.schemas import CHECKPOINTS, RECORDS
from spark_jobs.lake.tables import Lake, maintained
from spark_jobs.pipeline.settings import Pipeline
from tests.daily_tables import CONTRIBUTIONS, DAILY_AVERAGES, TABLES
from tests.stored import lake_of, plan_batch, store_records, stored_pipeline, sum_up

pytestmark = [pytest.mark.group("DF"), pytest.mark.proves("F58")]

OTHERS = (RECORDS, CONTRIBUTIONS, DAILY_AVERAGES)


@pytest.fixture
def pipeline(tmp_path: Path) -> Pipeline:
    """One batch is finished, and the next one is in all tables and not finished."""
    found = stored_pipeline(tmp_path, 1)
    plan_batch(found, 2)
    store_records(lake_of(found), 2)
    sum_up(lake_of(found), 2)
    return found


def newest(lake: Lake, name: str) -> Path:
    return max(Path(lake.location(name), LOG_FOLDER).glob("*.json"))


def actions(lake: Lake, name: str) -> list[dict[str, dict[str, str]]]:
    return [json.loads(line) for line in newest(lake, name).read_text().splitlines()]


def files(lake: Lake, name: str, kind: str = "add") -> list[Path]:
    return [Path(lake.location(name), one[kind]["path"]) for one in actions(lake, name) if kind in one]


def lose(lake: Lake, name: str) -> None:
    files(lake, name)[0].unlink()


def told(lake: Lake, name: str) -> str | None:
    found = lost_work(lake, name, TableLog(lake.location(name)))
    return str(found) if found else None


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize(
    ("damage", "how"),
    [
        (Path.unlink, "is missing"),
        (lambda file: file.write_bytes(b""), "has 0 of"),
        (lambda file: file.write_bytes(file.read_bytes()[:7]), "has 7 of"),
    ],
)
def test_what_a_power_cut_took_of_an_unfinished_batch_may_be_taken_away(
    pipeline: Pipeline, name: str, damage: Callable[[Path], object], how: str
) -> None:
    lake, version = lake_of(pipeline), DeltaTable(lake_of(pipeline).location(name)).version()
    file = files(lake, name)[0]
    damage(file)
    (problem,) = form_problems(lake)
    assert str(problem).startswith(f"table {name}: its file {file.relative_to(lake.location(name))} {how}")
    assert f"the newest commit {LOG_FOLDER}/{version:020d}.json names it. Bring the file back from a copy; or, " in str(problem)
    assert f"move every file of version {version} and later, and _last_checkpoint, out of {lake.location(name)}/" in str(problem)


@pytest.mark.parametrize("name", TABLES)
def test_nothing_is_said_of_whole_tables(pipeline: Pipeline, name: str) -> None:
    assert told(lake_of(pipeline), name) is None


@pytest.mark.parametrize("name", OTHERS)
def test_of_a_finished_batch_nothing_may_be_taken_away(tmp_path: Path, name: str) -> None:
    lake = lake_of(stored_pipeline(tmp_path, 2))
    lose(lake, name)
    assert told(lake, name) is None


@pytest.mark.parametrize("name", OTHERS)
def test_where_nobody_can_tell_which_batches_are_finished_nothing_may_be_taken_away(pipeline: Pipeline, name: str) -> None:
    lake = lake_of(pipeline)
    lose(lake, name)
    for file in Path(lake.location(CHECKPOINTS)).glob("*.parquet"):
        file.unlink()
    assert told(lake, name) is None


def test_the_newest_row_of_the_checkpoints_may_be_taken_away_whatever_it_says(tmp_path: Path) -> None:
    lake = lake_of(stored_pipeline(tmp_path, 2))
    lose(lake, CHECKPOINTS)
    assert told(lake, CHECKPOINTS)


def test_a_commit_that_somebody_else_has_made_is_left_to_him(pipeline: Pipeline) -> None:
    lake = lake_of(pipeline)
    DeltaTable(lake.location(CONTRIBUTIONS)).optimize.compact()
    lose(lake, CONTRIBUTIONS)
    assert told(lake, CONTRIBUTIONS) is None


@pytest.mark.parametrize("is_there", [True, False])
def test_files_that_were_put_together_are_taken_away_if_the_ones_before_are_there(pipeline: Pipeline, is_there: bool) -> None:
    lake = lake_of(pipeline)
    of_the_finished_batch = DeltaTable(lake.location(CONTRIBUTIONS), version=1).file_uris()[0]
    DeltaTable(lake.location(CONTRIBUTIONS)).optimize.compact(commit_properties=maintained(lake))
    lose(lake, CONTRIBUTIONS)
    if not is_there:
        Path(of_the_finished_batch).unlink()
    assert bool(told(lake, CONTRIBUTIONS)) == is_there


def test_a_file_that_the_newest_commit_took_out_is_missed_by_nobody(pipeline: Pipeline) -> None:
    lake = lake_of(pipeline)
    DeltaTable(lake.location(CONTRIBUTIONS)).optimize.compact(commit_properties=maintained(lake))
    files(lake, CONTRIBUTIONS, "remove")[0].unlink()
    assert told(lake, CONTRIBUTIONS) is None


def test_a_vacuum_that_came_later_is_taken_away_with_it(pipeline: Pipeline) -> None:
    lake, table = lake_of(pipeline), DeltaTable(lake_of(pipeline).location(CONTRIBUTIONS))
    version = table.version()
    lost = files(lake, CONTRIBUTIONS)[0]
    Path(lake.location(CONTRIBUTIONS), "left-behind.parquet").touch()
    table.vacuum(0, dry_run=False, enforce_retention_duration=False, full=True)
    assert DeltaTable(lake.location(CONTRIBUTIONS)).version() > version
    lost.unlink()
    assert f"every file of version {version} and later" in (told(lake, CONTRIBUTIONS) or "")


def test_where_the_log_does_not_reach_back_far_enough_nothing_may_be_taken_away(pipeline: Pipeline) -> None:
    lake, table = lake_of(pipeline), DeltaTable(lake_of(pipeline).location(CONTRIBUTIONS))
    table.create_checkpoint()
    (Path(lake.location(CONTRIBUTIONS)) / LOG_FOLDER / f"{0:020d}.json").unlink()
    lose(lake, CONTRIBUTIONS)
    assert told(lake, CONTRIBUTIONS) is None
