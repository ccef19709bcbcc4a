"""Real kills of real `spark-submit` processes on the real broker: at every point, of one process or the group, by signal, at
random.

What is left behind is finished by a run in this process, which is as new to it as another process would be.
"""

import random
import signal
import subprocess
from pathlib import Path

import pytest

from spark_jobs.base.lock import lock_owner
from tests import oracle
from tests.conftest import NewWorld
from tests.faults.batches import send_rejected, send_tiny
from tests.faults.points import RUN
from tests.submitted import KILLED, SECONDS, wait_until
from tests.world import World

pytestmark = pytest.mark.group("CR")

BEFORE_THE_COMMIT = list(RUN)[: list(RUN).index("after:commit_transaction")]
DISAGREEING = ("after:records_commit", "after:averages_commit", "after:produce", "after:commit_transaction", "after:done_commit")
"""Where the tables and Kafka hold different batches: the usual run kills here, one after the other."""
RACES = ("plan_commit", "records_commit", "contributions_commit", "averages_commit", "commit_transaction", "done_commit")
"""Calls of libraries that commit something; a kill some milliseconds after their beginning hits them inside."""
RANDOM_KILLS = 30
LONGEST_RUN_SECONDS = 12.0


@pytest.fixture
def world(new_world: NewWorld, chosen: random.Random) -> World:
    world = new_world()
    send_rejected(world, chosen)
    return world


def assert_one_batch_counted(world: World) -> None:
    world.assert_all_counted()
    assert len(oracle.stored_batches(world.tables)) == 1


@pytest.mark.proves("K10", "K15", "K18", "K22", "K24")
def test_kill_9_of_the_process_group_wherever_tables_and_kafka_disagree(world: World) -> None:
    """One after the other on the same batch: each run resumes where the last one died."""
    for point in DISAGREEING:
        code, output = world.submit(fault=f"{point}:killgroup").finish()
        assert code in KILLED, output
        assert world.visible_batches() == (set() if point in BEFORE_THE_COMMIT else {1})
    world.run()
    assert_one_batch_counted(world)


@pytest.mark.thorough
@pytest.mark.parametrize("point", [pytest.param(point, marks=pytest.mark.proves(*rows), id=point) for point, rows in RUN.items()])
def test_kill_9_of_the_process_group_at_every_point(world: World, point: str) -> None:
    code, output = world.submit(fault=f"{point}:killgroup").finish()
    assert code in KILLED, output
    assert world.visible_batches() == (set() if point in BEFORE_THE_COMMIT else {1})
    world.run()
    assert_one_batch_counted(world)


@pytest.mark.thorough
@pytest.mark.parametrize("call", RACES)
@pytest.mark.proves("K06", "K09", "K12", "K14", "K21", "K23")
def test_kill_9_inside_a_call_that_commits(world: World, call: str) -> None:
    code, output = world.submit(fault=f"before:{call}:killsoon").finish()
    assert code in (*KILLED, 0), output
    world.run()
    assert_one_batch_counted(world)


@pytest.mark.thorough
@pytest.mark.proves("K08", "K09", "F60")
def test_kill_9_while_files_are_being_written_leaves_litter_that_counts_nowhere(world: World) -> None:
    run = world.submit()
    wait_until(lambda: any(Path(world.tables).glob("records/batch-*/_temporary")), "Spark to write", SECONDS)
    assert run.kill()[0] in KILLED
    world.run()
    assert_one_batch_counted(world)


@pytest.mark.thorough
@pytest.mark.parametrize("victim", ["killparent", "kill9"], ids=["the JVM alone", "the Python driver alone"])
@pytest.mark.parametrize(
    "point",
    [
        pytest.param("before:records_files", marks=[pytest.mark.proves("K08")]),
        pytest.param("before:averages_commit", marks=[pytest.mark.proves("K14")]),
        pytest.param("after:produce", marks=[pytest.mark.proves("K18", "F68", "C10")]),
        pytest.param("before:commit_transaction", marks=[pytest.mark.proves("K21")]),
    ],
)
def test_a_kill_of_one_of_the_two_processes_leaves_no_orphan_and_no_harm(world: World, point: str, victim: str) -> None:
    run = world.submit(fault=f"{point}:{victim}")
    run.finish()
    wait_until(lambda: lock_owner(world.pipeline.lock) is None, "the driver to die with its JVM")
    assert world.visible_batches() == set()
    world.run()
    assert_one_batch_counted(world)


@pytest.mark.parametrize(
    "point",
    [
        pytest.param(point, marks=[] if point == "after:delivered" else pytest.mark.thorough)
        for point in (
            "after:fence",
            "after:plan_commit",
            "after:records_commit",
            "after:averages_commit",
            "after:delivered",
            "before:done_commit",
        )
    ],
)
@pytest.mark.proves("F40", "F67", "K18")
def test_sigterm_ends_a_run_in_any_phase_with_another_try(world: World, point: str) -> None:
    """The running transaction is aborted at once: nobody has to wait for its time-out."""
    run = world.submit(fault=f"{point}:stop")
    run.wait_until_frozen()
    run.signal_drivers(signal.SIGTERM, signal.SIGCONT)
    code, output = run.finish()
    assert code == 75, output
    assert "SIGTERM" in output
    assert world.visible_batches() == (set() if point in BEFORE_THE_COMMIT else {1})
    world.run()
    assert_one_batch_counted(world)


@pytest.mark.thorough
@pytest.mark.parametrize("number", range(RANDOM_KILLS))
@pytest.mark.proves("F65", "F69")
def test_kill_9_at_a_random_time(world: World, number: int, chosen: random.Random) -> None:
    """Even numbers kill on top of history; what arrives in between belongs to a later batch or to the same, never to both."""
    if number % 2 == 0:
        world.run()
        send_tiny(world, chosen)
    run = world.submit()
    try:
        run.process.wait(chosen.uniform(1, LONGEST_RUN_SECONDS))
    except subprocess.TimeoutExpired:
        send_tiny(world, chosen)
    code, output = run.kill()
    assert code in (*KILLED, 0), output
    world.run()
    world.assert_all_counted()
