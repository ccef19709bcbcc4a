"""Maintenance of real tables, without Kafka and Spark: what it changes, what it never does, and how it survives a kill."""

import json
import os
import re
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable

from spark_jobs.audit.stored import record_counts
from spark_jobs.base import faults
from spark_jobs.base.errors import DecisionNeeded, PipelineBusy, TableDamaged, TryAgain
from spark_jobs.base.faults import InjectedFault
from spark_jobs.base.lock import hold_lock
from spark_jobs.lake import health
from spark_jobs.lake.checkpoint_log import CheckpointLog
from spark_jobs.lake.delta_log import LOG_FOLDER, TableLog
from spark_jobs.lake.record_files import batch_rows
from spark_jobs.lake.schemas import CHECKPOINTS, RECORDS
from spark_jobs.maintenance.maintain import Maintenance, maintain, preview_maintenance
from spark_jobs.maintenance.report import maintenance_report
from spark_jobs.maintenance.upkeep import size_of
from spark_jobs.pipeline.settings import Pipeline, load_pipeline
from tests.daily_tables import CONTRIBUTIONS, DAILY_AVERAGES, SCHEMAS
from tests.faults import points
from tests.oracle import rows
from tests.stored import SIZE, done_at, drop_newest_statistics, finish_batch, lake_of, plan_batch, stored_pipeline

BATCHES = 6
NOW = done_at(BATCHES)
KEEP_THREE_DAYS = "maintenance.keep_records_days=3"
PRUNED = 3
"""Batch 3 was done three days before batch 6."""
OLD_SECONDS = 200 * 3600
READINGS = (RECORDS, CONTRIBUTIONS, DAILY_AVERAGES)
TELLING = ("before:prune", "after:prune", "after:compact_records", "before:log_cleanup_contributions")
pytestmark = pytest.mark.group("DF")


@pytest.fixture(scope="session")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made once; each test gets a copy."""
    folder = tmp_path_factory.mktemp("original")
    stored_pipeline(folder, BATCHES)
    return folder


@pytest.fixture
def pipeline(original: Path, tmp_path: Path) -> Pipeline:
    return copied(original, tmp_path / "copy", KEEP_THREE_DAYS)


@pytest.fixture
def keeping(original: Path, tmp_path: Path) -> Pipeline:
    """One that prunes nothing."""
    return copied(original, tmp_path / "copy")


def copied(original: Path, folder: Path, *overrides: str) -> Pipeline:
    shutil.copytree(original, folder)
    return load_pipeline(folder / "p.yaml", overrides=overrides)


@pytest.fixture(scope="session")
def undisturbed(original: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """What the tables hold after a maintenance and a batch that nothing happened to."""
    pipeline = copied(original, tmp_path_factory.mktemp("undisturbed") / "copy", KEEP_THREE_DAYS)
    maintain(pipeline, now=NOW)
    finish_next_batch(pipeline)
    return content(pipeline)


def content(pipeline: Pipeline) -> dict[str, list[str]]:
    """All rows of all tables, in no order that a file could give them."""
    lake = lake_of(pipeline)
    return {name: sorted(map(str, rows(lake.location(name)))) for name in SCHEMAS}


def files_of(pipeline: Pipeline) -> dict[str, int]:
    return {name: len(lake_of(pipeline).open(name).file_uris()) for name in SCHEMAS}


def folder(pipeline: Pipeline, name: str) -> Path:
    return Path(lake_of(pipeline).location(name))


def assert_whole(pipeline: Pipeline) -> None:
    lake = lake_of(pipeline)
    health.require_readable(lake)
    health.require_whole(lake, CheckpointLog(lake))


@pytest.mark.proves("F61")
def test_small_files_become_one_and_say_the_same(keeping: Pipeline) -> None:
    before, lake = content(keeping), lake_of(keeping)
    counted = {batch: batch_rows(lake.open(RECORDS), batch) for batch in range(1, BATCHES + 1)}
    found = maintain(keeping, now=NOW)
    assert files_of(keeping) == dict.fromkeys(SCHEMAS, 1)
    assert content(keeping) == before
    assert {batch: batch_rows(lake.open(RECORDS), batch) for batch in counted} == counted
    assert found.pruned is None
    assert_whole(keeping)


def test_a_maintenance_with_nothing_to_do_commits_nothing(keeping: Pipeline) -> None:
    maintain(keeping, now=NOW)
    versions = {name: lake_of(keeping).open(name).version() for name in SCHEMAS}
    maintain(keeping, now=NOW)
    assert {name: lake_of(keeping).open(name).version() for name in SCHEMAS} == versions


@pytest.mark.proves("F55", "F61", "F63")
def test_tables_keep_their_ids_form_numbers_and_statistics(keeping: Pipeline) -> None:
    lake = lake_of(keeping)

    def form(name: str) -> tuple[Any, ...]:
        table = lake.open(name)
        protocol = table.protocol()
        numbers = (lake.known_batch(table), protocol.min_reader_version, protocol.min_writer_version)
        return (*numbers, str(table.metadata().id), table.metadata().configuration, str(table.schema()))

    before = {name: form(name) for name in SCHEMAS}
    maintain(keeping, now=NOW)
    assert {name: form(name) for name in SCHEMAS} == before
    statistics = lake.open(RECORDS).get_add_actions(flatten=True).schema.names
    for column in ("partition", "offset", "date", "batch", "rounded_from", "rejected_because"):
        assert f"null_count.{column}" in statistics


def test_old_records_go_by_whole_batches_and_nothing_else_does(pipeline: Pipeline) -> None:
    before = content(pipeline)
    found = maintain(pipeline, now=NOW)
    assert found.pruned is not None
    assert (found.pruned.batch, found.pruned.done_at, found.pruned.rows) == (PRUNED, done_at(PRUNED), PRUNED * 2 * SIZE)
    after = content(pipeline)
    assert {name: after[name] for name in SCHEMAS if name != RECORDS} == {
        name: before[name] for name in SCHEMAS if name != RECORDS
    }
    assert {row["batch"] for row in rows(lake_of(pipeline).location(RECORDS))} == {4, 5, 6}
    assert set(after[RECORDS]) < set(before[RECORDS])
    assert_whole(pipeline)


def test_the_newest_batch_and_an_unfinished_one_stay_however_old(pipeline: Pipeline) -> None:
    plan_batch(pipeline, BATCHES + 1)
    maintain(pipeline, now=NOW + timedelta(days=1000))
    assert {row["batch"] for row in rows(lake_of(pipeline).location(RECORDS))} == {BATCHES}
    finish_batch(pipeline, BATCHES + 1)
    assert_whole(pipeline)


def test_what_was_pruned_is_numbered_and_the_number_outlives_the_commits_of_its_log(pipeline: Pipeline) -> None:
    maintain(pipeline, now=NOW)
    age_commits(pipeline, RECORDS)
    maintain(pipeline, now=NOW)
    lake, log = lake_of(pipeline), TableLog(lake_of(pipeline).location(RECORDS))
    assert len(log.commits) == 1
    assert (lake.pruned_batch(lake.open(RECORDS)), lake.known_batch(lake.open(RECORDS))) == (PRUNED, BATCHES)
    finish_next_batch(pipeline)
    assert_whole(pipeline)


def test_a_restore_brings_pruned_records_back_keeps_the_number_and_the_next_maintenance_prunes_them_again(
    pipeline: Pipeline,
) -> None:
    lake = lake_of(pipeline)
    version, counted = lake.open(RECORDS).version(), record_counts(lake).found
    maintain(pipeline, now=NOW)
    lake.open(RECORDS).restore(version)
    assert (record_counts(lake).found, record_counts(lake).pruned) == (counted, PRUNED)
    assert_whole(pipeline)
    found = maintain(pipeline, now=NOW).pruned
    assert found is not None
    assert (found.batch, found.rows) == (PRUNED, PRUNED * 2 * SIZE)
    assert {batch for batch, _ in record_counts(lake).found} == {4, 5, 6}


def age_commits(pipeline: Pipeline, name: str) -> None:
    for commit in (folder(pipeline, name) / LOG_FOLDER).glob("*.json"):
        age(commit, 40 * 24 * 3600)


def age(path: Path, seconds: int = OLD_SECONDS) -> None:
    moment = path.stat().st_mtime - seconds
    os.utime(path, (moment, moment))


def finish_next_batch(pipeline: Pipeline) -> None:
    plan_batch(pipeline, BATCHES + 1)
    finish_batch(pipeline, BATCHES + 1)


def damage(pipeline: Pipeline, name: str, where: str, **values: str) -> None:
    table = lake_of(pipeline).open(name)
    if values:
        table.update(updates=values, predicate=where)
    else:
        table.delete(where)


@pytest.mark.parametrize(
    ("name", "where", "values", "told"),
    [
        (RECORDS, 'batch = 2 and partition = 1 and "offset" = 7', {}, "batch 2, partition 1 holds 4 records"),
        (RECORDS, "batch = 2 and partition = 0", {}, "batch 2, partition 0 holds 0 records"),
        (RECORDS, 'batch = 2 and "offset" = 7', {"value": "value + 1"}, "batch 2, partition 0, 2026-01-01: value_sum"),
        (CONTRIBUTIONS, "batch = 1 and partition = 0", {}, "batch 1, partition 0 counts 0 readings"),
        (CONTRIBUTIONS, "batch = 3", {"value_max": "value_max + 1"}, "batch 3, partition 0, 2026-01-01: value_max"),
    ],
)
def test_records_that_do_not_prove_the_contributions_any_more_are_kept(
    pipeline: Pipeline, name: str, where: str, values: dict[str, str], told: str
) -> None:
    damage(pipeline, name, where, **values)
    before = content(pipeline)
    for work in (preview_maintenance, maintain):
        with pytest.raises(DecisionNeeded, match=re.escape(told)) as caught:
            work(pipeline, now=NOW)
        assert "nothing was deleted" in str(caught.value)
    assert content(pipeline) == before


def test_tables_that_a_run_would_refuse_are_left_as_they_are(keeping: Pipeline) -> None:
    damage(keeping, DAILY_AVERAGES, "true")
    files = files_of(keeping)
    with pytest.raises(TableDamaged, match="daily_averages: it holds 0 days of batch 6"):
        maintain(keeping, now=NOW)
    assert files_of(keeping) == files


@pytest.mark.proves("K26")
@pytest.mark.parametrize(
    "point", [pytest.param(one, marks=[] if one in TELLING else [pytest.mark.thorough]) for one in points.MAINTENANCE]
)
def test_a_maintenance_that_dies_at_any_point_leaves_whole_tables_and_the_next_one_goes_on(
    pipeline: Pipeline, undisturbed: dict[str, list[str]], point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_unneeded(pipeline)
    monkeypatch.setenv("DAYFOLD_ALLOW_FAULTS", "1")
    with pytest.raises(InjectedFault), faults.calling(lambda passed: die_at(point, passed)):
        maintain(pipeline, now=NOW)
    assert_whole(pipeline)
    finish_next_batch(pipeline)
    maintain(pipeline, now=NOW)
    assert_whole(pipeline)
    found = content(pipeline)
    assert [found[name] for name in READINGS] == [undisturbed[name] for name in READINGS]
    assert len(found[CHECKPOINTS]) == len(undisturbed[CHECKPOINTS])
    assert files_of(pipeline) == dict.fromkeys(SCHEMAS, 1)


def die_at(point: str, passed: str) -> None:
    if passed == point:
        raise InjectedFault(point)


def make_unneeded(pipeline: Pipeline) -> None:
    """In each table a file that was never part of it, as a killed run leaves, of more than a week ago."""
    for name in SCHEMAS:
        orphan = folder(pipeline, name) / "batch-00000001-00ff" / "part-0.parquet"
        orphan.parent.mkdir()
        orphan.write_bytes(b"PAR1")
        age(orphan)


def orphans(pipeline: Pipeline) -> set[str]:
    return {name for name in SCHEMAS if list(folder(pipeline, name).glob("batch-*/part-0.parquet"))}


@pytest.mark.proves("F56", "F60")
def test_files_of_killed_runs_go_after_a_week_and_not_before(keeping: Pipeline) -> None:
    make_unneeded(keeping)
    young = folder(keeping, RECORDS) / "batch-00000001-00ff" / "young.parquet"
    young.write_bytes(b"PAR1")
    assert {one.table: one.vacuumed_files for one in preview_maintenance(keeping, now=NOW).tables} == dict.fromkeys(SCHEMAS, 1)
    found = maintain(keeping, now=NOW)
    assert {one.table: (one.vacuumed_files, one.vacuumed_bytes) for one in found.tables} == dict.fromkeys(SCHEMAS, (1, 4))
    assert orphans(keeping) == set()
    assert young.exists()


@pytest.mark.proves("F56")
def test_while_a_batch_is_unfinished_files_that_a_frozen_run_may_still_commit_stay(keeping: Pipeline) -> None:
    plan_batch(keeping, BATCHES + 1)
    make_unneeded(keeping)
    assert maintain(keeping, now=NOW).unfinished == BATCHES + 1
    assert orphans(keeping) == set(SCHEMAS)
    finish_batch(keeping, BATCHES + 1)
    assert maintain(keeping, now=NOW).unfinished is None
    assert orphans(keeping) == set()


@pytest.mark.proves("F56")
def test_files_that_were_put_together_go_after_a_week_too(keeping: Pipeline) -> None:
    maintain(keeping, now=NOW)
    assert len(parquet(keeping, RECORDS)) == 2 * BATCHES + 1
    age_removals(keeping, RECORDS)
    plan_batch(keeping, BATCHES + 1)
    found = {one.table: one.vacuumed_files for one in maintain(keeping, now=NOW).tables}
    assert found[RECORDS] == 2 * BATCHES
    assert len(parquet(keeping, RECORDS)) == 1
    assert {one.table: one.vacuumed_files for one in preview_maintenance(keeping, now=NOW).tables}[RECORDS] == 0
    finish_batch(keeping, BATCHES + 1)
    assert_whole(keeping)


def parquet(pipeline: Pipeline, name: str) -> list[Path]:
    return list(folder(pipeline, name).glob("*.parquet"))


def age_removals(pipeline: Pipeline, name: str) -> None:
    """As if what was put together had been so two hundred hours ago;
    the checkpoints of the log say otherwise and are left out.
    """
    log = folder(pipeline, name) / LOG_FOLDER
    for path in [*log.glob("*.checkpoint.parquet"), log / "_last_checkpoint"]:
        path.unlink()
    for commit in log.glob("*.json"):
        lines = [aged(json.loads(line)) for line in commit.read_text().splitlines()]
        commit.write_text("\n".join(map(json.dumps, lines)))


def aged(action: dict[str, Any]) -> dict[str, Any]:
    if "remove" in action:
        action["remove"]["deletionTimestamp"] -= OLD_SECONDS * 1000
    return action


def test_a_tables_own_longer_retention_is_kept_and_a_shorter_one_is_not(keeping: Pipeline) -> None:
    table = lake_of(keeping).open(RECORDS)
    table.alter.set_table_properties({"delta.deletedFileRetentionDuration": "interval 30 days"})
    lake_of(keeping).open(CONTRIBUTIONS).alter.set_table_properties({"delta.deletedFileRetentionDuration": "interval 1 hours"})
    make_unneeded(keeping)
    young = folder(keeping, CONTRIBUTIONS) / "young.parquet"
    young.write_bytes(b"PAR1")
    age(young, 100 * 3600)
    maintain(keeping, now=NOW)
    assert orphans(keeping) == {RECORDS}
    assert young.exists()


def test_commits_older_than_the_logs_retention_go_and_the_table_says_the_same(keeping: Pipeline) -> None:
    before = content(keeping)
    for name in SCHEMAS:
        age_commits(keeping, name)
    found = maintain(keeping, now=NOW)
    for one in found.tables:
        assert one.after is not None
        assert one.after.log_files < one.before.log_files
    assert content(keeping) == before
    finish_next_batch(keeping)
    assert_whole(keeping)


def test_a_dry_run_says_what_would_be_done_and_does_nothing(pipeline: Pipeline) -> None:
    make_unneeded(pipeline)
    paths = sorted(Path(pipeline.lake).rglob("*"))
    found = preview_maintenance(pipeline, now=NOW)
    assert sorted(Path(pipeline.lake).rglob("*")) == paths
    assert not pipeline.lock.exists()
    assert found.dry_run
    assert found.pruned is not None
    assert found.pruned.batch == PRUNED
    assert [(one.table, one.before.files, one.after) for one in found.tables] == [
        ("checkpoints", 2 * BATCHES, None),
        ("records", 2 * BATCHES, None),
        ("contributions", BATCHES, None),
        ("daily_averages", 1, None),
    ]


def test_a_pipeline_without_tables_has_nothing_to_maintain(tmp_path: Path) -> None:
    pipeline = stored_pipeline(tmp_path, 0)
    assert maintain(pipeline, now=NOW) == Maintenance("p", False, None, None, ())
    assert preview_maintenance(pipeline, now=NOW) == Maintenance("p", True, None, None, ())
    assert not Path(pipeline.lake).exists()


def test_tables_that_hold_nothing_yet_are_maintained_like_others(tmp_path: Path) -> None:
    pipeline = stored_pipeline(tmp_path, 0, KEEP_THREE_DAYS)
    plan_batch(pipeline, 1)
    found = maintain(pipeline, now=NOW)
    assert {one.table: one.after and (one.after.files, one.after.rows) for one in found.tables} == {
        **{"checkpoints": (1, 1), "records": (0, 0), "contributions": (0, 0), "daily_averages": (0, 0)}
    }
    finish_batch(pipeline, 1)
    assert_whole(pipeline)


@pytest.mark.parametrize(
    ("point", "name", "where", "told"),
    [
        ("after:prune", RECORDS, "batch = 5", "after the records up to batch 3 were pruned, it holds others than before"),
        (
            "after:compact_contributions",
            CONTRIBUTIONS,
            "batch = 2",
            "it holds 10 rows after its files were put together, before it held 12",
        ),
    ],
)
def test_rows_that_go_missing_meanwhile_are_noticed_before_any_file_is_deleted(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, point: str, name: str, where: str, told: str
) -> None:
    monkeypatch.setenv("DAYFOLD_ALLOW_FAULTS", "1")
    version = lake_of(pipeline).open(name).version()
    happening = {point: lambda: damage(pipeline, name, where)}
    with faults.calling(lambda passed: happening.get(passed, int)()), pytest.raises(TableDamaged, match=told) as caught:
        maintain(pipeline, now=NOW)
    assert str(caught.value).endswith(f"TO VERSION AS OF {version}.")
    lake_of(pipeline).open(name).restore(version)
    maintain(pipeline, now=NOW)
    assert_whole(pipeline)


@pytest.mark.proves("F152")
@pytest.mark.parametrize("name", [CHECKPOINTS, CONTRIBUTIONS])
def test_rows_that_go_missing_are_noticed_where_a_file_has_no_statistics(
    keeping: Pipeline, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    lake = lake_of(keeping)
    drop_newest_statistics(lake, name)
    assert size_of(lake, name).rows == 2 * BATCHES
    monkeypatch.setenv("DAYFOLD_ALLOW_FAULTS", "1")
    happening = {f"after:compact_{name}": lambda: damage(keeping, name, "batch = 2")}
    told = f"it holds {2 * BATCHES - 2} rows after its files were put together, before it held {2 * BATCHES}"
    with faults.calling(lambda passed: happening.get(passed, int)()), pytest.raises(TableDamaged, match=told):
        maintain(keeping, now=NOW)


@pytest.mark.proves("F55")
def test_of_a_maintenance_and_another_writer_the_maintenance_is_told_to_try_again(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAYFOLD_ALLOW_FAULTS", "1")

    def rewrite(passed: str) -> None:
        if passed == "before:compact_daily_averages":
            lake_of(pipeline).open(DAILY_AVERAGES).update(updates={"revision": "revision"})
        if passed == "before:compact_records":
            lake_of(pipeline).open(RECORDS).update(updates={"value": "value"}, predicate="batch = 6")

    with faults.calling(rewrite), pytest.raises(TryAgain, match="another writer changed the tables meanwhile") as caught:
        maintain(pipeline, now=NOW)
    assert "\n" not in str(caught.value)
    assert maintain(pipeline, now=NOW).pruned is None
    assert_whole(pipeline)


@pytest.mark.proves("F55")
def test_while_a_run_is_at_work_nothing_is_touched_and_its_owner_is_named(keeping: Pipeline) -> None:
    files = files_of(keeping)
    with (
        hold_lock(keeping.lock, pipeline=keeping.name, run_id="night shift"),
        pytest.raises(PipelineBusy, match="run night shift") as caught,
    ):
        maintain(keeping, now=NOW)
    assert caught.value.exit_code == 75
    assert files_of(keeping) == files


def test_the_way_back_after_damage_is_never_to_before_a_maintenance(keeping: Pipeline) -> None:
    maintain(keeping, now=NOW)
    maintained = lake_of(keeping).open(CONTRIBUTIONS).version()
    damage(keeping, CONTRIBUTIONS, f"batch = {BATCHES}")
    with pytest.raises(TableDamaged, match=rf"TO VERSION AS OF {maintained};"):
        assert_whole(keeping)
    DeltaTable(lake_of(keeping).location(CONTRIBUTIONS)).restore(maintained)
    assert_whole(keeping)


def test_what_is_reported_is_plain_values(pipeline: Pipeline) -> None:
    report = maintenance_report(maintain(pipeline, now=NOW))
    assert json.loads(json.dumps(report)) == report
    assert report["pruned"] == {"batch": 3, "done_at": "2020-01-03T00:00:00+00:00", "rows": 30}
    assert report["tables"]["records"]["before"]["files"] == 12
    assert report["tables"]["records"]["after"]["rows"] == 30


def test_records_are_counted_alike_before_and_after(keeping: Pipeline) -> None:
    before = record_counts(lake_of(keeping))
    maintain(keeping, now=NOW)
    assert record_counts(lake_of(keeping)) == before
