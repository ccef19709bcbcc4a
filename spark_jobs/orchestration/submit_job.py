"""The task `submit`: the Spark job on the master that an Airflow connection names."""

import os
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.providers.apache.spark.hooks.spark_submit import SparkSubmitHook
from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowNotFoundException

from spark_jobs.base.signature import OPERATOR
from spark_jobs.launch.spark_environment import foreign
from spark_jobs.launch.submit import APPLICATION, EXTRA_OPTIONS, PROPERTIES, spark_conf, spark_submit
from spark_jobs.orchestration.failures import failure_of, failures_of_tasks
from spark_jobs.orchestration.lineage import lineage_of
from spark_jobs.orchestration.params import ARGUMENTS
from spark_jobs.pipeline.settings import Pipeline

if TYPE_CHECKING:
    from airflow.providers.openlineage.extractors import OperatorLineage
    from airflow.sdk import Connection, Context

CONNECTION = "spark_default"
SUBMIT_TIMEOUT = timedelta(minutes=55)


class SubmitJob(SparkSubmitOperator):
    """`spark-submit` on the connection's master; the exit code of the job decides whether it is tried again.

    Airflow's own operator falls back to the master `yarn` when it finds no connection; this one fails.
    """

    def __init__(self, *, pipeline: Pipeline, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.pipeline = pipeline

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> "OperatorLineage[Any, Any]":  # noqa: ARG002 - the provider's
        return lineage_of(self.pipeline)

    def execute(self, context: "Context") -> None:
        operator = getattr(context.get("dag_run"), "triggering_user_name", None)
        with failures_of_tasks():
            self.application_args = [argument for argument in self.application_args or [] if argument]
            conf = self.conf or {}
            chosen = [conf[EXTRA_OPTIONS]] if EXTRA_OPTIONS in conf else []
            self.conf = {**conf, **spark_conf(planned_offsets(context), chosen)}
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

        `operator` is who triggered the run; decisions of the job carry that name.
        """
        connection = require_connection(self._conn_id)
        if "spark-binary" not in connection.extra_dejson:
            self._spark_binary = str(spark_submit())
        if is_driver_beside_us(connection):
            ours = _environment(connection) | ({OPERATOR: operator} if operator else {})
            self.env_vars = {**ours, **(self.env_vars or {})}
        return super()._get_hook()


def _environment(connection: "Connection") -> dict[str, str]:
    """What the launcher is given besides the environment of this task's process, from which other Sparks are taken out."""
    from spark_jobs.launch.java import startable_environment

    ours = startable_environment(os.environ, connection.host)
    if "spark-binary" in connection.extra_dejson:
        del ours["SPARK_HOME"]
        return {name: value for name, value in ours.items() if os.environ.get(name) != value}
    for name in foreign(os.environ):
        del os.environ[name]
    return {name: value for name, value in ours.items() if os.environ.get(name) != value}


def submit_job(pipeline: Pipeline, config: Path) -> SubmitJob:
    """The task for one pipeline file."""
    return SubmitJob(
        pipeline=pipeline,
        task_id="submit",
        doc_md="The Spark job. Its log has a line for each step of each batch; where it fails, the reason is the last one.",
        conn_id=CONNECTION,
        application=str(APPLICATION),
        properties_file=str(PROPERTIES),
        conf=spark_conf(),
        name=f"{pipeline.name} {{{{ run_id }}}}",
        application_args=[f"--config={config}", *ARGUMENTS],
        execution_timeout=SUBMIT_TIMEOUT,
        # Backfills heed no max_active_runs: their runs wait here for one another instead of wearing out their tries at the lock.
        max_active_tis_per_dag=1,
    )


def planned_offsets(context: "Context") -> int | None:
    """How many offsets the task `new_records` of this run found to read; none where it did not get so far."""
    instance = context.get("ti")
    plan = instance.xcom_pull(task_ids="new_records", key="plan") if instance else None
    return plan["count"] if plan else None


def require_connection(name: str) -> "Connection":
    """The Spark connection; one that is missing or names no master fails the task, with what to do."""
    way_on = f'create it, for example AIRFLOW_CONN_{name.upper()}=\'{{"conn_type": "spark", "host": "local[*]"}}\''
    try:
        connection = BaseHook.get_connection(name)
    except AirflowNotFoundException as error:
        raise AirflowFailException(f"there is no Airflow connection {name}; {way_on}") from error
    if not connection.host:
        raise AirflowFailException(f"the Airflow connection {name} names no Spark master as its host; {way_on}")
    if connection.host.startswith("spark://") and connection.extra_dejson.get("deploy-mode") == "cluster":
        raise AirflowFailException(
            f"the Airflow connection {name} asks for deploy mode cluster, in which a standalone Spark master runs no Python; "
            "take deploy-mode out of its extra: the driver then runs beside the Airflow worker"
        )
    return connection


def is_driver_beside_us(connection: "Connection") -> bool:
    """Whether the driver runs on this machine, so that paths of this machine mean something to it."""
    on_cluster = connection.extra_dejson.get("deploy-mode") == "cluster"
    return not on_cluster and not any(kind in f"{connection.conn_type} {connection.host}" for kind in ("yarn", "k8s"))
