"""The whole job on a secured broker with least privilege, and a hunt for its password in everything a run leaves behind."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient

from spark_jobs.audit.reconcile import audit
from spark_jobs.broker import connect
from spark_jobs.kafka_settings import load_kafka_settings
from spark_jobs.local.kafka_server import RunningKafka, create_topics, start_kafka
from spark_jobs.outlook import look_ahead
from spark_jobs.permissions import acl_lines
from spark_jobs.status import read_status
from tests import oracle
from tests.kafka.secured import Authority, secured_options
from tests.kafka.secured_cluster import bindings_of
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


@pytest.mark.group("SE")
@pytest.mark.proves("C12", "F105", "F108", "F109")
def test_a_secured_run_counts_everything_and_leaves_its_password_nowhere(world: World, secured: Secured, tmp_path: Path) -> None:
    producer = Producer({"bootstrap.servers": secured.kafka.bootstrap, **secured.admin})
    for partition in (0, 1):
        producer.produce(f"{NAME}-in", reading("23/12/2006 16:52:00", "239.94"), partition=partition)
    assert producer.flush(20) == 0
    (tmp_path / "events").mkdir()
    run = world.submit(conf={"spark.eventLog.enabled": "true", "spark.eventLog.dir": f"file://{tmp_path / 'events'}"})
    seen = set()
    while (
        run.process.poll() is None and not (tmp_path / "lake" / NAME / "contributions" / "_delta_log" / f"{1:020}.json").exists()
    ):
        seen |= command_lines(run.pid)
    code, output = run.finish()
    assert code == 0, output
    averages = oracle.found_averages(world.tables)
    assert sorted(row[1] for row in averages.values()) == [1, 1]
    assert any("spark-submit" in line or "SparkSubmit" in line for line in seen)
    assert secured.canary not in output + "".join(seen)
    assert secured.canary not in repr(load_kafka_settings(tmp_path / "kafka.properties", {}))
    assert files_with(secured.canary, tmp_path) == expected_holders(world, tmp_path)
    assert any((tmp_path / "events").rglob("*"))
    require_answers(world)


def require_answers(world: World) -> None:
    """The same permissions suffice for all that an operator asks."""
    with connect(load_kafka_settings(world.pipeline.kafka, {})) as broker:
        status = read_status(broker, world.pipeline, now=datetime.now(UTC))
        assert audit(broker, world.pipeline, deep=True).differences == ()
    assert {one.verdict.cause for one in status.partitions} == {"ok"}
    assert status.retention.hours is not None
    assert look_ahead(world.pipeline, {}).count == 0


def command_lines(pid: int) -> set[str]:
    processes = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)] if psutil.pid_exists(pid) else []
    lines = set()
    for process in processes:
        try:
            lines.add(" ".join(process.cmdline()))
        except psutil.Error:
            continue
    return lines


def files_with(text: str, folder: Path) -> set[Path]:
    """Files below the folder that hold the text in plain bytes; the broker's own folder and settings are not ours."""
    files = (path for path in folder.rglob("*") if path.is_file() and (folder / "kafka") not in path.parents)
    return {path for path in files if text.encode() in path.read_bytes()}


def expected_holders(world: World, folder: Path) -> set[Path]:
    """The user's own properties file, and the Java client's copy of the credentials, readable by nobody else."""
    copy = world.pipeline.state / f"{NAME}.kafka-secrets.properties"
    assert copy.stat().st_mode & 0o077 == 0
    return {folder / "kafka.properties", copy}
