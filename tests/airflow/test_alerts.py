"""Failed runs of the real scheduler, and what people hear of them: the DAG processor sends it."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from spark_jobs.base.project import PROJECT
from spark_jobs.local.airflow.in_process import airflow_environment
from spark_jobs.local.airflow.server import choose_port, running_airflow
from tests.airflow.rest import RemoteDag
from tests.listeners import MailServer, WebServer, mail_server, web_server
from tests.stored import stored_pipeline
from tests.submitted import wait_until

# One worker runs all of it: the tests share an Airflow.
pytestmark = [pytest.mark.thorough, pytest.mark.xdist_group("alerts")]

TOLD_SECONDS = 120.0

# Ends that our own DAGs cannot be brought to quickly, with the callbacks that ours have.
ENDS = """
import os
import signal
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from airflow.sdk import DAG, task
from airflow.sdk.exceptions import AirflowFailException
from spark_jobs.pipeline.settings import load_pipeline
from spark_jobs.orchestration.alerts import alerts_of
from spark_jobs.orchestration.defaults import DEFAULTS

CALLBACKS = alerts_of(load_pipeline(Path(os.environ["DAYFOLD_PIPELINES"]) / "p.yaml"))

def dag(name, limit=timedelta(minutes=10)):
    first = datetime(2026, 1, 1, tzinfo=UTC)
    defaults = DEFAULTS | {"retries": 1, "retry_delay": timedelta(seconds=1)}
    return DAG(name, schedule=None, start_date=first, dagrun_timeout=limit, default_args=defaults, on_failure_callback=CALLBACKS)

with dag("mapped"):
    @task
    def check(number):
        if number != 1:
            raise AirflowFailException(f"partition {number}: {{{{ gone }}}} <b>")
    check.expand(number=[0, 1, 2])

with dag("killed"):
    @task
    def die():
        os.kill(os.getpid(), signal.SIGKILL)
    die()

with dag("late", timedelta(seconds=5)):
    @task
    def wait():
        threading.Event().wait(300)
    wait()
"""


@dataclass(frozen=True)
class Told:
    """An Airflow with the DAGs of a pipeline and with those that end in other ways, and whoever is told."""

    airflow: Any
    mail: MailServer
    web: WebServer

    def fail(self, dag_id: str, **conf: object) -> tuple[str, dict[str, Any], str]:
        """A run that fails: its id, what the webhook got, and the mail's text; both exactly once."""
        dag = RemoteDag(self.airflow.api, dag_id)
        self.airflow.api.ask("PATCH", f"/dags/{dag_id}", {"is_paused": False})
        run_id = dag.trigger(**conf)
        assert dag.wait(run_id) == "failed"
        wait_until(lambda: bool(self.posts(run_id) and self.mails(run_id)), f"a message of {run_id}", TOLD_SECONDS)
        (post,), (mail,) = self.posts(run_id), self.mails(run_id)
        return run_id, post, mail

    def posts(self, run_id: str) -> list[dict[str, Any]]:
        return [body for body in self.web.bodies if body["run"] == run_id]

    def mails(self, run_id: str) -> list[str]:
        pages = [page.get_content() for mail in self.mail.mails if (page := mail.get_body()) is not None]
        return [page for page in pages if run_id in page]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    folder = tmp_path_factory.mktemp("alerts")
    for name in ("pipelines", "dags"):
        (folder / name).mkdir()
    stored_pipeline(folder / "pipelines", 0)
    with (folder / "pipelines" / "p.yaml").open("a") as settings:
        settings.write("\nalerts: {mail_to: [night@example.org], webhook_connection: alerts_webhook}\n")
    (folder / "dags" / "ends.py").write_text(ENDS)
    (folder / "dags" / "daily_averages.py").symlink_to(PROJECT / "dags" / "daily_averages.py")
    with ExitStack() as started:
        mail, web = started.enter_context(mail_server()), started.enter_context(web_server())
        environment = environment_of(folder, mail, web)
        airflow = started.enter_context(running_airflow(environment, choose_port(None)))
        wait_until(lambda: all(map(airflow.api.has_dag, ("p", "mapped", "killed", "late"))), "the DAGs to be parsed", 120)
        yield Told(airflow, mail, web)
    told = [body["run"] for body in web.bodies]
    assert len(told) == len(set(told)) == len(mail.mails), "a run was told twice"


def environment_of(folder: Path, mail: MailServer, web: WebServer) -> dict[str, str]:
    return {
        **airflow_environment(folder / "airflow"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(folder / "dags"),
        "DAYFOLD_PIPELINES": str(folder / "pipelines"),
        "AIRFLOW_CONN_SMTP_DEFAULT": mail.connection,
        "AIRFLOW_CONN_ALERTS_WEBHOOK": json.dumps({"conn_type": "http", "host": web.address}),
    }


def test_the_message_has_the_sentence_of_the_error_and_a_link_to_its_log(told: Told) -> None:
    run_id, post, mail = told.fail("p", accept_los=True)
    (task,) = post["tasks"]
    assert (task["task"], task["error"]) == ("new_records", "the parameter accept_los is unknown; did you mean accept_loss?")
    assert task["log"].startswith(f"{told.airflow.api.address}/dags/p/runs/")
    assert task["log"].endswith("/tasks/new_records?try_number=1")
    assert (post["reason"], post["pipeline"], post["run"]) == ("task_failure", "p", run_id)
    assert "did you mean accept_loss?" in mail
    assert task["log"] in mail


def test_many_failed_tasks_make_one_message_and_their_words_are_no_template(told: Told) -> None:
    _, post, mail = told.fail("mapped")
    assert {one["task"]: one["error"] for one in post["tasks"]} == {
        "check[0]": "partition 0: {{ gone }} <b>",
        "check[2]": "partition 2: {{ gone }} <b>",
    }
    assert "partition 2: {{ gone }} &lt;b&gt;" in mail


def test_a_task_whose_process_was_killed_is_told_after_its_last_try(told: Told) -> None:
    _, post, _ = told.fail("killed")
    (task,) = post["tasks"]
    assert task["task"] == "die"
    assert task["error"].startswith("it ended without a word")
    assert task["log"].endswith("/tasks/die?try_number=2")


def test_a_run_whose_time_was_up_is_told_with_the_task_that_was_at_work(told: Told) -> None:
    _, post, mail = told.fail("late")
    assert post["reason"] == "timed_out"
    assert "late took longer than 0:00:05: wait" in mail
    assert [one["error"] for one in post["tasks"]] == ["it was at work when the time of the run was up"]
