"""The tasks `new_records` and `retention`: whether a run would have anything to do, and what to hear early. Without Spark."""

import os
from typing import Any

from spark_jobs.orchestration.failures import failures_of_tasks
from spark_jobs.orchestration.log_tables import log_table
from spark_jobs.orchestration.metrics import send_lag_before
from spark_jobs.orchestration.nothing_new import tell_why_nothing
from spark_jobs.orchestration.params import require_decided, require_known_params
from spark_jobs.orchestration.waking import require_fit
from spark_jobs.pipeline.settings import Pipeline


def look_for_new_records(pipeline: Pipeline, context: Any) -> bool:
    """Whether there is anything to do; the plan is in the log and in the XCom `plan`,
    and why there is nothing in `nothing_new`.
    """
    from spark_jobs.answers.reports import plan_report, plan_table
    from spark_jobs.outlook.lookahead import look_ahead

    with failures_of_tasks():
        require_known_params(context["dag_run"].conf)
        if pipeline.airflow.messages_connection:
            require_fit(pipeline.name, pipeline.airflow.messages_connection)
        found = look_ahead(pipeline, os.environ)
        log_table(plan_table(pipeline.name, found))
        context["ti"].xcom_push("plan", plan_report(found))
        send_lag_before(pipeline, found.count)
        require_decided(found.problems, context["params"])
        has_work = found.has_work(pipeline)
        if not has_work:
            context["ti"].xcom_push("nothing_new", tell_why_nothing(pipeline, context))
    return has_work


def warn_of_retention(pipeline: Pipeline) -> None:
    """Warnings in the log, of what expires soon and of what else an operator can help; never fails."""
    from spark_jobs.outlook.lookahead import warn_early

    warn_early(pipeline, os.environ)
