"""Two runs of one pipeline at once, on one machine and on two: whoever wins, every record is counted once and published once.

The second machine is played in this process: it has a lock file of its own, so only the fence and the tables' compare-and-set
stand between the two. Real frozen processes are in `test_frozen_runs.py`.
"""

import random
from contextlib import suppress

import pytest
from deltalake import DeltaTable

from spark_jobs.base import faults
from spark_jobs.base.errors import PipelineBusy
from spark_jobs.base.faults import InjectedFault
from tests.conftest import NewWorld
from tests.faults import points
from tests.faults.batches import send_two_days
from tests.faults.cases import case
from tests.faults.two_machines import Turns, ending, on_b, on_machine, run_interleaved
from tests.world import World

pytestmark = pytest.mark.group("CC")

HARMLESS = ("finished", "75", "76")

POINTS = list(points.RUN)
TELLING = {"after:plan_commit", "before:averages_merge", "before:commit_transaction"}
KILLS = [
    "after:plan_commit",
    "after:records_commit",
    "after:averages_commit",
    "before:commit_transaction",
    "after:commit_transaction",
]


@pytest.fixture
def world(new_world: NewWorld) -> World:
    world = new_world()
    send_two_days(world, 1)
    return world


def assert_harmless(how: str) -> None:
    assert how.startswith(HARMLESS), how


@pytest.mark.proves("F29", "F30", "F65", "F66", "C4")
@pytest.mark.parametrize("point", [case(point, telling=point in TELLING) for point in POINTS])
def test_a_run_that_sleeps_while_another_machine_finishes_two_batches_changes_nothing(world: World, point: str) -> None:
    newer: list[str] = []
    assert_harmless(ending(lambda: world.run_disturbed(point, lambda: newer.append(ending(lambda: on_b(world))))))
    assert newer == ["finished"], "the newer run is never the one that has to give way"
    world.run()
    world.assert_all_counted()
    assert world.run() == []


@pytest.mark.proves("F30", "F65")
@pytest.mark.parametrize("killed", KILLS)
@pytest.mark.parametrize("sleeps", [case(point, telling=False) for point in KILLS])
def test_a_run_that_sleeps_while_another_machine_dies_in_the_same_batch(world: World, sleeps: str, killed: str) -> None:
    how = ending(lambda: world.run_disturbed(sleeps, lambda: die_on_b(world, killed)))
    assert_harmless(how)
    world.run()
    world.assert_all_counted()


def die_on_b(world: World, point: str) -> None:
    """The other machine starts the same batch and dies at a point, if there is that much left to do."""

    def die(passed: str) -> None:
        if passed == point:
            raise InjectedFault(point)

    with suppress(InjectedFault), faults.calling(die):
        world.run(overrides=on_machine(world, "b"))


@pytest.mark.proves("F65", "F66")
@pytest.mark.parametrize("number", [case(number, telling=number < 3) for number in range(20)])
def test_interleaved_runs_of_two_machines_count_everything_once(
    world: World, number: int, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = random.Random(f"{request.config.getoption('seed')} {number}")
    turns = Turns(chosen, ("a", "b"))
    for how in run_interleaved(world, turns, ("a", "b"), monkeypatch, "limits.max_records_per_batch=5"):
        assert how.startswith(HARMLESS), f"{how}\n" + "\n".join(turns.history)
    world.run()
    world.assert_all_counted()


@pytest.mark.proves("F65", "F66", "K05")
@pytest.mark.parametrize("point", [case(point, telling=point == "after:produce") for point in POINTS[2::3]])
def test_a_second_run_on_the_same_machine_is_told_who_works_and_does_nothing(world: World, point: str) -> None:
    def second_run() -> None:
        with pytest.raises(PipelineBusy, match=r"is being run by run first \(process \d+ on "):
            world.run()

    world.run_disturbed(point, second_run, run_id="first")
    world.assert_all_counted()


@pytest.mark.thorough
@pytest.mark.proves("F65")
@pytest.mark.parametrize("point", POINTS[2::4])
def test_a_lock_file_removed_by_hand_lets_two_runs_in_and_still_nothing_counts_twice(world: World, point: str) -> None:
    def remove_lock_and_run() -> None:
        world.pipeline.lock.unlink()
        world.run()

    assert_harmless(ending(lambda: world.run_disturbed(point, remove_lock_and_run)))
    world.run()
    world.assert_all_counted()


@pytest.mark.thorough
@pytest.mark.proves("F55", "F56", "K26")
@pytest.mark.parametrize("point", POINTS[4:])
def test_maintenance_of_the_tables_in_the_middle_of_a_run_loses_nothing(world: World, point: str) -> None:
    for minute in (2, 3):
        world.run()
        send_two_days(world, minute)
    how = ending(lambda: world.run_disturbed(point, lambda: maintain(world)))
    assert how.startswith(("finished", "75")), how
    world.run()
    world.assert_all_counted()


def maintain(world: World) -> None:
    """What an operator schedules: small files into larger ones, and files that nobody needs any more out."""
    for table in ("checkpoints", "records", "contributions", "daily_averages"):
        location = f"{world.tables}/{table}"
        DeltaTable(location).optimize.compact()
        DeltaTable(location).vacuum(retention_hours=168, dry_run=False)
