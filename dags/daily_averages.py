"""Exact daily averages of a Kafka topic, in Delta tables and on an output topic, every record counted exactly once.

Each run reads what arrived since the last one:

1. `new_records` compares the topic with the checkpoints, without Spark; if there is nothing to do, the rest is skipped.
2. `submit` runs the Spark job on the master of the connection `spark_default`.
3. `verify` finds the checkpoints that this very run wrote and announces the new averages as an asset.

Beside them, `retention` warns in its log of unread records that expire soon and of transactions that hold records back. It never
fails, and nothing waits for it.

A run that was killed is finished by the next one, with exactly the same records. Dates of a run mean nothing to the job: to catch
up, trigger it once. Two runs at a time do no harm, the second one fails and is tried again.
"""

import logging
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.providers.apache.spark.hooks.spark_submit import SparkSubmitHook
from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.sdk import DAG, Asset, BaseHook, Param, get_current_context, task
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowNotFoundException, AirflowSkipException

from spark_jobs.config import Pipeline
from spark_jobs.errors import DayfoldError, DecisionNeeded, TryAgain
from spark_jobs.pipeline_files import load_pipeline_files, pipelines_folder
from spark_jobs.signature import OPERATOR
from spark_jobs.submit import APPLICATION, PROPERTIES, spark_conf, spark_submit

if TYPE_CHECKING:
    from airflow.sdk import Connection, Context

    from spark_jobs.checkpoints import Checkpoint
    from spark_jobs.planning import Preview

log = logging.getLogger("dayfold")

CONNECTION = "spark_default"

FACTS = """
| | |
|---|---|
| reads | `{pipeline.input.topic}` |
| publishes to | `{pipeline.output.topic}`, to the partition number a record was read from |
| tables | `{pipeline.lake}/{pipeline.name}/` |
| settings | `{config}` |

**Parameters.** *Trigger* asks for them, or `airflow dags trigger {pipeline.name} --conf '{{"max_records_per_batch": 1000000}}'`.

**Where it runs.** The connection `spark_default` names the Spark master, for example
`AIRFLOW_CONN_SPARK_DEFAULT='{{"conn_type": "spark", "host": "local[*]"}}'`; the driver runs beside the Airflow worker (client mode).

**When `submit` fails**, its log ends with the reason. The exit code of the job decides what happens next:

| exit code | meaning | tried again |
|---|---|---|
| 64 | wrong arguments | no |
| 65 | the data needs a decision: records were lost, a topic was created anew, too many were rejected | no |
| 70 | an error nobody foresaw | no |
| 75 | passes by itself: another run is at work, the broker does not answer | yes |
| 76 | a newer run took over | no |
| 78 | settings, permissions or topics are wrong | no |
| ended by a signal | the machine was short of memory, or somebody stopped it | yes |
"""

PARAMS = {
    "max_records_per_batch": Param(
        None,
        type=["null", "integer"],
        minimum=1,
        title="Most records per batch",
        description="For this run instead of the file's limits.max_records_per_batch; a larger backlog makes several batches.",
    ),
    "accept_loss": Param(
        False,
        type="boolean",
        title="Accept lost records",
        description="Record in the checkpoints that unread records are gone from the topic, and go on with the first one that is there.",
    ),
    "adopt_topic": Param(
        False,
        type="boolean",
        title="Adopt a topic created anew",
        description="Record in the checkpoints that the input topic was deleted and created again, and read the new one from its start.",
    ),
}

ARGUMENTS = [
    "--run-id={{ run_id }}",
    "{{ '--set=limits.max_records_per_batch=%d' % params.max_records_per_batch if params.max_records_per_batch }}",
    "{{ '--accept-loss' if params.accept_loss }}",
    "{{ '--adopt-topic' if params.adopt_topic }}",
]

DEFAULTS: dict[str, Any] = {
    "owner": "dayfold",
    "retries": 3,
    "retry_delay": timedelta(minutes=1),
    "retry_exponential_backoff": 2,
    "max_retry_delay": timedelta(minutes=10),
    "execution_timeout": timedelta(minutes=5),
}


class SubmitJob(SparkSubmitOperator):
    """`spark-submit` on the connection's master; the exit code of the job decides whether it is tried again.

    Airflow's own operator falls back to the master `yarn` when it finds no connection; this one fails.
    """

    def execute(self, context: "Context") -> None:
        operator = getattr(context.get("dag_run"), "triggering_user_name", None)
        with failures_of_tasks():
            self.application_args = [argument for argument in self.application_args or [] if argument]
            self._hook = self._get_hook(operator)
        try:
            super().execute(context)
        except AirflowException as error:
            code = self._hook._submit_sp.returncode if self._hook._submit_sp else None
            if code is None:
                raise
            raise failure_of(code, str(error)) from error

    def _get_hook(self, operator: str | None = None) -> SparkSubmitHook:
        """The provider's, with the launcher and the Java that belong to this Python unless the connection names others.

        `operator` is who triggered the run: the job signs decisions with it.
        """
        from spark_jobs.local.java import find_java

        connection = require_connection(self._conn_id)
        if "spark-binary" not in connection.extra_dejson:
            self._spark_binary = str(spark_submit())
        if is_driver_beside_us(connection):
            ours = {"PYSPARK_PYTHON": sys.executable, "JAVA_HOME": str(find_java())} | ({OPERATOR: operator} if operator else {})
            self.env_vars = {**ours, **(self.env_vars or {})}
        return super()._get_hook()


def require_connection(name: str) -> "Connection":
    """The Spark connection; one that is missing or names no master fails the task, with what to do."""
    way_on = f'create it, for example AIRFLOW_CONN_{name.upper()}=\'{{"conn_type": "spark", "host": "local[*]"}}\''
    try:
        connection = BaseHook.get_connection(name)
    except AirflowNotFoundException as error:
        raise AirflowFailException(f"there is no Airflow connection {name}; {way_on}") from error
    if not connection.host:
        raise AirflowFailException(f"the Airflow connection {name} names no Spark master as its host; {way_on}")
    return connection


def is_driver_beside_us(connection: "Connection") -> bool:
    """Whether the driver runs on this machine, so that paths of this machine mean something to it."""
    on_cluster = connection.extra_dejson.get("deploy-mode") == "cluster"
    return not on_cluster and not any(kind in f"{connection.conn_type} {connection.host}" for kind in ("yarn", "k8s"))


def failure_of(code: int, output: str) -> AirflowException:
    """The exception for an exit code of `spark-submit`, with the sentence that the job printed last.

    Code 75 and a death by signal (negative, or above 128 if it hit the Python driver) are worth a retry.
    """
    _, found, sentence = output.rpartition("\ndayfold: ")
    text = f"exit code {code}: {sentence if found else output}"
    return AirflowException(text) if code == TryAgain.exit_code or not 0 < code <= 128 else AirflowFailException(text)


@contextmanager
def failures_of_tasks() -> Iterator[None]:
    """Turn our errors into Airflow's: only `TryAgain` is tried again."""
    try:
        yield
    except TryAgain as error:
        raise AirflowException(str(error)) from error
    except DayfoldError as error:
        raise AirflowFailException(str(error)) from error


def require_decided(problems: tuple[DecisionNeeded, ...], params: Mapping[str, Any]) -> None:
    """Raise the first problem that the parameters of this run do not settle."""
    for problem in problems:
        if not problem.settled_by or not all(params.get(option) for option in problem.settled_by):
            raise problem


def log_plan(pipeline: Pipeline, found: "Preview") -> None:
    """The plan as a table, one log line for each of its lines."""
    from rich.console import Console

    from spark_jobs.reports import plan_table

    console = Console(width=120, color_system=None)
    with console.capture() as capture:
        console.print(plan_table(pipeline.name, found))
    for line in capture.get().splitlines():
        log.info(line.rstrip())


def rows_of_run(pipeline: Pipeline, run_id: str) -> list["Checkpoint"]:
    """What this run wrote into the checkpoints, plans left out; an error if it wrote nothing."""
    from spark_jobs.checkpoints import CheckpointLog
    from spark_jobs.lake import Lake

    lake = Lake(pipeline.lake, pipeline.name)
    rows = CheckpointLog(lake).rows
    ours = [row for row in rows if row.run_id == run_id and row.state != "PLANNED"]
    if not ours:
        last = (
            f"the last row is of batch {rows[-1].batch}, {rows[-1].state}, by run {rows[-1].run_id}" if rows else "there are none"
        )
        raise AirflowFailException(
            f"the checkpoints of {pipeline.name} hold no DONE row of run {run_id}, although spark-submit reported success: {last}. "
            "Nothing is counted twice by running again: clear this run, or wait for the next one."
        )
    return ours


def summary_of(done: list["Checkpoint"]) -> dict[str, Any]:
    """What the batches of one run read, per partition, as plain values; the keys are texts as JSON wants them."""
    partitions: dict[str, dict[str, int]] = {}
    for row in done:
        for one in row.ranges:
            total = partitions.setdefault(str(one.partition), {"start": one.start, "end": one.end})
            total["end"] = one.end
        for counts in row.counts:
            total = partitions[str(counts.partition)]
            for name in ("read", "accepted", "rejected", "gaps"):
                total[name] = total.get(name, 0) + getattr(counts, name)
    return {"batch": done[-1].batch, "batches": len(done), "partitions": partitions}


def averages_asset(pipeline: Pipeline) -> Asset:
    """The table `daily_averages`, for DAGs that wait for it."""
    table = f"{pipeline.lake.rstrip('/')}/{pipeline.name}/daily_averages"
    return Asset(name=f"{pipeline.name}.daily_averages", uri=table if "://" in table else Path(table).as_uri())


def averages_dag(config: Path, pipeline: Pipeline) -> DAG:
    """The DAG of one pipeline file."""
    averages = averages_asset(pipeline)

    @task.short_circuit
    def new_records() -> bool:
        """Whether there is anything to do; the plan is in the log and in the XCom `plan`."""
        from spark_jobs.outlook import look_ahead
        from spark_jobs.reports import plan_report

        context: Any = get_current_context()
        with failures_of_tasks():
            found = look_ahead(pipeline, os.environ)
            log_plan(pipeline, found)
            context["ti"].xcom_push("plan", plan_report(found))
            require_decided(found.problems, context["params"])
        return found.has_work(pipeline)

    @task
    def retention() -> None:
        """Warnings in the log; nothing waits for this task."""
        from spark_jobs.outlook import warn_early

        warn_early(pipeline, os.environ)

    @task(outlets=[averages])
    def verify() -> Mapping[str, Any]:
        """The batches that this run finished, counts per partition; the exit code of `submit` alone is no proof."""
        context: Any = get_current_context()
        with failures_of_tasks():
            rows = rows_of_run(pipeline, context["run_id"])
        done = [row for row in rows if row.state == "DONE"]
        if not done:
            raise AirflowSkipException(f"{rows[-1].state} was recorded, and there was nothing to average")
        summary = summary_of(done)
        context["outlet_events"][averages].extra = {"pipeline": pipeline.name, "run_id": context["run_id"], **summary}
        return summary

    with DAG(
        dag_id=pipeline.name,
        description=f"Daily averages of {pipeline.input.topic}, exactly once",
        doc_md=f"{__doc__}{FACTS.format(pipeline=pipeline, config=config)}",
        schedule="@daily",
        start_date=datetime(2026, 1, 1, tzinfo=UTC),
        catchup=False,
        max_active_runs=1,
        dagrun_timeout=timedelta(minutes=60),
        default_args=DEFAULTS,
        params=PARAMS,
        tags={"dayfold", "kafka", "spark", "delta"},
    ) as dag:
        submit = SubmitJob(
            task_id="submit",
            conn_id=CONNECTION,
            application=str(APPLICATION),
            properties_file=str(PROPERTIES),
            conf=spark_conf(),
            name=f"{pipeline.name} {{{{ run_id }}}}",
            application_args=[f"--config={config}", *ARGUMENTS],
            execution_timeout=timedelta(minutes=55),
        )
        retention()
        new_records() >> submit >> verify()
    return dag


for path, settings in load_pipeline_files(pipelines_folder(os.environ), os.environ).usable.items():
    averages_dag(path, settings)
