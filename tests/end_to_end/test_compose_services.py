"""What `docker-compose.yml` starts, started as plain processes:
the secured Kafka, its users, a load, the Spark cluster, the job.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient

from spark_jobs.access.properties import load_kafka_settings
from spark_jobs.base.project import PROJECT
from spark_jobs.broker.cluster import connect
from spark_jobs.launch.submit import Submission, job_arguments, submit_command
from spark_jobs.local.demo.check import check
from spark_jobs.local.demo.load_readings import CONFIG
from spark_jobs.local.demo.readings import find_csv, read_readings
from spark_jobs.pipeline.settings import load_pipeline
from tests.compose_stack import HOST, Stack, make_stack
from tests.submitted import start_run

INPUT, OUTPUT = "airflow-input-topic", "airflow-output-topic"
DAYS = 3


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Kafka with its topics, users and permissions."""
    stack = make_stack(tmp_path_factory.mktemp("stack"))
    try:
        stack.start("kafka")
        assert "daily_voltage" in stack.run_once("kafka-init")
        yield stack
    finally:
        stack.end()


pytestmark = [pytest.mark.thorough, pytest.mark.xdist_group("compose")]


@dataclass(frozen=True)
class Refusals:
    """What becomes of each thing that a user tries."""

    login: Mapping[str, str]

    @property
    def quiet(self) -> dict[str, Any]:
        return {**self.login, "error_cb": lambda _: None, "log_level": 0}

    def produce(self, topic: str) -> KafkaError | None:
        found: list[KafkaError | None] = []
        producer = Producer({**self.quiet, "message.timeout.ms": 10_000})
        producer.produce(topic, b"x", partition=0, on_delivery=lambda error, _: found.append(error))
        producer.flush(20)
        return found[0]

    def look_at(self, topic: str) -> KafkaError | None:
        try:
            return AdminClient(self.quiet).list_topics(topic, timeout=5).topics[topic].error
        except KafkaException as error:
            return error.args[0]  # type: ignore[no-any-return]


def login(stack: Stack, user: str, password: str | None = None) -> dict[str, str]:
    environment = {"KAFKA_SERVERS": f"{HOST}:{stack.inside}", **stack.secrets}
    if password is not None:
        environment[f"KAFKA_{user.upper()}_PASSWORD"] = password
    return load_kafka_settings(PROJECT / "docker" / f"{user}.properties", environment).librdkafka()


def code(error: KafkaError | None) -> int | None:
    return None if error is None else error.code()


def test_kafka_lets_each_user_do_its_own_and_nobody_else_anything(stack: Stack) -> None:
    pipeline, loader = Refusals(login(stack, "pipeline")), Refusals(login(stack, "loader"))
    denied = KafkaError.TOPIC_AUTHORIZATION_FAILED
    assert code(pipeline.look_at(INPUT)) is None
    assert code(pipeline.produce(INPUT)) == denied
    assert code(loader.look_at(INPUT)) is None
    assert code(loader.produce(OUTPUT)) == denied
    assert code(loader.look_at(OUTPUT)) == denied
    stranger = Refusals({"bootstrap.servers": f"{HOST}:{stack.inside}"})
    wrong = Refusals(login(stack, "pipeline", password="guessed"))
    assert code(stranger.look_at(INPUT)) not in (None, denied)
    assert code(wrong.look_at(INPUT)) not in (None, denied)


@pytest.mark.thorough
def test_the_job_runs_on_the_cluster_of_the_stack_and_every_day_equals_the_csv(stack: Stack) -> None:
    readings = read_readings(find_csv()).first_days(DAYS)
    assert f"{readings.count:,} readings sent" in stack.run_once("loader", str(DAYS))
    assert "0 readings sent" in stack.run_once("loader", str(DAYS))
    stack.start("spark-master")
    stack.start("spark-worker")
    environment = stack.environment("airflow-scheduler")
    master = stack.service("spark-worker")["command"][-1]
    assert master in environment["AIRFLOW_CONN_SPARK_DEFAULT"]
    run = start_run(
        submit_command(job_arguments(CONFIG, "stack", [], []), Submission(conf=(("spark.master", master),))), environment
    )
    try:
        exit_code, output = run.finish()
    finally:
        run.end()
    assert exit_code == 0, output
    assert list((stack.folder / "work").glob("app-*/*/stderr"))
    pipeline = load_pipeline(CONFIG, environment=environment)
    with connect(load_kafka_settings(pipeline.kafka, environment)) as broker:
        assert check(broker, pipeline, readings).records == readings.count
    said = [output, *(path.read_text(errors="replace") for path in stack.folder.rglob("*.log"))]
    secrets = [value for name, value in stack.secrets.items() if name != "COMPOSE_PROFILES"]
    assert not [secret for secret in secrets if any(secret in text for text in said)]
