"""The task `maintain`: maintenance of the tables in the worker's own process, its effect in the log and as the task's result."""

import shlex
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import CronTriggerTimetable

from spark_jobs.base.wording import counted
from spark_jobs.orchestration.failures import failures_of_tasks
from spark_jobs.orchestration.log_tables import log_table
from spark_jobs.orchestration.markdown import as_code
from spark_jobs.orchestration.params import switch
from spark_jobs.pipeline.settings import Pipeline

PARAMS = {"dry_run": switch("Dry run", "Say in the log and in the XCom what maintenance would do, and do nothing.")}

SCHEDULE = CronTriggerTimetable("0 3 * * 0", timezone="UTC", run_immediately=timedelta(hours=1))
"""Sunday at three in the morning: not when daily runs start.

For a DAG without a start date. With one Airflow makes up for the Sunday before as soon as the DAG is switched on, which a trigger
from the web page does as well: whoever asked for a dry run would get a real one beside it. The hour is how late a scheduler may
be.
"""

TASK: dict[str, Any] = {"retries": 9, "execution_timeout": timedelta(hours=2)}
"""A run that holds the lock may take most of an hour: nine tries more, at most ten minutes apart, are more patient than that."""

_FACTS = """
### This pipeline

- tables of [{name}](dags/{pipeline.name}): {tables}
- records are kept {kept}
- unneeded files are kept {pipeline.maintenance.vacuum_after_hours} hours
- settings: {config}

### By hand

{command}, with `--dry-run` to see what it would do. Afterwards {proof} proves that everything still agrees, and says up to which
batch records were deleted.
"""


def maintain_tables(pipeline: Pipeline, context: Any) -> dict[str, Any]:
    """What `dayfold maintain --json` prints."""
    from spark_jobs.maintenance.maintain import maintain, preview_maintenance
    from spark_jobs.maintenance.report import maintenance_report, maintenance_table

    with failures_of_tasks():
        found = (preview_maintenance if context["params"]["dry_run"] else maintain)(pipeline, now=datetime.now(UTC))
    log_table(maintenance_table(found))
    return maintenance_report(found)


def maintenance_page(story: str | None, pipeline: Pipeline, config: Path) -> str:
    """The DAG's `doc_md`: its story and the facts of this pipeline."""
    days = pipeline.maintenance.keep_records_days
    kept = "for ever" if days is None else f"{counted(days, 'day')} after their batch was done (`maintenance.keep_records_days`)"
    facts = {
        "name": pipeline.name,
        "tables": f"{pipeline.lake}/{pipeline.name}/",
        "config": config,
        "command": f"dayfold maintain {shlex.quote(str(config))}",
        "proof": f"dayfold audit {shlex.quote(str(config))}",
    }
    shown = {name: as_code(text) for name, text in facts.items()}
    return f"{story or ''}{_FACTS.format(pipeline=pipeline, kept=kept, **shown)}"
