"""Maintenance of a pipeline that is at work: before, during and after runs of this and another machine, with old records
pruned.
"""

import json
import signal
from pathlib import Path

import pytest

from spark_jobs.base import faults
from spark_jobs.base.errors import PipelineBusy
from tests import invariants
from tests.conftest import NewWorld
from tests.faults.audited import audited, told
from tests.faults.batches import send_two_days
from tests.faults.cases import case
from tests.faults.maintained import maintain_in_a_year
from tests.faults.points import RUN
from tests.faults.tampering import delete, tampered
from tests.faults.two_machines import ending, on_b, on_machine
from tests.typed import type_in
from tests.world import World

pytestmark = [pytest.mark.group("CC"), pytest.mark.proves("F55")]

POINTS = list(RUN)

TELLING = "before:records_commit"

thorough = pytest.mark.thorough


@pytest.fixture
def world(new_world: NewWorld) -> World:
    """Three finished batches; the fourth has arrived."""
    world = new_world()
    for minute in (1, 2, 3):
        send_two_days(world, minute)
        world.run()
    send_two_days(world, 4)
    return world


@pytest.mark.thorough
def test_a_run_after_a_maintenance_goes_on_as_if_there_had_been_none(world: World) -> None:
    maintain_in_a_year(world)
    assert world.pruned == 2
    invariants.check_second_opinion(world.spark(), world.tables)
    (done,) = world.run()
    assert done.batch == 4
    world.assert_all_counted()
    invariants.check_second_opinion(world.spark(), world.tables)


@pytest.mark.proves("F56", "K26")
@pytest.mark.parametrize("point", [case(point, telling=point == TELLING) for point in POINTS[1:]])
def test_maintenance_on_another_machine_in_the_middle_of_a_run_loses_nothing(world: World, point: str) -> None:
    on_other = on_machine(world, "b")
    how = ending(lambda: world.run_disturbed(point, lambda: maintain_in_a_year(world, *on_other)))
    assert how.startswith(("finished", "75")), how
    world.run()
    assert world.pruned >= 2
    world.assert_all_counted()
    assert told(audited(world, deep=True)) == ""


@thorough
@pytest.mark.parametrize("point", ["before:prune", "before:vacuum_records"])
def test_a_run_that_starts_during_a_maintenance_is_told_who_works_and_so_is_a_maintenance_during_a_run(
    world: World, point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    met: list[str] = []

    def start(passed: str) -> None:
        if passed == point:
            met.append(ending(world.run))

    monkeypatch.setenv("DAYFOLD_ALLOW_FAULTS", "1")
    with faults.calling(start):
        maintain_in_a_year(world)
    assert len(met) == 1
    assert met[0].startswith("75")
    assert "is being run by run maintenance (process" in met[0]

    def try_maintenance() -> None:
        with pytest.raises(PipelineBusy, match="is being run by run first"):
            maintain_in_a_year(world)

    world.run_disturbed("before:records_commit", try_maintenance, run_id="first")
    world.assert_all_counted()


@pytest.mark.proves("F29", "F56", "K26")
@thorough
@pytest.mark.parametrize("point", POINTS)
def test_a_run_that_sleeps_through_other_batches_and_a_maintenance_changes_nothing(world: World, point: str) -> None:
    def meanwhile() -> None:
        on_b(world)
        maintain_in_a_year(world, *on_machine(world, "b"))

    how = ending(lambda: world.run_disturbed(point, meanwhile))
    assert how.startswith(("finished", "75", "76")), how
    world.run()
    world.assert_all_counted()
    assert told(audited(world, deep=True)) == ""


@pytest.mark.proves("F29", "F30", "K26")
@thorough
@pytest.mark.parametrize("point", ["before:records_commit", "before:averages_merge"])
def test_a_frozen_run_is_superseded_after_a_maintenance_too(world: World, tmp_path: Path, point: str) -> None:
    frozen = world.submit(fault=f"{point}:stop")
    frozen.wait_until_frozen()
    other_machine = f"state={tmp_path / 'another-machine'}"
    world.run(overrides=[other_machine])
    send_two_days(world, 5)
    world.run(overrides=[other_machine])
    maintain_in_a_year(world, other_machine)
    code, output = frozen.wake()
    assert code == 76, output
    assert world.pruned == 4
    world.assert_all_counted()


@pytest.mark.thorough
@pytest.mark.proves("F97")
@pytest.mark.parametrize("deep", [False, True], ids=["plain", "deep"])
def test_an_audit_passes_and_says_up_to_which_batch_records_were_pruned(world: World, deep: bool) -> None:
    maintain_in_a_year(world)
    world.run()
    found = audited(world, deep=deep)
    assert told(found) == ""
    assert (found.last_done, found.pruned) == (4, 2)
    (note,) = found.notes
    assert note.startswith("records up to batch 2 (done 20")
    assert note.endswith("were pruned by maintenance; contributions and averages still count them")


LOST = {
    "before anything was pruned": (False, "batch = 1", ("batch 1, partition 0 holds 0 records", "batch 1, partition 1 holds 0")),
    "a batch that was not pruned": (True, "batch = 3", ("batch 3, partition 0 holds 0 records", "batch 3, partition 1 holds 0")),
    "one record of a batch that was not pruned": (
        True,
        'batch = 3 and partition = 0 and "offset" = 4',
        ("batch 3, partition 0 holds 1",),
    ),
}


@pytest.mark.group("DF")
@pytest.mark.proves("F97")
@pytest.mark.parametrize("case", LOST)
@thorough
@pytest.mark.parametrize("deep", [False, True], ids=["plain", "deep"])
def test_records_that_were_lost_are_told_from_those_that_were_pruned(world: World, tmp_path: Path, case: str, deep: bool) -> None:
    prune, where, sentences = LOST[case]
    if prune:
        maintain_in_a_year(world)
    found = told(audited(world, tampered(world, tmp_path, delete("records", where)), deep=deep))
    for sentence in sentences:
        assert sentence in found


@pytest.mark.group("DF")
@pytest.mark.proves("K26")
@thorough
@pytest.mark.parametrize("point", ["after:compact_records", "before:vacuum_records", "before:log_cleanup_records"])
def test_a_maintenance_that_is_killed_frees_the_lock_and_the_next_run_and_maintenance_go_on(world: World, point: str) -> None:
    killed = type_in("maintain", str(world.config), fault=f"{point}:kill9")
    assert killed.returncode == -signal.SIGKILL
    world.run()
    done = type_in("maintain", str(world.config), "--json")
    assert done.returncode == 0, done.stderr
    assert {name: one["after"]["files"] for name, one in json.loads(done.stdout)["tables"].items()} == {
        **{"checkpoints": 1, "records": 1, "contributions": 1, "daily_averages": 1}
    }
    world.assert_all_counted()
    assert type_in("audit", str(world.config), "--deep").returncode == 0
