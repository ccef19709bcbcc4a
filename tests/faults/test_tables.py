"""Somebody or something changes the tables behind the job's back: the next run heals it, or stops and says what to do.

Each case ends with an operator who obeys the error to the letter, and then everything must be counted exactly once.
"""

import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from _pytest.mark.structures import ParameterSet
from deltalake import DeltaTable

from spark_jobs.base.errors import ConfigurationError
from tests.conftest import NewWorld
from tests.faults.batches import send_some
from tests.faults.damage import LOG, TABLES, Operator, blank, empty, ending, newest_commit, reach, sql, tear
from tests.world import World

pytestmark = pytest.mark.group("DF")

MOMENTS = ("finished", "records_commit", "contributions_commit", "averages_commit", "commit_transaction")
SAMPLE = {("checkpoints", "finished"), ("records", "averages_commit")}


@pytest.fixture
def world(new_world: NewWorld) -> World:
    return new_world()


def cases(*sample: tuple[str, str], moments: Sequence[str] = MOMENTS) -> list[ParameterSet]:
    """Every table at every moment; only the sample is in the usual test run."""
    return [
        pytest.param(table, moment, marks=() if (table, moment) in sample else pytest.mark.thorough)
        for table in TABLES
        for moment in moments
    ]


@pytest.mark.proves("F58", "K10", "K12", "K14", "K23")
@pytest.mark.parametrize(("table", "moment"), cases(*SAMPLE))
def test_an_empty_newest_commit_is_named_and_taken_away_nothing_is_lost(
    world: World, tmp_path: Path, table: str, moment: str
) -> None:
    reach(world, moment)
    operator = Operator.with_copy(world, tmp_path, may_restore=False)
    commit = newest_commit(world, table)
    empty(commit)
    send_some(world, 3)
    told = operator.come_through()
    assert f"table {table}: the commit {LOG}/{commit.name} is empty" in told[0]
    assert {error.exit_code for error in operator.told} == {65}
    world.assert_all_counted()


@pytest.mark.proves("F58")
@pytest.mark.parametrize(("table", "moment"), cases(moments=("finished", "averages_commit")))
def test_a_torn_newest_commit_is_named_and_taken_away_nothing_is_lost(
    world: World, tmp_path: Path, table: str, moment: str
) -> None:
    reach(world, moment)
    operator = Operator.with_copy(world, tmp_path, may_restore=False)
    commit = newest_commit(world, table)
    tear(commit)
    send_some(world, 3)
    told = operator.come_through()
    assert f"table {table}: the commit {LOG}/{commit.name} is torn" in told[0]
    world.assert_all_counted()


@pytest.mark.thorough
@pytest.mark.proves("F58")
@pytest.mark.parametrize("table", TABLES)
def test_an_empty_commit_below_later_ones_asks_for_a_copy(world: World, tmp_path: Path, table: str) -> None:
    reach(world, "finished")
    operator = Operator.with_copy(world, tmp_path)
    empty(sorted(Path(world.tables, table, LOG).glob("*.json"))[-2])
    told = operator.come_through()
    assert "Later commits were built on it. Bring back the newest copy" in told[0]
    world.assert_all_counted()


@pytest.mark.thorough
@pytest.mark.proves("F58", "K07")
def test_a_lost_plan_whose_records_survived_is_not_planned_differently(world: World, tmp_path: Path) -> None:
    reach(world, "records_commit")
    operator = Operator.with_copy(world, tmp_path)
    empty(newest_commit(world, "checkpoints"))
    send_some(world, 3)
    told = operator.come_through()
    assert "records: it knows batch 2, the checkpoints end at batch 1: the plan of that batch is lost" in told[1]
    world.assert_all_counted()


HEALS = {("daily_averages", "averages_commit"), ("daily_averages", "commit_transaction")}
"""Where only the merge of the unfinished batch was taken back, which the next run makes again."""


@pytest.mark.proves("F49", "C7")
@pytest.mark.parametrize("by", ["delta-rs", pytest.param("Spark", marks=pytest.mark.thorough)])
@pytest.mark.parametrize(("table", "moment"), cases(("records", "contributions_commit")))
def test_a_restore_to_before_the_batch_stops_or_heals(world: World, tmp_path: Path, table: str, moment: str, by: str) -> None:
    reach(world, moment)
    operator = Operator.with_copy(world, tmp_path)
    version = DeltaTable(f"{world.tables}/{table}").version()
    before = version - (2 if table == "checkpoints" and moment == "finished" else 1)
    if by == "Spark":
        sql(world, f"RESTORE TABLE delta.`{world.tables}/{table}` TO VERSION AS OF {before}")
    else:
        DeltaTable(f"{world.tables}/{table}").restore(before)
    send_some(world, 3)
    told = operator.come_through()
    # Who has lost the checkpoints is told so by what proves the batch.
    by_proof = ("the consumer group", f"{world.pipeline.output_name} shows averages of batch 2")
    named = (f"table {table}: ", *(by_proof if table == "checkpoints" else ()))
    assert [one for one in told if not one.startswith(named)] == []
    assert bool(told) != ((table, moment) in HEALS)
    world.assert_all_counted()


@pytest.mark.thorough
@pytest.mark.proves("F50")
@pytest.mark.parametrize("moment", ["finished", "records_commit", "averages_commit"])
@pytest.mark.parametrize("table", TABLES)
def test_a_table_dropped_and_created_again_stops_the_run(world: World, tmp_path: Path, table: str, moment: str) -> None:
    reach(world, moment)
    operator = Operator.with_copy(world, tmp_path)
    schema = DeltaTable(f"{world.tables}/{table}").schema()
    shutil.rmtree(Path(world.tables, table))
    DeltaTable.create(f"{world.tables}/{table}", schema, name=table)
    send_some(world, 3)
    error = ending(world)
    assert error is not None
    assert error.exit_code == 65
    shutil.rmtree(Path(world.tables))
    shutil.copytree(operator.copy, world.tables)
    world.run()
    world.assert_all_counted()


@pytest.mark.thorough
@pytest.mark.parametrize("table", TABLES)
@pytest.mark.proves("F48", "F45")
def test_a_property_that_forgets_batches_is_refused_with_the_command_that_takes_it_off(
    world: World, tmp_path: Path, table: str
) -> None:
    reach(world, "contributions_commit")
    operator = Operator.with_copy(world, tmp_path)
    DeltaTable(f"{world.tables}/{table}").alter.set_table_properties({"delta.setTransactionRetentionDuration": "interval 1 days"})
    (told,) = operator.come_through()
    assert f"table {table}: its property delta.setTransactionRetentionDuration is interval 1 days" in told
    assert isinstance(operator.told[0], ConfigurationError)
    world.assert_all_counted()


ALTERED = {
    "deletion vectors": "ALTER TABLE {} SET TBLPROPERTIES ('delta.enableDeletionVectors' = 'true')",
    "column mapping": "ALTER TABLE {} SET TBLPROPERTIES ('delta.columnMapping.mode' = 'name')",
    "v2 checkpoints": "ALTER TABLE {} SET TBLPROPERTIES ('delta.checkpointPolicy' = 'v2')",
    "row tracking": "ALTER TABLE {} SET TBLPROPERTIES ('delta.enableRowTracking' = 'true')",
    "another column": "ALTER TABLE {} ADD COLUMNS (note STRING)",
    "a constraint": "ALTER TABLE {} ADD CONSTRAINT plausible CHECK (batch > 0)",
}


@pytest.mark.thorough
@pytest.mark.proves("F54", "F64")
@pytest.mark.parametrize("altered", ALTERED)
@pytest.mark.parametrize("table", ["records", "daily_averages"])
def test_an_altered_table_is_refused_and_can_be_taken_back(world: World, tmp_path: Path, table: str, altered: str) -> None:
    reach(world, "records_commit")
    operator = Operator.with_copy(world, tmp_path)
    sql(world, ALTERED[altered].format(f"delta.`{world.tables}/{table}`"))
    (told,) = operator.come_through()
    assert re.match(rf"table {table}: (it needs reader version|its columns are not the pipeline's: note)", told)
    assert "Nothing of the pipeline was written since version" in told
    world.assert_all_counted()


@pytest.mark.thorough
@pytest.mark.proves("F57")
@pytest.mark.parametrize("how", ["deleted", "cut short"])
@pytest.mark.parametrize("table", ["records", "contributions", "daily_averages"])
def test_a_damaged_data_file_of_the_last_batch_is_named(world: World, tmp_path: Path, table: str, how: str) -> None:
    reach(world, "finished")
    operator = Operator.with_copy(world, tmp_path)
    file = Path(max(DeltaTable(f"{world.tables}/{table}").file_uris(), key=lambda one: Path(one).stat().st_mtime_ns))
    file.unlink() if how == "deleted" else tear(file)
    send_some(world, 3)
    told = operator.come_through()
    assert told[0].startswith(f"table {table}: its file ")
    assert ("is missing" if how == "deleted" else "bytes") in told[0]
    world.assert_all_counted()


@pytest.mark.thorough
@pytest.mark.proves("F57")
@pytest.mark.parametrize("how", ["deleted", "cut short", "zeroed"])
@pytest.mark.parametrize(("table", "moment"), [("records", "records_commit"), ("contributions", "contributions_commit")])
def test_a_damaged_data_file_of_an_unfinished_batch_ends_in_a_sentence(
    world: World, tmp_path: Path, table: str, moment: str, how: str
) -> None:
    reach(world, moment)
    shutil.copytree(world.tables, tmp_path / "copy")
    damages: dict[str, Callable[[Path], None]] = {"deleted": Path.unlink, "cut short": tear, "zeroed": blank}
    for file in map(Path, DeltaTable(f"{world.tables}/{table}").file_uris()):
        damages[how](file)
    error = ending(world)
    assert error is not None
    assert error.exit_code == 65
    assert ".parquet" in str(error)
    shutil.rmtree(Path(world.tables, table))
    shutil.copytree(tmp_path / "copy" / table, Path(world.tables, table))
    world.run()
    world.assert_all_counted()


@pytest.mark.thorough
@pytest.mark.proves("F59")
@pytest.mark.parametrize("damage", [empty, tear])
@pytest.mark.parametrize("table", TABLES)
def test_a_damaged_checkpoint_of_the_log_is_named_and_can_be_taken_away(
    world: World, tmp_path: Path, table: str, damage: Callable[[Path], None]
) -> None:
    reach(world, "contributions_commit")
    operator = Operator.with_copy(world, tmp_path)
    DeltaTable(f"{world.tables}/{table}").create_checkpoint()
    (checkpoint,) = Path(world.tables, table, LOG).glob("*.checkpoint.parquet")
    damage(checkpoint)
    (told,) = operator.come_through()
    assert f"table {table}: the checkpoint {LOG}/{checkpoint.name} of its log cannot be read" in told
    assert "The commits say the same" in told
    world.assert_all_counted()


@pytest.mark.thorough
@pytest.mark.proves("C5", "F46", "F47")
def test_an_ordinary_append_after_the_merge_in_the_same_process_is_not_skipped(world: World) -> None:
    send_some(world, 1)
    world.run()
    for name in ("records", "contributions", "daily_averages"):
        frame = world.spark().read.format("delta").load(f"{world.tables}/{name}")
        rows = frame.count()
        world.spark().createDataFrame(frame.limit(1).toArrow()).write.format("delta").mode("append").save(
            f"{world.tables}/{name}"
        )
        assert DeltaTable(f"{world.tables}/{name}").to_pyarrow_dataset().count_rows() == rows + 1


@pytest.mark.thorough
@pytest.mark.proves("F62")
def test_history_is_not_state_a_table_without_its_old_commits_goes_on(world: World, tmp_path: Path) -> None:
    reach(world, "contributions_commit")
    for table in TABLES:
        opened = DeltaTable(f"{world.tables}/{table}")
        opened.create_checkpoint()
        for commit in sorted(Path(world.tables, table, LOG).glob("*.json"))[:-1]:
            commit.rename(tmp_path / f"{table}-{commit.name}")
    send_some(world, 3)
    assert ending(world) is None
    world.assert_all_counted()
