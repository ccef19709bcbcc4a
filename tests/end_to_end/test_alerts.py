"""Messages of a run that failed, sent by a real Airflow to a mail server and to a web server on loopback."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from deltalake import DeltaTable

from spark_jobs.local.airflow import in_process
from tests.listeners import MailServer, WebServer, mail_server, web_server
from tests.stored import stored_pipeline

ALERTS = "\nalerts: {mail_to: [night@example.org, day@example.org], webhook_connection: alerts_webhook}\n"


@dataclass(frozen=True)
class Failing:
    """A pipeline with a damaged table, so that its maintenance fails, and whoever is told."""

    environment: Mapping[str, str]
    log: Path
    mail: MailServer
    web: WebServer

    def run(self, **settings: str) -> in_process.DagRunResult:
        return in_process.test_dag("p_maintenance", {**self.environment, **settings}, self.log)


@pytest.fixture
def failing(tmp_path: Path) -> Iterator[Failing]:
    folder = tmp_path / "pipelines"
    folder.mkdir()
    pipeline = stored_pipeline(folder, 1)
    (folder / "p.yaml").write_text((folder / "p.yaml").read_text() + ALERTS)
    DeltaTable(f"{pipeline.lake}/p/daily_averages").delete()
    environment = {
        **in_process.airflow_environment(tmp_path / "airflow"),
        "DAYFOLD_PIPELINES": str(folder),
        "NO_PROXY": "127.0.0.1",
    }
    in_process.migrate(environment)
    with ExitStack() as servers:
        mail, web = servers.enter_context(mail_server()), servers.enter_context(web_server())
        environment["AIRFLOW_CONN_SMTP_DEFAULT"] = mail.connection
        environment["AIRFLOW_CONN_ALERTS_WEBHOOK"] = f'{{"conn_type": "http", "host": "{web.address}/hooks/dayfold"}}'
        yield Failing(environment, tmp_path / "dag_run.log", mail, web)


@pytest.mark.thorough
def test_a_failed_run_is_told_once_by_mail_and_once_to_the_webhook(failing: Failing) -> None:
    result = failing.run()
    assert result.states == {"maintain": "failed"}, failing.log.read_text()
    (mail,), (recipients,), ((path, _, body),) = failing.mail.mails, failing.mail.recipients, failing.web.posts
    assert recipients == ["night@example.org", "day@example.org"]
    assert (mail["Subject"], mail["From"]) == ("p_maintenance failed: maintain", "dayfold@example.org")
    page = mail.get_body()
    assert page is not None
    assert f"pipeline p, run {result.run_id}" in page.get_content()
    assert "/dags/p_maintenance/runs/" in page.get_content()
    assert path == "/hooks/dayfold"
    assert {name: body[name] for name in ("pipeline", "dag", "run", "reason")} == {
        "pipeline": "p",
        "dag": "p_maintenance",
        "run": result.run_id,
        "reason": "task_failure",
    }
    assert body["text"].startswith("p_maintenance failed: maintain\n")
    (task,) = body["tasks"]
    assert task["task"] == "maintain"
    assert "/tasks/maintain?try_number=1" in task["log"]


@pytest.mark.thorough
def test_a_message_that_cannot_be_sent_hides_nothing_and_hinders_no_other(failing: Failing) -> None:
    nobody = failing.mail.connection.replace(str(failing.mail.port), "1")
    result = failing.run(AIRFLOW_CONN_SMTP_DEFAULT=nobody)
    assert result.states == {"maintain": "failed"}
    assert failing.mail.mails == []
    assert [body["run"] for body in failing.web.bodies] == [result.run_id]
    log = failing.log.read_text()
    assert "table daily_averages: it holds 0 days of batch 1" in log
    assert "Callback failed for p_maintenance" in log
