"""What the latest batches of a pipeline changed: an example of a DAG that waits for the pipeline's asset.

A run of the pipeline announces its daily averages when its batches are finished. The task `report` looks up in the checkpoints
which batches that were, and shows the averages they changed, by partition and date, as the table has them now: in its log, and as
plain values in the XCom `return_value`. It reads two small tables and starts no Spark.

- Several events at once, as after a pause, make one run. It shows each day once.
- A day that a later batch has changed again since is shown with what it is now, and counted as `changed_since`.
- An event whose run left no finished batch in the checkpoints, because it was made by hand or the tables were restored since, is
  named in the log and left out.
- Triggered by hand, it shows what the last finished batch changed.

Replace `report` by what should happen with fresh averages: a mail, a model, a copy to a warehouse.
"""

import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, get_current_context, task

from spark_jobs.orchestration.alerts import alerts_of
from spark_jobs.orchestration.assets import assets_of
from spark_jobs.orchestration.defaults import DEFAULTS
from spark_jobs.orchestration.freshness import fresh_page, report_fresh
from spark_jobs.pipeline.files import fresh_name, load_pipeline_files, pipelines_folder
from spark_jobs.pipeline.settings import Pipeline


def fresh_dag(config: Path, pipeline: Pipeline) -> DAG:
    """The DAG of one pipeline file that waits for its asset."""
    with DAG(
        dag_id=fresh_name(pipeline.name),
        description=f"What the latest batches of {pipeline.name} changed",
        doc_md=fresh_page(__doc__, pipeline, config),
        schedule=assets_of(pipeline),
        start_date=datetime(2026, 1, 1, tzinfo=UTC),
        catchup=False,
        max_active_runs=1,
        dagrun_timeout=timedelta(minutes=30),
        on_failure_callback=alerts_of(pipeline),
        default_args=DEFAULTS,
        tags={"dayfold", "delta", "assets"},
    ) as dag:

        @task
        def report() -> Mapping[str, Any]:
            """The averages that were changed, with partition and date."""
            return report_fresh(pipeline, get_current_context())

        report()
    return dag


for path, settings in load_pipeline_files(pipelines_folder(os.environ), os.environ).usable.items():
    fresh_dag(path, settings)
