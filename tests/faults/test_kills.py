"""Real kills of real `spark-submit` processes, on the real broker, one after the other on the same batch.

Every rerun resumes where the last one died and is killed again later, so one chain covers all points where the tables and
Kafka disagree.
"""

import signal
from pathlib import Path

import pytest

from spark_jobs.lock import lock_owner
from tests import oracle
from tests.conftest import NewWorld
from tests.submitted import KILLED, SECONDS, wait_until
from tests.world import World, reading

pytestmark = pytest.mark.group("CR")


@pytest.fixture
def world(new_world: NewWorld) -> World:
    world = new_world()
    for partition in range(3):
        world.send(partition, *(reading(f"{day}/12/2006 17:24:00", f"23{day}.840") for day in (16, 17, 18)), b"no reading")
    return world


def test_kill_9_of_the_process_group_at_every_point_where_tables_and_kafka_disagree(world: World) -> None:
    for point in ("after:records_commit", "after:averages_commit", "after:produce"):
        code, output = world.submit(fault=f"{point}:killgroup").finish()
        assert code in KILLED, output
        assert world.visible_batches() == set()
    for point in ("before:commit_transaction:killsoon", "after:commit_transaction:killgroup", "after:done_commit:killgroup"):
        code, output = world.submit(fault=point).finish()
        assert code in (*KILLED, 0), output
    assert world.submit().finish()[0] == 0
    world.assert_all_counted()
    assert len(oracle.stored_batches(world.tables)) == 1


def test_kill_9_while_files_are_being_written_leaves_litter_that_counts_nowhere(world: World) -> None:
    reading_kafka = world.submit()
    wait_until(lambda: any(Path(world.tables).glob("records/batch-*/_temporary")), "Spark to write", SECONDS)
    assert reading_kafka.kill()[0] in KILLED
    for step in ("plan", "contributions", "averages", "done"):
        code, output = world.submit(fault=f"before:{step}_commit:killsoon").finish()
        assert code in (*KILLED, 0), output
    assert world.submit().finish()[0] == 0
    world.assert_all_counted()


@pytest.mark.parametrize("victim", ["killparent", "kill9"], ids=["the JVM alone", "the Python driver alone"])
def test_a_kill_of_one_of_the_two_processes_leaves_no_orphan_and_no_harm(world: World, victim: str) -> None:
    for point in ("before:averages_commit", "after:produce"):
        world.submit(fault=f"{point}:{victim}").finish()
        wait_until(lambda: lock_owner(world.pipeline.lock) is None, "the driver to die with its JVM")
        assert world.visible_batches() == set()
    world.run()
    world.assert_all_counted()


def test_of_two_runs_at_once_one_works_and_the_other_names_it(world: World) -> None:
    first = world.submit(fault="after:fence:stop")
    first.wait_until_frozen()
    code, output = world.submit().finish()
    assert code == 75
    assert f"{world.pipeline.name} is being run by run submitted (process " in output
    code, output = first.wake()
    assert code == 0, output
    world.assert_all_counted()


def test_sigterm_aborts_the_transaction_and_asks_for_another_try(world: World) -> None:
    process = world.submit(fault="after:delivered:stop")
    process.wait_until_frozen()
    process.signal_drivers(signal.SIGTERM, signal.SIGCONT)
    code, output = process.finish()
    assert code == 75, output
    assert "SIGTERM" in output
    assert world.visible_batches() == set()
    world.run()
    world.assert_all_counted()


@pytest.mark.parametrize("point", ["before:averages_commit", "before:commit_transaction"])
def test_a_frozen_run_of_another_machine_wakes_up_fenced_and_changes_nothing(world: World, point: str, tmp_path: Path) -> None:
    world.run_with_fault("after:contributions_commit:raise")
    frozen = world.submit(fault=f"{point}:stop")
    frozen.wait_until_frozen()
    other_machine = [f"state={tmp_path / 'another-machine'}"]
    world.run(overrides=other_machine)
    world.send(0, reading("16/12/2006 23:59:00", "1"))
    world.run(overrides=other_machine)
    code, output = frozen.wake()
    assert code == 76, output
    assert "newer run" in output
    world.assert_all_counted()


@pytest.mark.parametrize("point", ["before:records_commit", "before:contributions_commit"])
def test_a_frozen_run_cannot_bring_back_a_batch_that_was_abandoned_meanwhile(world: World, point: str, tmp_path: Path) -> None:
    frozen = world.submit(fault=f"{point}:stop")
    frozen.wait_until_frozen()
    assert world.run_with_fault("after:plan_commit:raise", overrides=[f"state={tmp_path / 'another-machine'}"], abandon=True)
    code, output = frozen.wake()
    assert code == 65, output
    assert "about to be abandoned" in output
    (done,) = world.run()
    assert (done.batch, sum(one.read for one in done.counts)) == (2, 12)
    assert {record[-1] for record in oracle.found_records(world.tables)} == {2}
    assert {batch for batch, _, _ in oracle.found_contributions(world.tables)} == {2}
