"""What users of Airflow do to a DAG of the real scheduler: afterwards the tables and the output equal the oracle."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from spark_jobs.local.airflow.api import ApiRefused
from tests import oracle
from tests.airflow.rest import RemoteDag
from tests.airflow.stage import PER_PARTITION, Stage, all_succeeded, done, send
from tests.group import move_group
from tests.submitted import wait_until
from tests.world import World

# One worker runs all of it: the tests share an Airflow.
pytestmark = [pytest.mark.thorough, pytest.mark.xdist_group("scheduler")]

SKIPPED = {"new_records": "success", "retention": "success"} | dict.fromkeys(["submit", "finished_batches", "verify"], "skipped")
MONTHS = iter(range(1, 13))


@dataclass(frozen=True)
class Unpaused:
    """A DAG that was unpaused after months of missed dates, and the only run that this made."""

    dag: RemoteDag
    world: World
    run_id: str


@pytest.fixture(scope="module")
def unpaused(stage: Stage) -> Unpaused:
    dag, world = stage.of("unpaused")
    send(world, next(MONTHS))
    return Unpaused(dag, world, dag.switch_on())


@pytest.mark.group("AF")
@pytest.mark.proves("F77")
def test_unpausing_after_months_starts_one_run_and_it_reads_everything(unpaused: Unpaused) -> None:
    dag, world = unpaused.dag, unpaused.world
    assert dag.states(unpaused.run_id) == all_succeeded(world)
    assert done(world)[:1] == [(1, unpaused.run_id)]
    assert dag.runs("scheduled") == [unpaused.run_id]
    assert dag.next_run_after() > datetime.now(UTC)
    shown = dag.xcom(unpaused.run_id, "finished_batches", "averages")
    assert len(shown["averages"]) == shown["days"] == len(oracle.rows(f"{world.tables}/daily_averages"))
    world.assert_all_counted()


@pytest.mark.group("AF")
@pytest.mark.proves("F77")
def test_a_finished_run_that_is_cleared_reads_nothing_again_and_stays_green(unpaused: Unpaused) -> None:
    dag, world = unpaused.dag, unpaused.world
    before, starts = done(world), dag.started(unpaused.run_id)
    dag.clear(unpaused.run_id)
    wait_until(lambda: dag.started(unpaused.run_id) != starts, "the cleared run to begin again")
    assert dag.wait(unpaused.run_id) == "success"
    assert dag.states(unpaused.run_id)["submit"] == "skipped"
    assert dag.tasks(unpaused.run_id)["new_records"]["try_number"] == 2
    assert "since this very run has read it to its end" in dag.log(unpaused.run_id, "new_records", try_number=2)
    assert done(world) == before
    world.assert_all_counted()


@pytest.mark.group("AF")
@pytest.mark.proves("F66", "F204")
def test_of_two_triggers_at_once_one_reads_everything_and_the_other_is_skipped(unpaused: Unpaused) -> None:
    dag, world = unpaused.dag, unpaused.world
    before = len(done(world))
    send(world, next(MONTHS))
    with ThreadPoolExecutor(2) as clients:
        run_ids = list(clients.map(lambda _: dag.trigger(), range(2)))
    assert {dag.wait(run_id) for run_id in run_ids} == {"success"}
    found = done(world)[before:]
    assert len(found) == 1
    (skipped,) = set(run_ids) - {run_id for _, run_id in found}
    assert dag.states(skipped) == SKIPPED
    ((batch, reader),) = found
    told = dag.xcom(skipped, "new_records", "nothing_new")
    assert [(one["run_id"], one["last"]) for one in told["read_by"]] == [(reader, batch)]
    log = dag.log(skipped, "new_records")
    assert f"what was new in {world.pipeline.input.topic} when this run was due has been read by another run already" in log
    assert f"read by run {reader}" in log
    world.assert_all_counted()


def test_a_consumer_group_that_was_moved_is_told_and_the_run_goes_on_from_the_checkpoint(unpaused: Unpaused) -> None:
    dag, world = unpaused.dag, unpaused.world
    send(world, next(MONTHS))
    move_group(world, {1: 0})
    run_id = dag.trigger()
    assert dag.wait(run_id) == "success"
    told = "partition 1: the group is at 0, behind the checkpoint's "
    assert told in dag.log(run_id, "retention")
    assert told in dag.log(run_id, "submit")
    assert dag.xcom(run_id, "verify", map_index=1)["1"]["read"] == PER_PARTITION
    assert done(world)[-1][1] == run_id
    world.assert_all_counted()


@pytest.mark.parametrize("way", ["rest", "command line"])
def test_a_misspelt_parameter_ends_the_run_before_anything_is_read(stage: Stage, unpaused: Unpaused, way: str) -> None:
    dag, world = unpaused.dag, unpaused.world
    before = done(world)
    send(world, next(MONTHS))
    if way == "rest":
        run_id = dag.trigger(accept_los=True)
    else:
        run_id = "by_command_line"
        conf = ("--conf", '{"accept_los": true}', "--run-id", run_id)
        asked = stage.command("dags", "trigger", dag.dag_id, *conf)
        assert asked.returncode == 0, asked.stderr
    assert dag.wait(run_id) == "failed"
    assert dag.states(run_id)["submit"] == "upstream_failed"
    assert "the parameter accept_los is unknown; did you mean accept_loss?" in dag.log(run_id, "new_records")
    assert dag.tasks(run_id)["new_records"]["try_number"] == 1
    assert done(world) == before


def test_a_value_that_makes_no_sense_is_refused_by_rest_and_command_line_with_the_same_words(
    stage: Stage, unpaused: Unpaused
) -> None:
    dag, before = unpaused.dag, unpaused.dag.runs("manual")
    words = "0 is less than or equal to the minimum of 0"
    with pytest.raises(ApiRefused, match=words):
        dag.trigger(max_records_per_batch=0)
    asked = stage.command("dags", "trigger", dag.dag_id, "--conf", '{"max_records_per_batch": 0}')
    assert asked.returncode != 0
    assert words in asked.stdout + asked.stderr
    assert dag.runs("manual") == before


@pytest.mark.group("AF")
@pytest.mark.proves("F66", "F76")
def test_a_backfill_of_three_days_reads_everything_once_and_none_of_its_runs_fails(stage: Stage) -> None:
    dag, world = stage.of("backfilled")
    assert dag.states(dag.switch_on()) == SKIPPED
    send(world, month=6)
    days = ("--from-date", "2026-10-01", "--to-date", "2026-10-03")
    with stage.still():
        asked = stage.command("backfill", "create", "--dag-id", dag.dag_id, *days, "--max-active-runs", "3")
    assert asked.returncode == 0, asked.stderr
    run_ids = dag.runs("backfill")
    assert len(run_ids) == 3
    assert {dag.wait(run_id) for run_id in run_ids} == {"success"}
    ((batch, reader),) = done(world)
    assert (batch, dag.states(reader)) == (1, all_succeeded(world))
    tries = [dag.tasks(run_id)["submit"]["try_number"] for run_id in run_ids if dag.states(run_id)["submit"] == "success"]
    assert set(tries) == {1}
    world.assert_all_counted()
