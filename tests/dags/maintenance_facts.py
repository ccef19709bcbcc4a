"""Run as a module in a process of its own: what a real Airflow makes of the maintenance DAG, and how its task ends, as JSON.

The last line of the output holds the facts; `test_table_maintenance.py` judges them.
"""

import json
import logging
import os
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DAG, timezone
from airflow.serialization.encoders import coerce_to_core_timetable
from airflow.timetables.base import TimeRestriction

from spark_jobs.base.lock import hold_lock
from spark_jobs.orchestration.maintaining import maintain_tables
from spark_jobs.pipeline.settings import load_pipeline
from tests.dags.airflow_facts import DAGS, _outcome, dag_facts, param_facts

FILE = DAGS / "table_maintenance.py"


class Lines(logging.Handler):
    """What is logged, for the facts."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(record.getMessage())


def task_facts(config: Path) -> dict[str, Any]:
    """The task's own function: while a run is at work, as a dry run, for real, and on tables that are not whole."""
    pipeline, lines = load_pipeline(config), Lines()
    logging.getLogger("dayfold").addHandler(lines)
    logging.getLogger("dayfold").setLevel(logging.INFO)
    for_real = {"params": {"dry_run": False}}
    with hold_lock(pipeline.lock, pipeline=pipeline.name, run_id="night shift"):
        busy = _outcome(lambda: maintain_tables(pipeline, for_real))
    planned = maintain_tables(pipeline, {"params": {"dry_run": True}})
    done = maintain_tables(pipeline, for_real)
    damage(pipeline.lake)
    return {
        "busy": busy,
        "planned": planned,
        "done": done,
        "damaged": _outcome(lambda: maintain_tables(pipeline, for_real)),
        "said": lines.said,
    }


def first_run(dag: DAG) -> datetime:
    """When the scheduler starts the first run of a DAG that is switched on now."""
    always = TimeRestriction(
        earliest=None if dag.start_date is None else timezone.coerce_datetime(dag.start_date), latest=None, catchup=dag.catchup
    )
    found = coerce_to_core_timetable(dag.timetable).next_dagrun_info(last_automated_data_interval=None, restriction=always)
    assert found
    return found.run_after


def damage(lake: str) -> None:
    # Not above: parsing is watched for importing this.
    from deltalake import DeltaTable

    DeltaTable(f"{lake}/p/daily_averages").delete()


def main() -> None:
    """The folder of pipeline files comes as the only argument."""
    os.environ["DAYFOLD_PIPELINES"] = sys.argv[1]
    bag = DagBag(FILE)
    heavy = [name for name in ("pyspark", "deltalake", "pyarrow", "confluent_kafka") if name in sys.modules]
    dag = bag.dags["p_maintenance"]
    facts = {
        "dags": sorted(bag.dags),
        "errors": list(bag.import_errors.values()),
        "heavy": heavy,
        "dag": dag_facts(dag),
        "params": param_facts(dag, [("dry_run", value) for value in ("perhaps", 1, True, None)]),
        "first run": first_run(dag).isoformat(),
        "task": task_facts(Path(sys.argv[1]) / "p.yaml"),
    }
    print(json.dumps(facts))


if __name__ == "__main__":
    main()
