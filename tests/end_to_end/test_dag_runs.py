"""DAG runs for real: Airflow with its database, `spark-submit` through a connection, the embedded broker, the Delta tables."""

import json
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from spark_jobs.launch.submit import FIRST_COMPILER, spark_submit
from spark_jobs.local.airflow import in_process
from spark_jobs.local.airflow.in_process import DagRunResult
from tests.conftest import NewWorld
from tests.faults.topic_settings import alter_input
from tests.listeners import StatsD, WebServer, statsd, web_server
from tests.world import World, reading

DAYS = range(16, 21)
PER_DAY = 20
UNMAPPED = ("new_records", "retention", "submit", "finished_batches")
ALL_SUCCEEDED = dict.fromkeys((*UNMAPPED, "verify[0]", "verify[1]", "verify[2]"), "success")
NOTHING_VERIFIED = dict.fromkeys(UNMAPPED, "success")


@dataclass(frozen=True)
class Scheduler:
    """An Airflow whose only pipeline is the world's. Every start of Spark leaves a line with its arguments in the file `starts`.

    Metrics and lineage are switched on, and heard.
    """

    world: World
    environment: dict[str, str]
    folder: Path
    metrics: StatsD
    lineage: WebServer

    def run(self, *, connection: str | None = None, **params: Any) -> DagRunResult:
        """One DAG run; without a `connection` on two cores of this machine, by Spark's own launcher inside one that counts."""
        counted = {"conn_type": "spark", "host": "local[2]", "extra": {"spark-binary": "spark-submit"}}
        environment = {**self.environment, "AIRFLOW_CONN_SPARK_DEFAULT": connection or json.dumps(counted)}
        return in_process.test_dag(self.world.pipeline.name, environment, self.log, params)

    @property
    def log(self) -> Path:
        return self.folder / "dag_run.log"

    @property
    def spark_starts(self) -> list[str]:
        starts = self.folder / "starts"
        return starts.read_text().splitlines() if starts.exists() else []

    def stop_telling(self) -> int:
        """Metrics and lineage are off from now on; how much of them was heard until now."""
        del self.environment["AIRFLOW__OPENLINEAGE__TRANSPORT"], self.environment["AIRFLOW__METRICS__STATSD_ON"]
        return self.heard

    @property
    def heard(self) -> int:
        return len(self.metrics.lines) + len(self.lineage.posts)

    def xcom(self, run: DagRunResult, task: str, key: str = "return_value") -> Any:
        (value,) = self.xcoms(run, task, key)
        return value

    def xcoms(self, run: DagRunResult, task: str, key: str = "return_value") -> list[Any]:
        """Of each instance of a mapped task, in their order."""
        asked = "SELECT value FROM xcom WHERE run_id = ? AND task_id = ? AND key = ? ORDER BY map_index"
        return [json.loads(value) for (value,) in self._query(asked, [run.run_id, task, key])]

    def labels(self, run: DagRunResult) -> list[str]:
        asked = "SELECT rendered_map_index FROM task_instance WHERE run_id = ? AND task_id = 'verify' ORDER BY map_index"
        return [label for (label,) in self._query(asked, [run.run_id])]

    def asset_events(self, run: DagRunResult) -> list[dict[str, Any]]:
        rows = self._query("SELECT extra FROM asset_event WHERE source_run_id = ?", [run.run_id])
        return [json.loads(extra) for (extra,) in rows]

    def _query(self, statement: str, values: Sequence[str]) -> list[tuple[Any, ...]]:
        database = Path(self.environment["AIRFLOW_HOME"]) / "airflow.db"
        with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
            return connection.execute(statement, values).fetchall()


@pytest.fixture
def scheduler(new_world: NewWorld, tmp_path: Path) -> Iterator[Scheduler]:
    world = new_world()
    launcher = tmp_path / "bin" / "spark-submit"
    launcher.parent.mkdir()
    launcher.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path / "starts"}\nexec {spark_submit()} "$@"\n')
    launcher.chmod(0o755)
    environment = in_process.airflow_environment(tmp_path / "airflow")
    environment["PATH"] = f"{launcher.parent}:{environment['PATH']}"
    environment["DAYFOLD_PIPELINES"] = str(world.config.parent)
    # What a user has chosen for the JVM is not chosen again, and here it is looked for.
    environment.pop("JDK_JAVA_OPTIONS", None)
    in_process.migrate(environment)
    with statsd() as metrics, web_server() as lineage:
        transport = {"type": "http", "url": lineage.address, "endpoint": "api/v1/lineage"}
        heard = {"AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps(transport), "NO_PROXY": "127.0.0.1"}
        yield Scheduler(world, environment | metrics.environment | heard, tmp_path, metrics, lineage)


def send_days(world: World, month: int, hours_ago: int = 0) -> None:
    written = {"timestamp": int(time.time() - hours_ago * 3600) * 1000}
    for partition in range(world.partitions):
        days = [f"{day}/{month:02d}/2006 17:{minute:02d}:00" for day in DAYS for minute in range(PER_DAY)]
        world.send(partition, *(reading(moment, f"23{partition}.{number:03d}") for number, moment in enumerate(days)), **written)


def warnings_of_expiry(scheduler: Scheduler) -> int:
    """How many lines of the task `retention` warn; the job says the same later, in lines of its own."""
    lines = scheduler.log.read_text().splitlines()
    return sum("the oldest unread record" in line and "[warning" in line for line in lines)


def assert_measured(scheduler: Scheduler, **figures: int) -> None:
    """These metrics came once each, and seconds for each step of the one batch."""
    for name, value in figures.items():
        kind = "g" if name.startswith("lag") else "c"
        assert scheduler.metrics.values(f"airflow.dayfold.{scheduler.world.pipeline.name}.{name}") == [(value, kind)], name
    for step in ("records", "contributions", "averages", "publish"):
        ((milliseconds, kind),) = scheduler.metrics.values(f"airflow.dayfold.{scheduler.world.pipeline.name}.step.{step}")
        assert (milliseconds > 0, kind) == (True, "ms"), step


def assert_lineage_told(scheduler: Scheduler, run: DagRunResult) -> None:
    """One event says that this run's job read the input topic and wrote the tables and the output topic."""
    world, name = scheduler.world, scheduler.world.pipeline.name
    events = [body for body in scheduler.lineage.bodies if body["job"]["name"] == f"{name}.submit"]
    (event,) = [one for one in events if one["eventType"] == "COMPLETE"]
    cluster = f"kafka://{world.bootstrap}"
    assert [(one["namespace"], one["name"]) for one in event["inputs"]] == [(cluster, world.pipeline.input.topic)]
    tables = [("file", f"{world.tables}/{table}") for table in ("checkpoints", "records", "contributions", "daily_averages")]
    outputs = [(one["namespace"], one["name"]) for one in event["outputs"]]
    assert outputs == [(cluster, world.pipeline.output_name), *tables]
    assert {one["facets"]["storage"]["storageLayer"] for one in event["outputs"][1:]} == {"delta"}
    assert event["run"]["facets"]["airflow"]["dagRun"]["run_id"] == run.run_id


@pytest.mark.thorough
@pytest.mark.group("AF")
@pytest.mark.proves("F72", "F76", "F77")
def test_dag_runs_read_only_what_is_new_and_start_no_spark_when_nothing_is(scheduler: Scheduler) -> None:
    world, sent = scheduler.world, len(DAYS) * PER_DAY
    alter_input(world, {"retention.ms": str(168 * 3_600_000)})
    send_days(world, month=11, hours_ago=150)
    first = scheduler.run()
    assert first.states == ALL_SUCCEEDED, scheduler.log.read_text()
    assert warnings_of_expiry(scheduler) == world.partitions
    assert first.succeeded
    world.assert_all_counted()
    everything = sent * world.partitions
    assert scheduler.xcom(first, "new_records", "plan")["count"] == everything
    summary = scheduler.xcom(first, "finished_batches", "summary")
    one = {"start": 0, "end": sent, "read": sent, "accepted": sent, "rejected": 0, "gaps": 0}
    assert summary == {
        "batch": 1,
        "batches": 1,
        "rejected": {},
        "partitions": {str(number): one for number in range(world.partitions)},
    }
    assert scheduler.asset_events(first) == [{"pipeline": world.pipeline.name, "run_id": first.run_id, **summary}]
    topic = world.pipeline.input.topic
    assert scheduler.labels(first) == [f"{topic}, partition {number}" for number in range(world.partitions)]
    verified = [
        {str(number): {"partition": number, "batches": [1], **one, "kept": sent, "committed": sent}}
        for number in range(world.partitions)
    ]
    assert scheduler.xcoms(first, "verify") == verified
    counts = {"batches": 1, "records_read": everything, "records_accepted": everything, "records_rejected": 0, "gaps": 0}
    assert_measured(scheduler, lag_before=everything, lag_after=0, **counts)
    assert_lineage_told(scheduler, first)

    second = scheduler.run()
    assert second.succeeded
    assert second.states == NOTHING_VERIFIED | dict.fromkeys(("submit", "finished_batches", "verify"), "skipped")
    assert len(scheduler.spark_starts) == 1
    assert warnings_of_expiry(scheduler) == 0
    assert scheduler.asset_events(second) == []
    assert scheduler.metrics.values(f"airflow.dayfold.{world.pipeline.name}.lag_before") == [(everything, "g"), (0, "g")]
    heard = scheduler.stop_telling()

    send_days(world, month=12)
    third = scheduler.run(connection=json.dumps({"conn_type": "spark"}))
    assert third.states == NOTHING_VERIFIED | {"submit": "failed"} | dict.fromkeys(
        ("finished_batches", "verify"), "upstream_failed"
    )
    assert "names no Spark master" in scheduler.log.read_text()
    assert len(scheduler.spark_starts) == 1

    scheduler.environment["DAYFOLD__LIMITS__MAX_VERIFY_TASKS"] = "2"
    fourth = scheduler.run(max_records_per_batch=sent * 2, accept_loss=True)
    assert fourth.states == NOTHING_VERIFIED | {"verify[0]": "success", "verify[1]": "success"}, scheduler.log.read_text()
    assert scheduler.labels(fourth) == [f"{topic}, partitions 0 to 1", f"{topic}, partition 2"]
    assert [list(one) for one in scheduler.xcoms(fourth, "verify")] == [["0", "1"], ["2"]]
    world.assert_all_counted()
    summary = scheduler.xcom(fourth, "finished_batches", "summary")
    assert (summary["batch"], summary["batches"]) == (3, 2)
    assert [(one["start"], one["end"]) for one in summary["partitions"].values()] == [(sent, 2 * sent)] * world.partitions
    assert [FIRST_COMPILER in arguments for arguments in scheduler.spark_starts] == [True, True]
    assert scheduler.heard == heard
