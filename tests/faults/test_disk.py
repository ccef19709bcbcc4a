"""A disk that is full, refuses, forgets or is littered: the run ends in one sentence, nothing is lost, and the next run finishes.

"Full" is real wherever it can be had: the kernel refuses to let a file of the driver or of Spark's JVM grow (RLIMIT_FSIZE).
"""

import os
import resource
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import psutil
import pytest
from deltalake import DeltaTable

from spark_jobs.base import faults
from spark_jobs.base.errors import ConfigurationError, TableDamaged, TryAgain
from tests import invariants
from tests.conftest import NewWorld
from tests.faults.batches import send_some
from tests.faults.damage import LOG, TABLES, ending, reach, tear
from tests.world import World

pytestmark = pytest.mark.group("DF")

WRITES = ("plan_commit", "records_files", "records_commit", "contributions_commit", "averages_commit", "done_commit")
FEW_BYTES = 64


@pytest.fixture
def world(new_world: NewWorld) -> World:
    return new_world()


def sampled(values: tuple[str, ...], sample: str) -> list[object]:
    """Only the sample is in the usual test run."""
    return [pytest.param(one, marks=() if one == sample else pytest.mark.thorough) for one in values]


@pytest.mark.proves("F57")
@pytest.mark.parametrize("point", sampled(WRITES, "done_commit"))
def test_a_full_disk_asks_for_another_try_wherever_it_is_noticed(
    world: World, point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    send_some(world, 1)
    faults.reset()
    with monkeypatch.context() as environment:
        environment.setenv("DAYFOLD_ALLOW_FAULTS", "1")
        environment.setenv("DAYFOLD_FAULT", f"before:{point}:enospc")
        error = ending(world)
    assert isinstance(error, TryAgain)
    assert "the disk is full" in str(error)
    send_some(world, 2)
    world.run()
    world.assert_all_counted()


@contextmanager
def room(process: psutil.Process) -> Iterator[Callable[[], object]]:
    """Gives the call after which no file of the process can grow beyond a few bytes, until the end of the block."""
    before = process.rlimit(resource.RLIMIT_FSIZE)
    try:
        yield lambda: process.rlimit(resource.RLIMIT_FSIZE, (FEW_BYTES, before[1]))
    finally:
        process.rlimit(resource.RLIMIT_FSIZE, before)


def spark_jvm() -> psutil.Process:
    """Spark's half of this test run; what ended before it and is not collected yet has no command line."""
    living = [one for one in psutil.Process().children(recursive=True) if one.status() != psutil.STATUS_ZOMBIE]
    (jvm,) = [one for one in living if "org.apache.spark.deploy.SparkSubmit" in one.cmdline()]
    return jvm


def out_of_room(world: World, process: psutil.Process, point: str) -> Exception | None:
    """How a run ends in which the process can write no more from the point on."""
    with room(process) as use_up:
        passed: list[str] = []

        def at(name: str) -> None:
            if name == point and not passed:
                passed.append(name)
                use_up()

        with world_faults(at):
            error = ending(world)
    assert passed, f"{point} was never passed"
    return error


@contextmanager
def world_faults(at: Callable[[str], None]) -> Iterator[None]:
    os.environ["DAYFOLD_ALLOW_FAULTS"] = "1"
    try:
        with faults.calling(at):
            yield
    finally:
        del os.environ["DAYFOLD_ALLOW_FAULTS"]


def assert_full_and_then_finished(world: World, error: Exception | None) -> None:
    assert isinstance(error, TryAgain), error
    assert "the disk is full" in str(error)
    assert "\n" not in str(error)
    send_some(world, 2)
    world.run()
    world.assert_all_counted()


@pytest.mark.proves("F57", "K06", "K12", "K14", "K23")
@pytest.mark.parametrize("point", sampled(tuple(one for one in WRITES if one != "records_files"), "averages_commit"))
def test_a_driver_that_can_write_no_more_asks_for_another_try(world: World, point: str) -> None:
    send_some(world, 1)
    assert_full_and_then_finished(world, out_of_room(world, psutil.Process(), f"before:{point}"))


@pytest.mark.thorough
@pytest.mark.proves("F57", "K09")
@pytest.mark.parametrize("point", ["before:records_files", "after:records_commit"])
def test_a_spark_that_can_write_no_more_asks_for_another_try(world: World, point: str) -> None:
    # A JVM that cannot unpack its native libraries the first time never tries again.
    reach(world, "finished")
    send_some(world, 3)
    assert_full_and_then_finished(world, out_of_room(world, spark_jvm(), point))


@pytest.mark.thorough
@pytest.mark.proves("F57", "K09")
def test_a_submitted_run_that_can_write_no_more_ends_with_75(world: World) -> None:
    send_some(world, 1)
    job = world.submit(fault="before:records_files:stop")
    job.wait_until_frozen()
    for process in (psutil.Process(job.pid), *psutil.Process(job.pid).children(recursive=True)):
        process.rlimit(resource.RLIMIT_FSIZE, (FEW_BYTES, FEW_BYTES))
    code, output = job.wake()
    assert code == 75, output
    assert "dayfold: the disk is full" in output
    world.run()
    world.assert_all_counted()


@pytest.mark.proves("F57")
def test_a_file_that_was_cut_before_the_commit_is_noticed_by_its_footer(world: World) -> None:
    send_some(world, 1)
    with pytest.raises(TryAgain, match=r"batch-.*\.parquet was cut short .*run again"):
        world.run_disturbed("before:records_footers", lambda: tear(next(files_of_records(world))))
    send_some(world, 2)
    world.run()
    world.assert_all_counted()


@pytest.mark.thorough
@pytest.mark.proves("F57")
def test_a_file_that_vanished_before_the_commit_is_missed(world: World) -> None:
    send_some(world, 1)
    with pytest.raises(TableDamaged, match="which readers of"):
        world.run_disturbed("before:records_footers", lambda: next(files_of_records(world)).unlink())
    world.run(abandon=True)
    assert {record[:2] for record in found_offsets(world)} == {(one.partition, one.offset) for one in world.sent}


def found_offsets(world: World) -> list[tuple[int, int]]:
    rows = DeltaTable(f"{world.tables}/records").to_pyarrow_dataset().to_table(["partition", "offset"], use_threads=False)
    return [(row["partition"], row["offset"]) for row in rows.to_pylist()]


def files_of_records(world: World) -> Iterator[Path]:
    return Path(world.tables, "records").glob("batch-*/*.parquet")


UNUSABLE = {"a file": "{}/in-the-way", "below a file": "{}/in-the-way/below", "/sys": "/sys/dayfold"}


@pytest.mark.proves("F57")
@pytest.mark.parametrize("place", sampled(tuple(UNUSABLE), "a file"))
@pytest.mark.parametrize("setting", ["lake", "state"])
def test_a_place_where_nothing_can_be_made_is_named(world: World, tmp_path: Path, setting: str, place: str) -> None:
    (tmp_path / "in-the-way").write_text("a file where a folder is needed")
    send_some(world, 1)
    error = ending(world, overrides=[f"{setting}={UNUSABLE[place].format(tmp_path)}"])
    assert isinstance(error, ConfigurationError), error
    assert UNUSABLE[place].format(tmp_path) in str(error)
    assert "\n" not in str(error)
    world.run()
    world.assert_all_counted()


@pytest.mark.thorough
@pytest.mark.proves("F57")
@pytest.mark.parametrize("table", TABLES)
def test_a_file_in_the_place_of_a_table_is_named(world: World, table: str) -> None:
    send_some(world, 1)
    Path(world.tables).mkdir(parents=True)
    Path(world.tables, table).write_text("a file where a folder is needed")
    error = ending(world)
    assert isinstance(error, ConfigurationError), error
    assert table in str(error)
    Path(world.tables, table).unlink()
    world.run()
    world.assert_all_counted()


def litter(world: World) -> None:
    """What killed writers leave: files that no version names, unfinished commits and checkpoints of the log, Spark's folders."""
    for table in TABLES:
        folder, log = Path(world.tables, table), Path(world.tables, table, LOG)
        for number, uri in enumerate(DeltaTable(str(folder)).file_uris()):
            shutil.copy(uri, folder / f"part-{number:05}-left-over.parquet")
        for name in ("_commit_5f0e.json.tmp", "00000000000000000099.json#1", "00000000000000000099.checkpoint.parquet#1"):
            (log / name).write_bytes(b'{"add": {"path": "pa')
    attempt = Path(world.tables, "records", "batch-00000002-00ff", "_temporary", "0")
    attempt.mkdir(parents=True)
    for file in list(files_of_records(world)):
        shutil.copy(file, attempt.parent.parent / file.name)


@pytest.mark.thorough
@pytest.mark.proves("F60", "K06", "K09", "K16", "K23")
@pytest.mark.parametrize("moment", ["finished", "records_commit", "averages_commit"])
def test_what_killed_runs_left_lying_about_counts_nowhere(world: World, moment: str) -> None:
    reach(world, moment)
    litter(world)
    send_some(world, 3)
    world.run()
    world.assert_all_counted()
    invariants.check_second_opinion(world.spark(), world.tables)


def compact(table: DeltaTable) -> None:
    table.optimize.compact()


def vacuum(table: DeltaTable, *, keep: int = 0) -> None:
    """Delete what no version names, but for the last `keep` files, as a VACUUM that was killed."""
    doomed = table.vacuum(retention_hours=0, dry_run=True, enforce_retention_duration=False)
    for path in doomed[: len(doomed) - keep]:
        Path(table.table_uri.removeprefix("file://"), path).unlink()


MAINTENANCE: dict[str, list[Callable[[DeltaTable], object]]] = {
    "compaction": [compact],
    "compaction, then VACUUM": [compact, vacuum],
    "compaction, then a VACUUM that was killed": [compact, partial(vacuum, keep=1)],
}


@pytest.mark.thorough
@pytest.mark.proves("F55", "F56", "F61", "F63", "K26")
@pytest.mark.parametrize("moment", ["finished", "averages_commit"])
@pytest.mark.parametrize("maintenance", MAINTENANCE)
def test_maintenance_between_two_runs_changes_nothing(world: World, maintenance: str, moment: str) -> None:
    reach(world, moment)
    for table in TABLES:
        for work in MAINTENANCE[maintenance]:
            work(DeltaTable(f"{world.tables}/{table}"))
    invariants.check_second_opinion(world.spark(), world.tables)
    send_some(world, 3)
    world.run()
    world.assert_all_counted()
    invariants.check_second_opinion(world.spark(), world.tables)


@pytest.mark.proves("F58")
def test_all_that_a_publication_is_made_from_is_synced_before_it_begins(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: set[Path] = set()
    real = os.fsync

    def noting(descriptor: int) -> None:
        synced.add(Path(f"/proc/self/fd/{descriptor}").readlink())
        real(descriptor)

    monkeypatch.setattr(os, "fsync", noting)
    send_some(world, 1)
    missing: list[set[Path]] = []
    world.run_disturbed("after:begin_transaction", lambda: missing.append(stored(world) - synced))
    assert missing == [set()]
    assert not stored(world) - synced


def stored(world: World) -> set[Path]:
    """Every commit, every file that a table consists of, and their folders."""
    files = {Path(uri) for table in TABLES for uri in DeltaTable(f"{world.tables}/{table}").file_uris()}
    files |= set(Path(world.tables).glob(f"*/{LOG}/*.json"))
    return files | {file.parent for file in files} | {Path(world.tables, table) for table in TABLES}
