"""The maintenance DAG for real: Airflow with its database, the tables, and what stands in the XCom afterwards."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from spark_jobs.local.airflow import in_process
from tests.oracle import rows
from tests.stored import lake_of, stored_pipeline

pytestmark = [pytest.mark.group("AF"), pytest.mark.thorough]


@pytest.mark.proves("F55", "F61")
def test_a_run_of_the_maintenance_dag_prunes_and_compacts_and_reports_what_it_did(tmp_path: Path) -> None:
    (tmp_path / "pipelines").mkdir()
    pipeline = stored_pipeline(tmp_path / "pipelines", 3)
    environment = {**in_process.airflow_environment(tmp_path / "airflow"), "DAYFOLD_PIPELINES": str(tmp_path / "pipelines")}
    environment |= {"DAYFOLD__MAINTENANCE__KEEP_RECORDS_DAYS": "30"}
    in_process.migrate(environment)
    log = tmp_path / "dag_run.log"
    result = in_process.test_dag("p_maintenance", environment, log)
    assert result.states == {"maintain": "success"}, log.read_text()
    assert "6 > 1" in log.read_text()
    with closing(sqlite3.connect(tmp_path / "airflow" / "airflow.db")) as connection:
        ((value,),) = connection.execute("SELECT value FROM xcom WHERE run_id = ? AND key = 'return_value'", [result.run_id])
    report = json.loads(value)
    assert (report["pruned"]["batch"], report["pruned"]["rows"]) == (2, 20)
    assert report["tables"]["records"]["after"]["files"] == 1
    assert {row["batch"] for row in rows(lake_of(pipeline).location("records"))} == {3}
