"""The task `report` of the DAG that waits for a pipeline's asset: what the batches of its events changed, as log table and result."""

import itertools
import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowSkipException

from spark_jobs.config import Pipeline
from spark_jobs.orchestration.failures import failures_of_tasks
from spark_jobs.orchestration.log_tables import log_table
from spark_jobs.wording import counted, printable

if TYPE_CHECKING:
    from rich.console import Group

    from spark_jobs.fresh import FreshAverages

LOGGED, RETURNED = 20, 200
"""Rows in the log, rows in the XCom: the first batch of a pipeline may hold the days of years, which Airflow's database is no place for."""

log = logging.getLogger("dayfold")

_FACTS = """
### This pipeline

- waits for `{pipeline.name}.daily_averages`, which [{pipeline.name}](dags/{pipeline.name}) announces
- reads `{pipeline.lake}/{pipeline.name}/`
- has its settings in `{config}`
"""


def report_fresh(pipeline: Pipeline, context: Any) -> dict[str, Any]:
    """What the batches of all events changed; of a run without events, the last finished batch.

    A skip if there is no such batch in the checkpoints.
    """
    from spark_jobs.checkpoints import CheckpointLog
    from spark_jobs.fresh import batches_of_runs, fresh_averages
    from spark_jobs.lake import Lake

    events = [event for several in context["triggering_asset_events"].values() for event in several]
    lake = Lake(pipeline.lake, pipeline.name)
    with failures_of_tasks():
        finished = batches_of_runs(CheckpointLog(lake).rows)
        batches = announced(events, finished) if events else {max(itertools.chain(*finished.values()), default=0)} - {0}
        if not batches:
            raise AirflowSkipException(f"the checkpoints of {pipeline.name} hold no finished batch that was to be shown")
        found = fresh_averages(lake, batches)
    log_table(fresh_table(pipeline, found))
    return report(len(events), found)


def announced(events: Iterable[Any], finished: Mapping[str, set[int]]) -> set[int]:
    """The batches of the runs that the events name; an event whose run has none is told in the log."""
    found: set[int] = set()
    for event in events:
        run_id = str(event.extra.get("run_id"))
        if run_id not in finished:
            log.warning(
                f"an event names the run {printable(run_id)}, of which the checkpoints hold no finished batch: it was made by hand, or the "
                "tables were restored since; it is left out"
            )
        found |= finished.get(run_id, set())
    return found


def report(events: int, found: "FreshAverages") -> dict[str, Any]:
    """Plain values for the XCom; `left_out` days are only counted."""
    averages = found.newest(RETURNED)
    counted = {"days": found.rows.num_rows, "changed_since": found.changed_since, "left_out": found.rows.num_rows - len(averages)}
    return {"events": events, "batches": list(found.batches), **counted, "averages": averages}


def fresh_table(pipeline: Pipeline, found: "FreshAverages") -> "Group":
    """The newest days for the log."""
    from spark_jobs.plain_tables import numbers, plain_table, texts

    days, batches = found.rows.num_rows, f"batch{'es' * (len(found.batches) > 1)} {', '.join(map(str, found.batches))}"
    shown = f", the newest {LOGGED} of them" if days > LOGGED else ""
    since = f"; of them changed again since: {found.changed_since:,}" if found.changed_since else ""
    title = f"{pipeline.name}: {batches} changed {counted(days, 'average')}{since}{shown}"
    average = f"average {pipeline.input.value.field}"
    names = ("date", "partition", "average", "value_count", "revision", "batch")
    rows = ([str(row[name]) for name in names] for row in found.newest(LOGGED))
    return plain_table(title, (*texts("date"), *numbers("partition", average, "readings", "revision", "last batch")), rows)


def page_of(story: str | None, pipeline: Pipeline, config: Path) -> str:
    """The DAG's `doc_md`: its story and the facts of this pipeline."""
    return f"{story or ''}{_FACTS.format(pipeline=pipeline, config=config)}"
