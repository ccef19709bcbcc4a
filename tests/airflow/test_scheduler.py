"""What befalls a run of the real scheduler: the tables and the output equal the oracle afterwards."""

import json
import os
import signal
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import psutil
import pytest

from spark_jobs.local.airflow import airflow_environment
from spark_jobs.local.airflow_server import choose_port, running_airflow
from spark_jobs.local.kafka_server import RunningKafka
from spark_jobs.submit import spark_submit
from tests import oracle
from tests.airflow.rest import RemoteDag, is_alive
from tests.submitted import wait_until
from tests.world import World, make_world, reading

# One worker runs all of it: the tests share an Airflow.
pytestmark = [pytest.mark.thorough, pytest.mark.xdist_group("scheduler")]

NAMES = ("killed",)
PER_PARTITION = 40
RETRIED_SECONDS = 600.0

# The first start of the pipeline is held inside its transaction, the next ones are left alone.
LAUNCHER = """#!/bin/sh
if mkdir "{folder}/held" 2> /dev/null; then
  export DAYFOLD_ALLOW_FAULTS=1 DAYFOLD_FAULT=before:commit_transaction:stop
fi
exec {launcher} "$@"
"""


@dataclass(frozen=True)
class Served:
    """An Airflow with a DAG for each of the worlds."""

    dags: Mapping[str, RemoteDag]
    worlds: Mapping[str, World]

    def of(self, name: str) -> tuple[RemoteDag, World]:
        return self.dags[name], self.worlds[name]


@pytest.fixture(scope="module")
def served(kafka: RunningKafka, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("scheduler")
    worlds = {name: make_world(folder, kafka.bootstrap, lambda: None, name=name) for name in NAMES}
    launcher = folder / "bin" / "spark-submit"
    launcher.parent.mkdir()
    launcher.write_text(LAUNCHER.format(folder=folder, launcher=spark_submit()))
    launcher.chmod(0o755)
    environment = airflow_environment(folder / "airflow")
    environment["PATH"] = f"{launcher.parent}:{environment['PATH']}"
    environment["DAYFOLD_PIPELINES"] = str(folder)
    counted = {"conn_type": "spark", "host": "local[2]", "extra": {"spark-binary": "spark-submit"}}
    environment["AIRFLOW_CONN_SPARK_DEFAULT"] = json.dumps(counted)
    with running_airflow(environment, choose_port(None)) as airflow:
        wait_until(lambda: all(map(airflow.api.has_dag, NAMES)), "the DAGs to be parsed", 120)
        dags = {name: RemoteDag(airflow.api, name) for name in NAMES}
        yield Served(dags, worlds)
    for world in worlds.values():
        world.end()


def send(world: World, month: int) -> None:
    for partition in range(world.partitions):
        readings = (
            reading(f"{1 + n % 5:02d}/{month:02d}/2008 11:{n:02d}:00", f"23{partition}.{n:03d}") for n in range(PER_PARTITION)
        )
        world.send(partition, *readings)


def done(world: World) -> list[tuple[int, str]]:
    """Batch and run of each DONE row."""
    return [(row["batch"], row["run_id"]) for row in oracle.rows(f"{world.tables}/checkpoints") if row["state"] == "DONE"]


def all_succeeded(world: World) -> dict[str, str]:
    mapped = [f"verify[{number}]" for number in range(world.partitions)]
    return dict.fromkeys(["new_records", "retention", "submit", "finished_batches", *mapped], "success")


@pytest.mark.group("AF")
@pytest.mark.proves("F70")
def test_a_task_that_was_killed_inside_its_transaction_is_finished_by_its_retry_exactly_once(served: Served) -> None:
    dag, world = served.of("killed")
    run_id, driver = hold_in_transaction(dag, world)
    group = os.getpgid(driver.pid)
    members = [one for one in psutil.process_iter() if _group(one) == group]
    assert any("java" in one.name() for one in members)
    assert len(members) > 2
    os.killpg(group, signal.SIGKILL)
    assert dag.wait(run_id, RETRIED_SECONDS) == "success"
    assert not any(map(is_alive, members))
    assert dag.states(run_id) == all_succeeded(world)
    assert dag.tasks(run_id)["submit"]["try_number"] == 2
    assert done(world) == [(1, run_id)]
    world.assert_all_counted()


def hold_in_transaction(dag: RemoteDag, world: World) -> tuple[str, psutil.Process]:
    """A triggered run whose driver is held where everything is produced and nothing committed; its id and the driver."""
    dag.switch_on()
    send(world, month=5)
    run_id = dag.trigger()
    wait_until(lambda: bool(frozen_drivers(world)), "the driver to be held in its transaction", 200)
    (driver,) = frozen_drivers(world)
    assert world.visible_batches() == set()
    return run_id, driver


def frozen_drivers(world: World) -> list[psutil.Process]:
    """Python drivers of the world's pipeline that a fault point has stopped."""
    return [one for one in psutil.process_iter() if _is_frozen_driver(one, str(world.config))]


def _is_frozen_driver(process: psutil.Process, config: str) -> bool:
    try:
        named = any(config in part for part in process.cmdline())
        return named and process.status() == psutil.STATUS_STOPPED and process.name().startswith("python")
    except psutil.Error:
        return False


def _group(process: psutil.Process) -> int | None:
    try:
        return os.getpgid(process.pid)
    except ProcessLookupError:
        return None
