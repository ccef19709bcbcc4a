"""Weekly maintenance of a pipeline's tables: it keeps them small and quick and changes nothing that counts.

The task `maintain` holds the pipeline's lock and, without Spark,

1. deletes the records of batches that are older than the setting `maintenance.keep_records_days`, if there is one,
2. puts small files together (OPTIMIZE),
3. deletes files that no version of the last week needs, and what killed runs left (VACUUM, never under 168 hours),
4. shortens the logs of the tables.

Contributions, daily averages and checkpoints are never deleted. While a run is at work the task fails and is tried again, and a
run that starts meanwhile does the same. What was done stands in the log as a table, and in the XCom `return_value`.

Switching the DAG on starts nothing by itself before the next Sunday. Triggered with `dry_run` it changes nothing.
"""

import os
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, get_current_context, task

from spark_jobs.orchestration.alerts import alerts_of
from spark_jobs.orchestration.defaults import DEFAULTS
from spark_jobs.orchestration.maintaining import PARAMS, SCHEDULE, TASK, maintain_tables, maintenance_page
from spark_jobs.pipeline.files import load_pipeline_files, maintenance_name, pipelines_folder
from spark_jobs.pipeline.settings import Pipeline


def maintenance_dag(config: Path, pipeline: Pipeline) -> DAG:
    """The maintenance DAG of one pipeline file."""
    with DAG(
        dag_id=maintenance_name(pipeline.name),
        description=f"Maintenance of the tables of {pipeline.name}",
        doc_md=maintenance_page(__doc__, pipeline, config),
        schedule=SCHEDULE,
        catchup=False,
        max_active_runs=1,
        dagrun_timeout=timedelta(hours=4),
        default_args=DEFAULTS | TASK,
        on_failure_callback=alerts_of(pipeline),
        params=PARAMS,
        tags={"dayfold", "delta", "maintenance"},
    ) as dag:

        @task
        def maintain() -> Mapping[str, Any]:
            """What was done to each table; with `dry_run`, what would be."""
            return maintain_tables(pipeline, get_current_context())

        maintain()
    return dag


for path, settings in load_pipeline_files(pipelines_folder(os.environ), os.environ).usable.items():
    maintenance_dag(path, settings)
