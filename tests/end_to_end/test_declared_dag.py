"""A DAG run of a pipeline with declared aggregates: the assets, and `verify` for each partition and each aggregate."""

import json
import random
from pathlib import Path

import pytest
from airflow.sdk.exceptions import AirflowFailException
from deltalake import DeltaTable

from spark_jobs.launch.submit import spark_submit
from spark_jobs.local.airflow import in_process
from spark_jobs.local.airflow.in_process import DagRunResult
from spark_jobs.local.kafka.server import RunningKafka
from spark_jobs.orchestration.verifying import verify_aggregate
from spark_jobs.pipeline.settings import Pipeline
from tests.declared.world import declared_world

pytestmark = pytest.mark.thorough

SENT = 60


@pytest.mark.group("AF")
def test_a_dag_run_verifies_each_aggregate(
    tmp_path: Path, kafka: RunningKafka, request: pytest.FixtureRequest, chosen: random.Random
) -> None:
    spark = lambda: request.getfixturevalue("spark")  # noqa: E731
    with declared_world("ads", tmp_path, kafka.bootstrap, spark, chosen) as declared:
        world = declared.world
        environment = in_process.airflow_environment(tmp_path / "airflow")
        environment["PATH"] = f"{Path(spark_submit()).parent}:{environment['PATH']}"
        environment["DAYFOLD_PIPELINES"] = str(world.config.parent)
        connection = {"conn_type": "spark", "host": "local[2]", "extra": {"spark-binary": "spark-submit"}}
        environment["AIRFLOW_CONN_SPARK_DEFAULT"] = json.dumps(connection)
        in_process.migrate(environment)
        declared.send(SENT)
        log = tmp_path / "dag_run.log"
        run = in_process.test_dag(world.pipeline.name, environment, log, {})
        assert run.succeeded, log.read_text()
        declared.assert_all_counted()
        assert sorted(name for name in run.states if name.startswith("verify")) == [f"verify[{number}]" for number in range(5)]
        readings = [one for one in declared.readings if one.values is not None and not one.is_filtered]
        for name in ("hourly", "daily"):
            told = verify_aggregate(world.pipeline, run.run_id, name)
            rows = DeltaTable(f"{world.tables}/{name}").to_pyarrow_table().num_rows
            assert told == {"aggregate": name, "batches": [1], "groups": rows, "readings": len(readings)}
            assert f"{name} of batch 1: {rows} totals of {len(readings)} records; agrees with its tables" in log.read_text()
        assert_loss_is_told(run, declared.world.tables, world.pipeline)


def assert_loss_is_told(run: DagRunResult, tables: str, pipeline: Pipeline) -> None:
    """What somebody deletes from an aggregate's tables is told, and nothing of the other aggregate."""
    DeltaTable(f"{tables}/daily").delete()
    DeltaTable(f"{tables}/hourly_contributions").delete()
    for name, said in (("daily", "the table lacks .* totals of batch 1"), ("hourly", "holds 0 groups of 0 records of batch 1")):
        with pytest.raises(AirflowFailException, match=said):
            verify_aggregate(pipeline, run.run_id, name)
