"""The DAG that waits for a pipeline's asset, by the real scheduler: several events at once, on tables that are there already."""

from pathlib import Path

import pytest

from spark_jobs.local.airflow.in_process import airflow_environment
from spark_jobs.local.airflow.server import choose_port, running_airflow
from tests.airflow.rest import RemoteDag
from tests.stored import DAY, SIZE, stored_pipeline
from tests.submitted import wait_until

pytestmark = pytest.mark.thorough

FRESH, SECONDS = "p_fresh_averages", 120.0


def test_a_dag_that_was_paused_gets_all_events_at_once_and_leaves_out_one_of_an_unknown_run(tmp_path: Path) -> None:
    (tmp_path / "pipelines").mkdir()
    stored_pipeline(tmp_path / "pipelines", 2)
    environment = airflow_environment(tmp_path / "airflow") | {"DAYFOLD_PIPELINES": str(tmp_path / "pipelines")}
    with running_airflow(environment, choose_port(None)) as airflow:
        wait_until(lambda: airflow.api.has_dag(FRESH) and airflow.api.has_dag("p"), "the DAGs to be parsed", SECONDS)
        dag = RemoteDag(airflow.api, FRESH)
        announce(dag, "run")
        dag.unpause()
        announce(dag, "nobody's")
        wait_until(lambda: bool(dag.runs("asset_triggered")), "the run of the events", SECONDS)
        (run_id,) = dag.runs("asset_triggered")
        assert dag.wait(run_id) == "success"
        found, said = dag.xcom(run_id, "report"), dag.log(run_id, "report")
    rows = [(row["partition"], row["date"], row["value_count"], row["batch"]) for row in found.pop("averages")]
    assert rows == [(partition, DAY.isoformat(), 2 * (SIZE - 1), 2) for partition in range(2)]
    assert found == {"events": 2, "batches": [1, 2], "days": 2, "changed_since": 0, "left_out": 0}
    assert "an event names the run nobody's, of which the checkpoints hold no finished batch" in said


def announce(dag: RemoteDag, run_id: str) -> None:
    """An event of the asset, as any client of the REST API can make one."""
    (asset,) = dag.api.ask("GET", f"/assets?dag_ids={FRESH}")["assets"]
    dag.api.ask("POST", "/assets/events", {"asset_id": asset["id"], "extra": {"run_id": run_id}})
