"""Run as a module in a process of its own: parses the DAGs with a real Airflow and prints what it found as JSON.

Airflow sets up logging, warnings and its database when it is imported, which is not to happen to the other tests. The last line
of the output holds the facts; the tests beside it judge them.
"""

import copy
import gc
import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from airflow.dag_processing.dagbag import DagBag
from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.sdk import DAG, task
from airflow.sdk.exceptions import AirflowException, ParamValidationError

from spark_jobs.base.errors import DecisionNeeded, OffsetsLost, TopicRecreated

DAGS = Path(__file__).resolve().parents[2] / "dags"
HEAVY = (
    *("pyspark", "delta", "deltalake", "confluent_kafka", "pyarrow", "pandas"),
    *("airflow.providers.smtp.notifications", "airflow.providers.http.notifications"),
)


def parse(pipelines: str) -> DagBag:
    """The DAGs of these pipeline files, as the DAG processor sees them."""
    os.environ["DAYFOLD_PIPELINES"] = pipelines
    return DagBag(DAGS)


def parsing(pipelines: str) -> dict[str, Any]:
    """What parsing the DAG files imports, reads and touches once Airflow itself is imported."""
    assert SparkSubmitOperator is not None
    assert task.python is not None
    touches = Touches(watched=True)
    sys.addaudithook(touches.hear)
    os.environ["DAYFOLD_PIPELINES"] = pipelines
    for file in sorted(DAGS.glob("*.py")):
        DagBag(file)
    touches.watched = False
    heavy = [name for name in HEAVY if name in sys.modules]
    return {"heavy": heavy, "touched": touches.found, "read": touches.read}


@dataclass
class Touches:
    """What the interpreter is asked for while it is watched: connections, processes, and files of tables and settings."""

    watched: bool
    found: list[str] = field(default_factory=list)
    read: list[str] = field(default_factory=list)

    def hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.watched:
            return
        if event in ("socket.connect", "socket.getaddrinfo", "subprocess.Popen", "os.fork", "os.posix_spawn"):
            self.found.append(f"{event} {arguments[-1]}")
        if event in ("open", "os.scandir", "os.listdir"):
            path = str(arguments[0])
            if "/data/" in path or "_delta_log" in path:
                self.found.append(f"{event} {path}")
            elif path.endswith((".yaml", ".yml")):
                self.read.append(Path(path).name)


def bag_facts(pipelines: str) -> dict[str, Any]:
    """DAGs and import errors."""
    bag = parse(pipelines)
    return {
        "dags": {name: dag_facts(dag) for name, dag in bag.dags.items()},
        "errors": {Path(path).name: text for path, text in bag.import_errors.items()},
    }


def dag_facts(dag: DAG) -> dict[str, Any]:
    """The settings the house has rules for."""
    alerts: Any = dag.on_failure_callback or []
    return {
        "owner": dag.owner,
        "tags": sorted(dag.tags),
        "schedule": str(dag.schedule),
        "start_date": None if dag.start_date is None else str(dag.start_date),
        "catchup": dag.catchup,
        "max_active_runs": dag.max_active_runs,
        "timeout_seconds": _seconds(dag.dagrun_timeout),
        "description": dag.description,
        "doc": dag.doc_md,
        "alerts": len(alerts),
        "params": {name: dag.params.get_param(name).dump() for name in dag.params},
        "tasks": {one.task_id: task_facts(one) for one in dag.tasks},
    }


def task_facts(task: Any) -> dict[str, Any]:
    """The same of one task."""
    return {
        "owner": task.owner,
        "retries": task.retries,
        "backoff": task.retry_exponential_backoff,
        "retry_seconds": [_seconds(task.retry_delay), _seconds(task.max_retry_delay)],
        "timeout_seconds": _seconds(task.execution_timeout),
        "at_once": task.max_active_tis_per_dag,
        "downstream": sorted(task.downstream_task_ids),
        "outlets": [[asset.name, asset.uri] for asset in task.outlets],
    }


def param_facts(dag: DAG, cases: list[tuple[str, Any]]) -> list[str | None]:
    """For each parameter and value: why it is refused, None if it is not."""
    return [_refusal(dag, name, value) for name, value in cases]


def _refusal(dag: DAG, name: str, value: Any) -> str | None:
    try:
        dag.params.get_param(name).resolve(value)
    except ParamValidationError as error:
        return str(error)
    return None


def launcher(dag: DAG) -> str:
    """What `submit` starts when the connection names no launcher."""
    task: Any = copy.deepcopy(dag.get_task("submit"))
    return str(task._get_hook()._connection["spark_binary"])


def submit_facts(dag: DAG, cases: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """How the task `submit` ends by its own operator, with the parameters and the environment of each case."""
    found = {name: _submit(copy.deepcopy(dag.get_task("submit")), case) for name, case in cases.items()}
    # The operator leaves pipes open. Collected while a DAG file is parsed, they would count as an error of that file.
    gc.collect()
    return found


def _submit(task: Any, case: dict[str, Any]) -> dict[str, Any]:
    before = dict(os.environ)
    for name, value in case["environment"].items():
        os.environ.pop(name, None) if value is None else os.environ.update({name: value})
    task.render_template_fields({"run_id": "manual__1", "params": case["params"]})
    context = {"dag_run": SimpleNamespace(triggering_user_name=case["user"])} if case.get("user") else {}
    outcome = _outcome(lambda: task.execute(context))
    os.environ.update(before)
    return outcome | {"rendered": {name: repr(getattr(task, name)) for name in task.template_fields}}


def finished_facts(pipelines: str) -> dict[str, Any]:
    """What `finished_batches` makes of checkpoints that two runs wrote, asked for the second, and for one that wrote nothing."""
    # Not above: parsing is watched for importing these.
    from spark_jobs.lake.checkpoint_log import CheckpointLog
    from spark_jobs.lake.tables import Lake
    from spark_jobs.orchestration.finished import rows_of_run, summary_of
    from spark_jobs.pipeline.files import load_pipeline_files
    from spark_jobs.progress.counts import Counts
    from spark_jobs.progress.ledger import Done, done_rows, planned
    from spark_jobs.progress.offsets import OffsetRange, Plan

    pipeline = next(iter(load_pipeline_files(Path(pipelines), {}).usable.values()))
    nothing = _outcome(lambda: rows_of_run(pipeline, "second"))
    log, at = CheckpointLog(Lake.of(pipeline)), datetime(2026, 1, 1, tzinfo=UTC)
    for batch, run_id in enumerate(["first", "second", "second"], start=1):
        ranges = (OffsetRange(0, 10 * batch, 10 * batch + 10), OffsetRange(1, 0, 0))
        counts = (Counts(0, 10, 9, 1, 0), Counts(1, 0, 0, 0, 0))
        log.append(planned(Plan(batch, "id", ranges, pipeline.rules(at), "output id", {}, {}, "nonce"), run_id, at))
        log.append(Done(batch=batch, run_id=run_id, at=at, topic_id="id", ranges=ranges, counts=counts))
    return {
        "nothing": nothing,
        "missing": _outcome(lambda: rows_of_run(pipeline, "third")),
        "still to read": _outcome(lambda: rows_of_run(pipeline, "third", _plan(41))),
        "read by another": _outcome(lambda: rows_of_run(pipeline, "third", _plan(40))),
        "second": summary_of(done_rows(rows_of_run(pipeline, "second"))),
    }


def _plan(end: int) -> dict[str, Any]:
    """What `new_records` had found, as far as it matters later."""
    return {"partitions": [{"partition": 0, "end": end}, {"partition": 1, "end": 0}]}


def decision_facts() -> dict[str, dict[str, Any]]:
    """How `new_records` ends for each problem, with and without the parameters that decide."""
    from spark_jobs.orchestration.failures import failures_of_tasks
    from spark_jobs.orchestration.params import require_decided

    lost = OffsetsLost("topic", ("partition 0: gone",))
    recreated = TopicRecreated("topic", "old", "new")
    unread = OffsetsLost("topic", ("partition 0: batch 2 was to read",), ("abandon", "accept_loss"))
    restored = DecisionNeeded("the tables were restored from an older copy")

    def outcome(*problems: DecisionNeeded, **params: bool | None) -> dict[str, Any]:
        def decide() -> None:
            with failures_of_tasks():
                require_decided(problems, {"accept_loss": False, "adopt_topic": False, **params})

        return _outcome(decide)

    everything = {"accept_loss": True, "adopt_topic": True}
    return {
        "loss": outcome(lost),
        "loss, and every switch is null": outcome(lost, accept_loss=None, adopt_topic=None),
        "accepted loss": outcome(lost, accept_loss=True),
        "loss, but a topic was adopted": outcome(lost, adopt_topic=True),
        "topic": outcome(recreated),
        "adopted topic": outcome(recreated, adopt_topic=True),
        "accepted loss, but another topic": outcome(lost, recreated, accept_loss=True),
        "both, and both decided": outcome(lost, recreated, **everything),
        "an unfinished batch that must be abandoned": outcome(unread, **everything),
        "nothing that a parameter settles": outcome(restored, **everything),
    }


def unknown_param_facts() -> dict[str, dict[str, Any]]:
    """How `new_records` takes what a run was triggered with; Airflow itself lets unknown keys pass."""
    from spark_jobs.orchestration.failures import failures_of_tasks
    from spark_jobs.orchestration.params import require_known_params

    def outcome(conf: dict[str, Any] | None) -> dict[str, Any]:
        def look() -> None:
            with failures_of_tasks():
                require_known_params(conf)

        return _outcome(look)

    return {
        "misspelt": outcome({"accept_loss": True, "accept_los": True}),
        "strange": outcome({"colour": "red"}),
        "known": outcome({"accept_loss": True}),
        "none": outcome(None),
    }


def _outcome(do: Callable[[], object]) -> dict[str, Any]:
    try:
        do()
    except AirflowException as error:
        return {"error": type(error).__name__, "text": str(error)}
    return {"error": None, "text": ""}


def _seconds(duration: timedelta | None) -> float | None:
    return duration.total_seconds() if duration else None


def main() -> None:
    """The questions come as JSON on standard input."""
    asked = json.loads(sys.stdin.read())
    good, broken = asked["good"], asked["broken"]
    measured = parsing(good)
    # Not above: it imports what parsing is watched for.
    from tests.dags.telling_facts import telling_facts
    from tests.dags.waking_facts import waking_facts

    dag = parse(good).dags["daily_voltage"]
    facts = {
        "parsing": measured,
        "good": bag_facts(good),
        "broken": bag_facts(broken),
        "params": param_facts(dag, asked["params"]),
        "launcher": launcher(dag),
        "submit": submit_facts(dag, asked["submit"]),
        "finished": finished_facts(good),
        "decisions": decision_facts(),
        "unknown params": unknown_param_facts(),
        "waking": waking_facts(asked["woken"]),
        "telling": telling_facts(Path(asked["stored"])),
    }
    print(json.dumps(facts))


if __name__ == "__main__":
    main()
