"""A run of the real scheduler that is ended inside its Kafka transaction, in each way a user may:
what follows finishes it, once.
"""

import os
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from spark_jobs.local.kafka.server import start_kafka
from tests.airflow.impatient import OVERDUE, RUN_SECONDS, TARDY, TASK_SECONDS
from tests.airflow.rest import RemoteDag, is_alive
from tests.airflow.stage import Group, Stage, all_succeeded, done, held_group, send
from tests.submitted import wait_until
from tests.world import World

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# One worker runs all of it: the tests share an Airflow.
pytestmark = [pytest.mark.thorough, pytest.mark.xdist_group("scheduler")]

ENDED_SECONDS = 120.0


@dataclass(frozen=True)
class Held:
    """A run whose driver stands still in its transaction, with the processes of its task."""

    dag: RemoteDag
    world: World
    run_id: str
    group: Group

    def is_gone(self) -> bool:
        return not any(map(is_alive, self.group.members))

    def require_finished_by(self, run_id: str) -> None:
        assert self.dag.wait(run_id) == "success"
        assert self.dag.states(run_id) == all_succeeded(self.world)
        assert done(self.world) == [(1, run_id)]
        self.world.assert_all_counted()


@pytest.fixture(scope="module")
def averaged(stage: Stage, spark: "SparkSession") -> Stage:
    """The stage with a batch in these worlds that lacks only its publication,
    so that their jobs come to the transaction at once.
    """
    for name in (OVERDUE, TARDY, "marked", "cleared"):
        _, world = stage.of(name)
        send(world, month=5)
        world.spark = lambda: spark
        world.run_with_fault("after:contributions_commit:raise")
    return stage


def begin(stage: Stage, name: str) -> None:
    dag, _ = stage.of(name)
    stage.hold_next(name)
    dag.unpause()


def held(stage: Stage, name: str) -> Held:
    dag, world = stage.of(name)
    group = held_group(world)
    assert world.visible_batches() == set()
    return Held(dag, world, dag.scheduled_run(), group)


@pytest.fixture(scope="module")
def limited(averaged: Stage) -> dict[str, Held]:
    """Two runs that are held until a limit ends them; begun together, because nobody wants to wait for each."""
    for name in (OVERDUE, TARDY):
        begin(averaged, name)
    return {name: held(averaged, name) for name in (OVERDUE, TARDY)}


@pytest.mark.group("AF")
@pytest.mark.proves("F70")
def test_a_task_that_was_killed_inside_its_transaction_is_finished_by_its_retry_exactly_once(
    stage: Stage, limited: dict[str, Held]
) -> None:
    assert limited
    send(stage.worlds["killed"], month=5)
    begin(stage, "killed")
    run = held(stage, "killed")
    os.killpg(run.group.id, signal.SIGKILL)
    run.require_finished_by(run.run_id)
    assert run.is_gone()
    assert run.dag.tasks(run.run_id)["submit"]["try_number"] == 2


@pytest.mark.group("AF")
@pytest.mark.proves("F65", "F68")
def test_a_task_marked_failed_inside_its_transaction_leaves_no_driver_and_the_next_trigger_finishes_its_batch(
    averaged: Stage,
) -> None:
    begin(averaged, "marked")
    run = held(averaged, "marked")
    run.dag.mark_failed(run.run_id, "submit")
    assert run.dag.wait(run.run_id) == "failed"
    wait_until(run.is_gone, "the driver to end", ENDED_SECONDS)
    assert done(run.world) == []
    run.require_finished_by(run.dag.trigger())


@pytest.mark.group("AF")
@pytest.mark.proves("F65", "F68")
def test_a_task_cleared_inside_its_transaction_leaves_no_driver_and_its_next_try_finishes_the_batch(averaged: Stage) -> None:
    begin(averaged, "cleared")
    run = held(averaged, "cleared")
    run.dag.clear(run.run_id, "submit")
    run.require_finished_by(run.run_id)
    assert run.is_gone()


@pytest.mark.group("AF")
@pytest.mark.proves("F71")
def test_a_run_that_takes_too_long_fails_without_a_driver_and_the_next_one_finishes_its_batch(
    limited: dict[str, Held],
) -> None:
    run = limited[OVERDUE]
    assert run.dag.wait(run.run_id, 2 * RUN_SECONDS) == "failed"
    wait_until(run.is_gone, "the driver to end", ENDED_SECONDS)
    run.require_finished_by(run.dag.trigger())


def test_a_task_that_takes_too_long_is_ended_and_its_retry_finishes_the_batch(limited: dict[str, Held]) -> None:
    run = limited[TARDY]
    wait_until(run.is_gone, "the driver to end", 2 * TASK_SECONDS)
    run.require_finished_by(run.run_id)
    assert run.dag.tasks(run.run_id)["submit"]["try_number"] == 2


def test_a_broker_that_is_away_for_one_try_costs_that_try_and_nothing_else(stage: Stage) -> None:
    dag, world = stage.of("retried")
    dag.unpause()
    run_id = dag.scheduled_run()
    wait_until(lambda: dag.states(run_id)["new_records"] == "up_for_retry", "the first try to fail", 120)
    with start_kafka(stage.folder / "retried", tied_to_us=True):
        assert dag.wait(run_id) == "success"
        world.assert_all_counted()
    assert dag.states(run_id) == all_succeeded(world)
    assert dag.tasks(run_id)["new_records"]["try_number"] > 1
    told = dag.log(run_id, "new_records", try_number=1)
    assert f"the embedded Kafka of {stage.folder / 'retried'} is not running: start it with `dayfold broker start`" in told
