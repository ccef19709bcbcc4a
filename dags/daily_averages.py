"""Exact aggregates of a Kafka topic, in Delta tables and on an output topic, every record counted exactly once.

Each run reads what arrived since the last one:

1. `new_records` compares the topic with the checkpoints, without Spark. If there is nothing to do, it says who has read what
   there was, and the rest is skipped.
2. `submit` runs the Spark job on the master of the connection `spark_default`.
3. `finished_batches` finds the checkpoints that this very run wrote, shows the totals that changed, and announces each
   table of them as an asset.
4. `verify`, once for each partition, or for a group of them where there are many, compares what was read with the table `records`
   and with the consumer group, and once for each declared aggregate what was added to it with its tables. Its log begins with the
   outcome; its XCom has offsets, counts, rejected records and gaps, or how many totals were touched by how many records.

Beside them, `retention` warns in its log of unread records that expire soon, of transactions that hold records back and of a
consumer group that was moved. It never fails, and nothing waits for it.

A run that was killed is finished by the next one, with exactly the same records. Dates of a run mean nothing to the job: to catch
up, trigger it once. Two runs at a time do no harm: the second one waits, or fails and is tried again.
"""

import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, get_current_context, task

from spark_jobs.orchestration.alerts import alerts_of
from spark_jobs.orchestration.assets import assets_of
from spark_jobs.orchestration.defaults import DEFAULTS
from spark_jobs.orchestration.finished import find_finished
from spark_jobs.orchestration.looking import look_for_new_records, warn_of_retention
from spark_jobs.orchestration.page import averages_page
from spark_jobs.orchestration.params import params_of
from spark_jobs.orchestration.submit_job import submit_job
from spark_jobs.orchestration.verifying import verify_run
from spark_jobs.orchestration.waking import schedule_of
from spark_jobs.pipeline.files import load_pipeline_files, pipelines_folder
from spark_jobs.pipeline.settings import Pipeline


def averages_dag(config: Path, pipeline: Pipeline) -> DAG:
    """The DAG of one pipeline file."""
    with DAG(
        dag_id=pipeline.name,
        description=f"{'Aggregates' if pipeline.aggregates else 'Daily averages'} of {pipeline.input.topic}, exactly once",
        doc_md=averages_page(__doc__, pipeline, config),
        schedule=schedule_of(pipeline),
        start_date=datetime(2026, 1, 1, tzinfo=UTC),
        catchup=False,
        max_active_runs=1,
        dagrun_timeout=timedelta(minutes=60),
        default_args=DEFAULTS,
        on_failure_callback=alerts_of(pipeline),
        params=params_of(pipeline),
        tags={"dayfold", "kafka", "spark", "delta"},
    ) as dag:
        add_tasks(config, pipeline)
    return dag


def add_tasks(config: Path, pipeline: Pipeline) -> None:
    """The tasks of a run, in their order, and the one beside them."""
    assets = assets_of(pipeline)

    @task.short_circuit
    def new_records() -> bool:
        """Whether there is anything to do; the plan is in the log and in the XCom `plan`,
        why there is nothing in `nothing_new`.
        """
        return look_for_new_records(pipeline, get_current_context())

    @task
    def retention() -> None:
        """Warnings in the log; nothing waits for this task."""
        warn_of_retention(pipeline)

    @task(outlets=assets)
    def finished_batches() -> list[dict[str, Any]]:
        """The partitions and the aggregates of the batches that this run finished, by the checkpoints;
        the averages it changed are in the log and in `averages`.
        """
        return find_finished(pipeline, assets, get_current_context())

    @task(map_index_template="{{ task.op_kwargs['label'] }}")
    def verify(label: str, partitions: Sequence[int] = (), aggregate: str | None = None) -> Mapping[str, Any]:  # noqa: ARG001 - a name
        """What was read of these partitions, compared with `records` and the consumer group, or added to this aggregate."""
        return verify_run(pipeline, str(get_current_context()["run_id"]), partitions, aggregate)

    finished = finished_batches()
    retention()
    new_records() >> submit_job(pipeline, config) >> finished
    verify.expand_kwargs(finished)


for path, settings in load_pipeline_files(pipelines_folder(os.environ), os.environ).usable.items():
    averages_dag(path, settings)
