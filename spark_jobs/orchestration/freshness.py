"""The task `fresh_report` of the DAG that waits for a pipeline's asset:
what the batches of its events changed, as log table and result.
"""

import itertools
import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowSkipException

from spark_jobs.base.wording import counted, printable
from spark_jobs.orchestration.assets import assets_of
from spark_jobs.orchestration.failures import failures_of_tasks
from spark_jobs.orchestration.log_tables import log_table
from spark_jobs.orchestration.markdown import as_code
from spark_jobs.pipeline.settings import Pipeline

if TYPE_CHECKING:
    from rich.console import Group

    from spark_jobs.answers.fresh import FreshTotals

LOGGED, RETURNED = 20, 200
"""Rows in the log, rows in the XCom: the first batch of a pipeline may hold the days of years,
which Airflow's database is no place for.
"""

log = logging.getLogger("dayfold")

_FACTS = """
### This pipeline

- waits for {asset}, which [{name}](dags/{pipeline.name}) announces
- reads {tables}
- has its settings in {config}
"""


def report_fresh(pipeline: Pipeline, context: Any) -> dict[str, Any]:
    """What the batches of all events changed; of a run without events, the last finished batch.

    A skip if there is no such batch in the checkpoints.
    """
    from spark_jobs.answers.fresh import batches_of_runs, fresh_of_all
    from spark_jobs.lake.checkpoint_log import CheckpointLog
    from spark_jobs.lake.stored import stored_lake

    events = [event for several in context["triggering_asset_events"].values() for event in several]
    lake = stored_lake(pipeline)
    with failures_of_tasks():
        finished = batches_of_runs(CheckpointLog(lake).rows)
        batches = announced(events, finished) if events else {max(itertools.chain(*finished.values()), default=0)} - {0}
        if not batches:
            raise AirflowSkipException(f"the checkpoints of {pipeline.name} hold no finished batch that was to be shown")
        found = fresh_of_all(lake, batches)
    for one in found:
        log_table(fresh_table(pipeline, one))
    shown = {one.aggregate.name: figures(one, RETURNED) for one in found}
    about = {"events": len(events), "batches": sorted(batches)}
    return {**about, "aggregates": shown} if pipeline.aggregates else {**about, **next(iter(shown.values()))}


def announced(events: Iterable[Any], finished: Mapping[str, set[int]]) -> set[int]:
    """The batches of the runs that the events name; an event whose run has none is named in the log."""
    found: set[int] = set()
    for event in events:
        run_id = str(event.extra.get("run_id"))
        if run_id not in finished:
            log.warning(
                f"an event names the run {printable(run_id)}, of which the checkpoints hold no finished batch: it was made "
                "by hand, or the tables were restored since; it is left out"
            )
        found |= finished.get(run_id, set())
    return found


def figures(found: "FreshTotals", most: int) -> dict[str, Any]:
    """The newest so many totals as plain values, and how many there are; `left_out` ones are only counted."""
    averages = found.newest(most)
    days = found.rows.num_rows
    return {"days": days, "changed_since": found.changed_since, "left_out": days - len(averages), "averages": averages}


def fresh_table(pipeline: Pipeline, found: "FreshTotals", most: int = LOGGED) -> "Group":
    """The newest totals for the log."""
    from spark_jobs.base.plain_tables import numbers, plain_table, texts, times

    days = found.rows.num_rows
    shown = f", the newest {most} of them" if days > most else ""
    since = f"; of them changed again since: {found.changed_since:,}" if found.changed_since else ""
    aggregate = found.aggregate
    what = counted(days, "total") + f" {aggregate.name}" if aggregate.is_declared else counted(days, "average")
    title = f"{pipeline.name}: {listed_batches(found.batches)} changed {what}{since}{shown}"
    names = found.rows.column_names
    rows = ([str(row[name]) for name in names] for row in found.newest(most))
    if aggregate.is_declared:
        keys = len(aggregate.group)
        return plain_table(title, (*times(names[0]), *texts(*names[1:keys]), *numbers(*names[keys:-1], "last batch")), rows)
    average = f"average {pipeline.value.field}"
    return plain_table(title, (*texts("date"), *numbers("partition", average, "readings", "revision", "last batch")), rows)


def listed_batches(batches: Sequence[int]) -> str:
    """
    >>> listed_batches([3]), listed_batches([1, 3]), listed_batches(range(1, 101))
    ('batch 3', 'batches 1, 3', 'batches 1 to 100')
    """
    if len(batches) == 1:
        return f"batch {batches[0]}"
    is_range = len(batches) > 2 and batches[-1] - batches[0] == len(batches) - 1
    return f"batches {batches[0]} to {batches[-1]}" if is_range else f"batches {', '.join(map(str, batches))}"


def fresh_page(story: str | None, pipeline: Pipeline, config: Path) -> str:
    """The DAG's `doc_md`: its story and the facts of this pipeline."""
    tables = f"{pipeline.lake}/{pipeline.name}/"
    assets = ", ".join(one.name for one in assets_of(pipeline))
    facts = {"asset": assets, "name": pipeline.name, "tables": tables, "config": config}
    shown = {name: as_code(text) for name, text in facts.items()}
    return f"{story or ''}{_FACTS.format(pipeline=pipeline, **shown)}"
