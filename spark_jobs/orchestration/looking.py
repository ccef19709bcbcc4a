"""The task `new_records`: whether a run would have anything to do, found out without Spark."""

import logging
import os
from typing import TYPE_CHECKING, Any

from spark_jobs.config import Pipeline
from spark_jobs.orchestration.failures import failures_of_tasks
from spark_jobs.orchestration.params import require_decided, require_known

if TYPE_CHECKING:
    from spark_jobs.planning import Preview

log = logging.getLogger("dayfold")


def look_for_new_records(pipeline: Pipeline, context: Any) -> bool:
    """Whether there is anything to do; the plan is in the log and in the XCom `plan`."""
    from spark_jobs.outlook import look_ahead
    from spark_jobs.reports import plan_report

    with failures_of_tasks():
        require_known(context["dag_run"].conf)
        found = look_ahead(pipeline, os.environ)
        log_plan(pipeline, found)
        context["ti"].xcom_push("plan", plan_report(found))
        require_decided(found.problems, context["params"])
    return found.has_work(pipeline)


def log_plan(pipeline: Pipeline, found: "Preview") -> None:
    """The plan as a table, one log line for each of its lines."""
    from rich.console import Console

    from spark_jobs.reports import plan_table

    console = Console(width=120, color_system=None)
    with console.capture() as capture:
        console.print(plan_table(pipeline.name, found))
    for line in capture.get().splitlines():
        log.info(line.rstrip())
