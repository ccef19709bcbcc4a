"""Permissions taken away and wrong logins as an operator meets them: the commands and the DAG, each in processes of their own."""

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from confluent_kafka.admin import AclOperation, ResourceType

from spark_jobs.base.project import PROJECT
from spark_jobs.local.airflow import in_process
from tests.kafka.permitted import GROUP, TOPIC, TRANSACTIONS, Job, name_of, permitted_job
from tests.kafka.secured_cluster import Secured
from tests.typed import type_in

pytestmark = [pytest.mark.xdist_group("secured"), pytest.mark.group("SE"), pytest.mark.thorough, pytest.mark.proves("F180")]

READ, WRITE, DESCRIBE = AclOperation.READ, AclOperation.WRITE, AclOperation.DESCRIBE
REPORT = PROJECT / "reports" / "refused.jsonl"
ANSWER_SECONDS = 15.0
"""Within which an answer is asked for; the start of a command's processes is in it."""


@pytest.fixture
def job(secured: Secured, tmp_path: Path) -> Iterator[Job]:
    with permitted_job(secured, tmp_path) as job:
        yield job


@pytest.fixture
def airflow(job: Job, tmp_path: Path) -> dict[str, str]:
    environment = in_process.airflow_environment(tmp_path / "airflow")
    environment["DAYFOLD_PIPELINES"] = str(job.world.config.parent)
    in_process.migrate(environment)
    return environment


@dataclass
class Timed:
    seconds: float = 0.0


@contextmanager
def timed() -> Iterator[Timed]:
    found, begun = Timed(), time.monotonic()
    yield found
    found.seconds = time.monotonic() - begun


def note(case: str, **seconds: float) -> None:
    """Keep what was measured, for the page of permissions."""
    REPORT.parent.mkdir(exist_ok=True)
    with REPORT.open("a") as report:
        report.write(json.dumps({"case": case, **{name: round(one, 1) for name, one in seconds.items()}}) + "\n")


def sentence_of(ended: "subprocess.CompletedProcess[str]") -> str:
    """What it said, in one line however wide the terminal is."""
    assert "Traceback" not in ended.stdout + ended.stderr
    return " ".join((ended.stdout + ended.stderr).split())


def assert_refused(case: str, job: Job, airflow: dict[str, str], told: str, *, by_plan: bool = True) -> None:
    """`run` and the DAG end in it, and `plan` as well, each in time and before a table or Spark is there."""
    config = str(job.world.config)
    with timed() as plan:
        planned = type_in("plan", config)
    with timed() as run:
        ran = type_in("run", config)
    log = job.world.config.parent / "dag.log"
    with timed() as dag:
        dag_run = in_process.test_dag(job.world.pipeline.name, airflow, log)
    note(case, plan=plan.seconds, run=run.seconds, dag=dag.seconds)
    assert ran.returncode == 78
    assert told in sentence_of(ran)
    assert run.seconds < ANSWER_SECONDS
    assert dag_run.state == "failed"
    assert told in " ".join(log.read_text().split())
    if by_plan:
        assert planned.returncode == 78
        assert told in sentence_of(planned)
        assert plan.seconds < ANSWER_SECONDS
        assert dag_run.states["new_records"] == "failed"
        assert dag_run.states["submit"] == "upstream_failed"
    assert not Path(job.world.pipeline.lake).exists()


PERMISSIONS = {
    "Read on the input": (TOPIC, "in", (READ,), "Read on topic"),
    "Write on the output": (TOPIC, "out", (WRITE,), "Write on topic"),
    "Read on the output": (TOPIC, "out", (READ,), "Read on topic"),
    "Read on the group": (GROUP, "", (READ,), "Read on group"),
    "Write on the transactional id": (TRANSACTIONS, "", (WRITE,), "Write on transactional id"),
}


@pytest.mark.parametrize("case", PERMISSIONS)
def test_a_permission_that_is_missing_is_named_by_commands_and_dag(job: Job, airflow: dict[str, str], case: str) -> None:
    resource, which, lost, missing = PERMISSIONS[case]
    name = name_of(job, resource, which)
    job.lose(resource, name, *lost)
    told = f"User:job has no permission for {missing} {name} at"
    # Nobody can ask about a transactional id without taking it from the run that has it.
    assert_refused(case, job, airflow, told, by_plan=resource != ResourceType.TRANSACTIONAL_ID)


def rewrite(job: Job, old: str | tuple[str, ...], new: str) -> None:
    """Put a line in place of all that begin so."""
    path = job.world.config.parent / "kafka.properties"
    lines = [line for line in path.read_text().splitlines() if not line.startswith(old)]
    path.write_text("\n".join([*lines, new]) + "\n")


LOGINS: dict[str, tuple[str | tuple[str, ...], str, str]] = {
    "wrong password": ("sasl.password=", "sasl.password=wrong", "User:job"),
    "mechanism": ("sasl.mechanism=", "sasl.mechanism=SCRAM-SHA-256", "SCRAM-SHA-256"),
    "SASL_PLAINTEXT on a TLS port": (
        ("security.", "ssl."),
        "security.protocol=SASL_PLAINTEXT",
        "speaks SSL or SASL_SSL on this port",
    ),
    "SSL on a SASL_SSL port": (("security.", "sasl."), "security.protocol=SSL", "speaks SASL_SSL on this port"),
    "key password": ("ssl.key.password=", "ssl.key.password=wrong", "ssl.key.password does not open"),
}


@pytest.mark.parametrize("case", LOGINS)
def test_a_wrong_login_is_named_by_commands_and_dag(job: Job, airflow: dict[str, str], case: str) -> None:
    old, new, told = LOGINS[case]
    rewrite(job, old, new)
    assert_refused(case, job, airflow, told)
