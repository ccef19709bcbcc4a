"""Messages that start a run: the real scheduler and triggerer, a burst of 1,000 messages, and how few runs that makes."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from deltalake import DeltaTable

from spark_jobs.local.airflow.in_process import airflow_environment
from spark_jobs.local.airflow.server import choose_port, running_airflow
from spark_jobs.local.kafka.server import RunningKafka
from tests import oracle
from tests.airflow.rest import RemoteDag
from tests.submitted import wait_until
from tests.world import World, make_world, reading

# One worker runs all of it: the tests look at the same Airflow, in their order.
pytestmark = [pytest.mark.thorough, pytest.mark.xdist_group("messages")]

NAME, GROUP, CONNECTION = "woken", "woken_watcher", "kafka_default"
PARTITIONS, BURST = 2, 1000
WAKING_SECONDS, SECONDS = 300.0, 900.0


@dataclass(frozen=True)
class Woken:
    """A DAG that messages start, and the world whose input topic they arrive on."""

    dag: RemoteDag
    world: World

    def burst(self, month: int) -> None:
        for partition in range(PARTITIONS):
            moments = (f"{1 + n % 5:02d}/{month:02d}/2009 {n // 60:02d}:{n % 60:02d}:00" for n in range(BURST // PARTITIONS))
            self.world.send(partition, *(reading(moment, f"23{partition}.{n:03d}") for n, moment in enumerate(moments)))

    def is_watched(self) -> bool:
        """Whether the watcher has all partitions of the topic."""
        return self.watched_by(GROUP) == PARTITIONS

    def watched_by(self, group: str) -> int:
        """How many partitions the living members of a group have."""
        found = self.world.admin.describe_consumer_groups([group])[group].result(20)
        return sum(len(one.assignment.topic_partitions) for one in found.members)

    def started(self) -> list[str]:
        return self.dag.runs("asset_triggered")

    def is_quiet(self) -> bool:
        """Whether every run that messages started is over."""
        return all(self.dag.state(run_id) in ("success", "failed") for run_id in self.started())

    def is_all_read(self) -> bool:
        if not DeltaTable.is_deltatable(f"{self.world.tables}/checkpoints"):
            return False
        stored = sum(end - start for one in oracle.stored_batches(self.world.tables).values() for start, end in one.values())
        return stored == len(self.world.sent)


@pytest.fixture(scope="module")
def woken(kafka: RunningKafka, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Woken]:
    folder = tmp_path_factory.mktemp("messages")
    asked = {"airflow": {"messages_connection": CONNECTION}}
    world = make_world(folder, kafka.bootstrap, lambda: None, PARTITIONS, name=NAME, **asked)
    settings = {"bootstrap.servers": kafka.bootstrap, "group.id": GROUP, "enable.auto.commit": "false"}
    environment = airflow_environment(folder / "airflow") | {
        "DAYFOLD_PIPELINES": str(folder),
        f"AIRFLOW_CONN_{CONNECTION.upper()}": json.dumps({"conn_type": "kafka", "extra": settings}),
    }
    with running_airflow(environment, choose_port(None)) as airflow:
        wait_until(lambda: airflow.api.has_dag(NAME), "the DAG to be parsed", 120)
        yield Woken(RemoteDag(airflow.api, NAME), world)
    world.end()


def test_a_message_starts_a_run_and_the_daily_run_is_still_there(woken: Woken) -> None:
    assert woken.dag.states(woken.dag.switch_on())["submit"] == "skipped"
    wait_until(woken.is_watched, "the watcher to have its partitions", WAKING_SECONDS)

    def is_started() -> bool:
        # Where the watcher begins is settled a moment after it has its partitions: one message more each time it is asked.
        woken.world.send(0, reading("01/01/2009 12:00:00", "230.5"))
        return bool(woken.started())

    wait_until(is_started, "a run that a message started", WAKING_SECONDS)


def test_a_burst_while_a_run_is_at_work_makes_no_queue_of_runs_and_is_read_whole(woken: Woken) -> None:
    woken.burst(month=2)
    wait_until(woken.is_all_read, "the burst to be read", SECONDS)
    wait_until(woken.is_quiet, "the runs to end", SECONDS)
    assert len(woken.started()) <= 4
    woken.world.assert_all_counted()


def test_a_burst_out_of_silence_starts_a_run_and_few_more(woken: Woken) -> None:
    wait_until(woken.is_watched, "the watcher to be back", WAKING_SECONDS)
    before = woken.started()
    woken.burst(month=3)
    wait_until(woken.is_all_read, "the burst to be read", SECONDS)
    wait_until(woken.is_quiet, "the runs to end", SECONDS)
    ours = [run_id for run_id in woken.started() if run_id not in before]
    assert 1 <= len(ours) <= 4
    assert "success" in {woken.dag.states(run_id)["submit"] for run_id in ours}
    assert {woken.dag.state(run_id) for run_id in ours} == {"success"}
    woken.world.assert_all_counted()


def test_the_watcher_keeps_no_offsets_and_is_not_in_the_pipelines_own_group(woken: Woken) -> None:
    topic = woken.world.pipeline.input.topic
    assert woken.watched_by(NAME) == 0
    assert oracle.group_offsets(woken.world.bootstrap, GROUP, topic, PARTITIONS) == {}
    assert oracle.group_offsets(woken.world.bootstrap, NAME, topic, PARTITIONS) != {}
