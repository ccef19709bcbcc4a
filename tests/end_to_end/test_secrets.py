"""The whole job on a secured broker with least privilege, and a hunt for its password in everything a run leaves behind."""

import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient

from spark_jobs.access.java_secrets import secrets_file
from spark_jobs.access.properties import load_kafka_settings
from spark_jobs.answers.status import read_status
from spark_jobs.audit.reconcile import audit
from spark_jobs.broker.cluster import connect
from spark_jobs.local.kafka.server import RunningKafka, create_topics, start_kafka
from spark_jobs.outlook.lookahead import look_ahead
from spark_jobs.outlook.permissions import acl_lines
from tests import oracle
from tests.hunt import command_lines, files_with, is_in, processes_with
from tests.kafka.secured import Authority, secured_options
from tests.kafka.secured_cluster import bindings_of
from tests.submitted import KILLED
from tests.world import World, make_world, reading

NAME = "secured"


@dataclass(frozen=True)
class Secured:
    kafka: RunningKafka
    admin: dict[str, str]
    canary: str
    properties: list[str]


@pytest.fixture
def secured(tmp_path: Path) -> Iterator[Secured]:
    """A SASL_SSL broker, with topics and the user `job`."""
    authority, canary = Authority(), f"canary{secrets.token_hex(16)}"
    options = secured_options(tmp_path, authority, {"broker": secrets.token_hex(16), "job": canary}, {})
    with start_kafka(tmp_path / "kafka", options=options, tied_to_us=True) as kafka:
        create_topics(kafka.bootstrap, {f"{NAME}-in": 2, f"{NAME}-out": 2}, client=options.client)
        certificate, _ = authority.client_files(tmp_path, "job", secrets.token_hex(8))
        (tmp_path / "job-ca.pem").write_text(authority.pem)
        lines = [
            f"bootstrap.servers={kafka.bootstrap}",
            "security.protocol=SASL_SSL",
            f"ssl.ca.location={tmp_path / 'job-ca.pem'}",
            "sasl.mechanism=PLAIN",
            "sasl.username=job",
            f"sasl.password={canary}",
            *(line.replace("=job", f"={tmp_path}/job") for line in certificate),
        ]
        yield Secured(kafka, dict(options.client), canary, lines)


@pytest.fixture
def world(secured: Secured, tmp_path: Path) -> Iterator[World]:
    """The pipeline of `job`, which may do what `dayfold acls` prints, and nothing else."""
    inside = {"topic": f"{NAME}-in"}
    world = make_world(
        tmp_path, secured.kafka.bootstrap, lambda: None, 2, create=False, name=NAME, input=inside, output={"topic": f"{NAME}-out"}
    )
    properties = tmp_path / "kafka.properties"
    properties.chmod(0o600)
    properties.write_text("\n".join(secured.properties))
    admin = AdminClient({"bootstrap.servers": secured.kafka.bootstrap, **secured.admin})
    for done in admin.create_acls(bindings_of(acl_lines(world.pipeline, secured.kafka.bootstrap, "User:job"))).values():
        done.result()
    yield world
    world.end()


DEBUG = """
status = warn
appender.file.type = File
appender.file.name = file
appender.file.fileName = {log}
appender.file.layout.type = PatternLayout
appender.file.layout.pattern = %d{{HH:mm:ss}} %p %c{{1}}: %m%n
logger.kafka.name = org.apache.kafka
logger.kafka.level = trace
logger.source.name = org.apache.spark.sql.kafka010
logger.source.level = trace
rootLogger.level = info
rootLogger.appenderRef.file.ref = file
"""
"""Kafka's clients and Spark's source say all that they can say."""


@pytest.mark.group("SE")
@pytest.mark.proves("C12", "F105", "F108", "F109", "F187")
def test_a_secured_run_counts_everything_and_leaves_its_password_nowhere(world: World, secured: Secured, tmp_path: Path) -> None:
    """A second secret, which is planted where Spark hides nothing,
    shows that the hunt sees into the places where it finds none.
    """
    planted = f"planted{secrets.token_hex(16)}"
    send_readings(secured)
    (tmp_path / "events").mkdir()
    (tmp_path / "debug.properties").write_text(DEBUG.format(log=tmp_path / "debug.log"))
    events = {"spark.eventLog.enabled": "true", "spark.eventLog.dir": f"file://{tmp_path / 'events'}"}
    debug = {"spark.driver.extraJavaOptions": f"-Dlog4j2.configurationFile={tmp_path / 'debug.properties'}"}
    run = world.submit(conf={**events, **debug, "spark.dayfold.planted": planted})
    seen: set[str] = set()
    held: set[str] = set()
    while run.process.poll() is None and not contributions_written(tmp_path):
        seen |= command_lines(run.pid)
        held |= processes_with(secured.canary, run.pid)
    code, output = run.finish()
    assert code == 0, output
    averages = oracle.found_averages(world.tables)
    assert sorted(row[1] for row in averages.values()) == [1, 1]
    assert any("spark-submit" in line or "SparkSubmit" in line for line in seen)
    assert " TRACE " in (tmp_path / "debug.log").read_text()
    assert held == set()
    assert not is_in(secured.canary, output + "".join(seen) + repr(load_kafka_settings(tmp_path / "kafka.properties", {})))
    assert files_with(secured.canary, tmp_path, [tmp_path / "kafka"]) == {tmp_path / "kafka.properties"}
    assert is_in(planted, "".join(seen))
    assert {file.parent for file in files_with(planted, tmp_path)} & {tmp_path / "events", *(tmp_path / "events").iterdir()}
    assert left_in_memory(world) == []
    require_answers(world)


@pytest.mark.thorough
@pytest.mark.group("SE")
@pytest.mark.proves("F187")
def test_the_credentials_of_a_killed_run_are_gone_after_the_next_one(world: World, secured: Secured) -> None:
    send_readings(secured)
    code, output = world.submit(fault="before:records_commit:killgroup").finish()
    assert code in KILLED, output
    (left,) = left_in_memory(world)
    assert is_in(secured.canary, left.read_bytes())
    assert (left.stat().st_mode & 0o077, left.parent.stat().st_mode & 0o077) == (0, 0)
    code, output = world.submit().finish()
    assert code == 0, output
    assert left_in_memory(world) == []


def send_readings(secured: Secured) -> None:
    producer = Producer({"bootstrap.servers": secured.kafka.bootstrap, **secured.admin})
    for partition in (0, 1):
        producer.produce(f"{NAME}-in", reading("23/12/2006 16:52:00", "239.94"), partition=partition)
    assert producer.flush(20) == 0


def contributions_written(folder: Path) -> bool:
    return (folder / "lake" / NAME / "contributions" / "_delta_log" / f"{1:020}.json").exists()


def left_in_memory(world: World) -> list[Path]:
    """The Java client's copy of the credentials, where a run with a local master puts it."""
    place = secrets_file(world.pipeline, "local[2]", os.environ)
    return [place] if place.exists() else []


def require_answers(world: World) -> None:
    """The same permissions suffice for all that an operator asks."""
    with connect(load_kafka_settings(world.pipeline.kafka, {})) as broker:
        status = read_status(broker, world.pipeline, now=datetime.now(UTC))
        assert audit(broker, world.pipeline, deep=True).differences == ()
    assert {one.verdict.cause for one in status.partitions} == {"ok"}
    assert status.retention.hours is not None
    assert look_ahead(world.pipeline, {}).count == 0
