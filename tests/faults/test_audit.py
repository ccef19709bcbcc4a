"""The operator's proof on pipelines where nothing is wrong, at rest, at work and killed, and what the command tells."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from deltalake import DeltaTable

from spark_jobs import cli
from spark_jobs.audit.reconcile import Audit
from spark_jobs.base.lock import hold_lock
from tests.conftest import NewWorld
from tests.faults.audited import audited, told
from tests.faults.batches import some
from tests.faults.points import AFTER_THE_PLAN
from tests.faults.tampering import delete, tampered
from tests.world import World

pytestmark = [pytest.mark.group("DF"), pytest.mark.proves("F97"), pytest.mark.xdist_group("audit")]


@pytest.mark.parametrize("deep", [False, True], ids=["plain", "deep"])
def test_a_history_with_everything_in_it_passes(history: World, deep: bool) -> None:
    found = audited(history, deep=deep)
    assert told(found) == ""
    assert found.notes == ()
    assert found.last_done == 7
    counted = {one.partition: (one.read, one.rejected, one.gaps, one.lost) for one in found.partitions}
    assert counted == {0: (15, 0, 0, 2), 1: (9, 2, 3, 0), 2: (4, 1, 0, 0)}


@pytest.mark.thorough
def test_a_run_that_is_at_work_is_no_difference_at_any_point(new_world: NewWorld) -> None:
    world = new_world()
    world.send(0, *some(3))
    world.send(1, *some(2), b"junk")
    world.run()
    world.send(0, *some(2), *some(2, 17))
    found: dict[str, Audit] = {}
    world.run_while(lambda point: found.setdefault(point, audited(world, deep=point == "before:done_commit")))
    assert {point: told(one) for point, one in found.items() if one.differences} == {}
    assert "batch 2 is unfinished; the next run resumes it" in found["before:commit_transaction"].notes
    assert found["after:done_commit"].notes == ()
    owner = found["after:done_commit"].owner
    assert owner is not None
    assert "process" in owner


@pytest.mark.parametrize("deep", [False, True], ids=["plain", "deep"])
@pytest.mark.parametrize("table", ["checkpoints", "records", "contributions", "daily_averages"])
def test_maintenance_changes_nothing(history: World, tmp_path: Path, table: str, deep: bool) -> None:
    def maintain(tables: Path) -> None:
        DeltaTable(tables / table).optimize.compact()
        DeltaTable(tables / table).create_checkpoint()

    assert told(audited(history, tampered(history, tmp_path, maintain), deep=deep)) == ""


@pytest.mark.thorough
def test_a_killed_run_is_no_difference_at_any_point(new_world: NewWorld) -> None:
    world = new_world()
    world.send(0, *some(3))
    world.run()
    world.send(0, *some(2), *some(2, 17))
    for point in AFTER_THE_PLAN[:-1]:
        world.run_with_fault(f"{point}:raise")
        found = audited(world, deep=True)
        assert told(found) == "", point
        assert "batch 2 is unfinished; the next run resumes it" in found.notes


def told_by_command(world: World, capfd: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """Exit code and output of `dayfold audit`."""
    with pytest.raises(SystemExit) as ending:
        cli.app(["audit", str(world.config), *arguments])
    return int(str(ending.value.code or 0)), capfd.readouterr().out


def test_a_pipeline_that_has_done_nothing_yet_passes_and_says_so(new_world: NewWorld, capfd: pytest.CaptureFixture[str]) -> None:
    code, out = told_by_command(new_world(), capfd)
    assert code == 0
    assert "nothing has been done yet" in out


def test_the_command_tells_each_partition_and_ends_with_zero(history: World, capfd: pytest.CaptureFixture[str]) -> None:
    code, out = told_by_command(history, capfd)
    assert code == 0
    assert "batches 1 to 7" in out
    assert "no difference" in out
    code, out = told_by_command(history, capfd, "--deep", "--json")
    assert code == 0
    report = json.loads(out)
    assert report["passed"] is True
    assert [one["span"] for one in report["partitions"]] == [15, 12, 4]


def test_the_command_tells_every_difference_and_ends_with_65(
    history: World, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    copy = tampered(history, tmp_path, delete("daily_averages", "true"))
    code, out = told_by_command(history, capfd, "--set", f"lake={copy}")
    assert code == 65
    assert "table daily_averages: partition 0, 2006-12-16 is missing, contributions have it. Bring the table back" in out
    code, out = told_by_command(history, capfd, "--json", "--set", f"lake={copy}")
    assert code == 65
    assert json.loads(out)["passed"] is False


def test_a_run_at_work_is_named(new_world: NewWorld, capfd: pytest.CaptureFixture[str]) -> None:
    world = new_world()
    world.send(0, *some(2))
    world.run()
    pipeline = world.pipeline
    with hold_lock(pipeline.lock, pipeline=pipeline.name, run_id="night shift"):
        code, out = told_by_command(world, capfd)
    assert code == 0
    assert "running now: run night shift" in out


def test_an_audit_needs_no_spark() -> None:
    code = (
        "import sys, spark_jobs.audit.reconcile, spark_jobs.audit.report; sys.exit(bool({'pyspark', 'py4j'} & "
        "sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
