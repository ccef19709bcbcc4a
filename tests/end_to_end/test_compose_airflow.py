"""The whole of `docker-compose.yml` as plain processes: its Airflow is logged in to,
and runs the DAG on its Spark and its Kafka.
"""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from spark_jobs.access.properties import load_kafka_settings
from spark_jobs.broker.cluster import connect
from spark_jobs.local.demo.check import check
from spark_jobs.local.demo.load_readings import CONFIG
from spark_jobs.local.demo.readings import find_csv, read_readings
from spark_jobs.pipeline.settings import load_pipeline
from tests.compose_stack import HOST, Stack, make_stack
from tests.submitted import wait_until

DAG, DAYS, SECONDS = "daily_voltage", 2, 300
SERVICES = (
    "spark-master",
    "spark-worker",
    "airflow-api-server",
    "airflow-scheduler",
    "airflow-dag-processor",
    "airflow-triggerer",
)

pytestmark = [pytest.mark.thorough, pytest.mark.xdist_group("compose")]


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    stack = make_stack(tmp_path)
    try:
        stack.start("kafka")
        for one_shot, arguments in (("kafka-init", []), ("loader", [str(DAYS)]), ("airflow-init", [])):
            stack.run_once(one_shot, *arguments)
        for name in SERVICES:
            stack.start(name)
        yield stack
    finally:
        stack.end()


def ask(stack: Stack, method: str, path: str, body: object = None, token: str = "") -> tuple[int, Any]:
    """Status and answer of Airflow's REST API."""
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"http://{HOST}:{stack.airflow}{path}", data=data, headers=headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_airflow_lets_its_admin_in_and_runs_the_dag_on_the_spark_and_the_kafka_of_the_stack(stack: Stack) -> None:
    login = {"username": "admin", "password": stack.secrets["AIRFLOW_ADMIN_PASSWORD"]}
    assert ask(stack, "POST", "/auth/token", login | {"password": "admin"})[0] == 401
    assert ask(stack, "GET", "/api/v2/dags")[0] == 401
    code, answer = ask(stack, "POST", "/auth/token", login)
    assert code == 201, answer
    token = answer["access_token"]

    def state(run: str) -> str:
        return str(ask(stack, "GET", f"/api/v2/dags/{DAG}/dagRuns/{run}", token=token)[1]["state"])

    wait_until(lambda: ask(stack, "GET", f"/api/v2/dags/{DAG}", token=token)[0] == 200, "the DAG to be parsed", seconds=60)
    run = ask(stack, "POST", f"/api/v2/dags/{DAG}/dagRuns", {"logical_date": None}, token)[1]["dag_run_id"]
    ask(stack, "PATCH", f"/api/v2/dags/{DAG}", {"is_paused": False}, token)
    wait_until(lambda: state(run) in ("success", "failed"), "the run to end", SECONDS)
    logs = "\n".join(path.read_text(errors="replace") for path in (stack.folder / "airflow" / "logs").rglob("*.log"))
    assert state(run) == "success", logs
    assert list((stack.folder / "work").glob("app-*/*/stderr"))
    environment = stack.environment("airflow-scheduler")
    pipeline = load_pipeline(CONFIG, environment=environment)
    readings = read_readings(find_csv()).first_days(DAYS)
    with connect(load_kafka_settings(pipeline.kafka, environment)) as broker:
        assert check(broker, pipeline, readings).records == readings.count
    secrets = [value for name, value in stack.secrets.items() if name != "COMPOSE_PROFILES"]
    assert not [secret for secret in secrets if secret in logs]
