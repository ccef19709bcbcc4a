"""Messages of failed runs, by mail and to a webhook, as the pipeline file says: one message for a run, however many tasks failed.

The DAG's `on_failure_callback` sends them. Airflow calls it in the DAG processor once a run has failed, whatever ended it: also
where no task could say a word, because its process was killed, its time was up or somebody marked it as failed. What a task had
to say it has left behind as an XCom. A message that cannot be sent changes the state of nothing; Airflow logs why.
"""

from collections.abc import Callable
from functools import partial
from html import escape
from typing import Any

from airflow.sdk import literal

from spark_jobs.orchestration.run_failure import FAILURE, failure_of_run, task_failure
from spark_jobs.pipeline.settings import AlertSettings, Pipeline

Callback = Callable[[Any], None]

NOTHING: Any = {}
"""The context of a notifier: there is nothing to render. With `airflow dags test` the real one holds a DAG that cannot render."""


def alerts_of(pipeline: Pipeline) -> list[Callback] | None:
    """The DAG's failure callbacks, one for each way of a message, so that no way waits for another;
    None if nobody wants to know.
    """
    alerts = pipeline.alerts
    ways: list[Callback] = [partial(send_mail, pipeline.name, alerts)] if alerts.mail_to else []
    if alerts.webhook_connection:
        ways.append(partial(post_to_webhook, pipeline.name, alerts.webhook_connection))
    return ways or None


def leave_failure(context: Any) -> None:
    """A task's failure callback: keep the error of its last try for the message of the run.

    Airflow also calls it in the DAG processor, for a task that was lost: there is no error then, and nothing can be kept.
    """
    if error := context.get("exception"):
        context["ti"].xcom_push(FAILURE, task_failure(context["ti"], error))


def send_mail(pipeline: str, alerts: AlertSettings, context: Any) -> None:
    """To all recipients, by the mail server of the connection."""
    from airflow.providers.smtp.notifications.smtp import SmtpNotifier

    failure = failure_of_run(pipeline, context)
    page = "<br>\n".join(escape(line) for line in failure.text.splitlines())
    mail = SmtpNotifier(
        to=list(alerts.mail_to), smtp_conn_id=alerts.mail_connection, subject=_plain(failure.title), html_content=_plain(page)
    )
    mail(NOTHING)


def post_to_webhook(pipeline: str, connection: str, context: Any) -> None:
    """As JSON, to the address of the connection."""
    from airflow.providers.http.notifications.http import HttpNotifier

    HttpNotifier(http_conn_id=connection, json=_plain(failure_of_run(pipeline, context).report))(NOTHING)


def _plain(value: Any) -> Any:
    """Not to be rendered: what an error says is no template."""
    return literal(value)
