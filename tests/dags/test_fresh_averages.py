"""The DAG that waits for a pipeline's asset, run by a real Airflow on tables that are there already: no broker, no Spark."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from spark_jobs.local.airflow import in_process
from spark_jobs.local.airflow.in_process import DagRunResult
from tests.dags.asked import Facts
from tests.stored import DAY, SIZE, stored_pipeline

NAME = "p_fresh_averages"


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An Airflow whose only pipeline has no tables yet."""
    folder = tmp_path_factory.mktemp("fresh")
    (folder / "pipelines").mkdir()
    stored_pipeline(folder / "pipelines", 0)
    found = in_process.airflow_environment(folder / "airflow") | {"DAYFOLD_PIPELINES": str(folder / "pipelines")}
    in_process.migrate(found)
    return found


def run(environment: dict[str, str]) -> tuple[DagRunResult, str]:
    log = Path(environment["AIRFLOW_HOME"]) / "run.log"
    return in_process.test_dag(NAME, environment, log), log.read_text()


def returned(environment: dict[str, str], result: DagRunResult) -> Any:
    asked = "SELECT value FROM xcom WHERE run_id = ? AND task_id = 'report' AND key = 'return_value'"
    database = Path(environment["AIRFLOW_HOME"]) / "airflow.db"
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
        ((value,),) = connection.execute(asked, [result.run_id]).fetchall()
    return json.loads(value)


def test_it_waits_for_the_asset_that_the_pipeline_announces(facts: Facts) -> None:
    dags = facts["good"]["dags"]
    ((name, uri),) = dags["hourly_current"]["tasks"]["finished_batches"]["outlets"]
    dag = dags["hourly_current_fresh_averages"]
    assert name == "hourly_current.daily_averages"
    assert name in dag["schedule"]
    assert uri in dag["schedule"]
    assert list(dag["tasks"]) == ["report"]
    assert "(dags/hourly_current)" in dag["doc"]


@pytest.mark.thorough
def test_triggered_by_hand_it_shows_what_the_last_batch_changed_or_that_there_is_none(environment: dict[str, str]) -> None:
    first, said = run(environment)
    assert first.states == {"report": "skipped"}, said
    assert "hold no finished batch" in said
    stored_pipeline(Path(environment["DAYFOLD_PIPELINES"]), 2)
    second, said = run(environment)
    assert second.states == {"report": "success"}, said
    found = returned(environment, second)
    readings = 2 * (SIZE - 1)
    averages = [(row["partition"], row["date"], row["value_count"], row["batch"]) for row in found.pop("averages")]
    assert averages == [(partition, DAY.isoformat(), readings, 2) for partition in range(2)]
    assert found == {"events": 0, "batches": [2], "days": 2, "changed_since": 0, "left_out": 0}
    assert "p: batch 2 changed 2 averages" in said
