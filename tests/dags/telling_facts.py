"""What the tasks of a run say of what it found and made, on tables that are there already; `test_telling.py` judges it."""

import logging
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa

from spark_jobs.aggregates.daily_average import DAILY_AVERAGE
from spark_jobs.lake.rows import read_rows
from spark_jobs.lake.tables import append_once, merge_totals
from spark_jobs.orchestration.finished import SHOWN, find_finished, show_averages
from spark_jobs.orchestration.nothing_new import tell_why_nothing
from spark_jobs.pipeline.settings import Pipeline
from tests.dags.maintenance_facts import Lines
from tests.daily_tables import CONTRIBUTIONS, DAILY_AVERAGES, SCHEMAS
from tests.stored import DAY, contribution, done_at, lake_of, stored_pipeline

BATCHES = 2
DAYS = SHOWN + 10
"""Of the batch with many averages."""


@dataclass
class Told:
    """A task of a run, what it left behind, and the context that Airflow gives it."""

    run_id: str
    due: Any
    xcoms: dict[str, Any] = field(default_factory=dict)

    @property
    def context(self) -> dict[str, Any]:
        task = SimpleNamespace(xcom_push=self.xcoms.__setitem__, xcom_pull=lambda **_: None)
        events: dict[Any, Any] = {"averages": SimpleNamespace(extra=None)}
        return {"ti": task, "run_id": self.run_id, "dag_run": SimpleNamespace(run_after=self.due), "outlet_events": events}


def telling_facts(folder: Path) -> dict[str, Any]:
    """What each task says, and its XComs."""
    folder.mkdir()
    pipeline = stored_pipeline(folder, BATCHES)
    finished = Told("run", done_at(1))
    assets: Any = ["averages"]
    facts = {
        "finished": listened(lambda: find_finished(pipeline, assets, finished.context)) | {"xcoms": finished.xcoms},
        "nothing new": listened(lambda: why(pipeline, done_at(BATCHES) - timedelta(hours=1))),
        "nothing since": listened(lambda: why(pipeline, done_at(BATCHES) + timedelta(hours=1))),
    }
    store_days(pipeline, BATCHES + 1, DAYS)
    return facts | {"many": listened(lambda: show_averages(pipeline, [BATCHES + 1]))}


def why(pipeline: Pipeline, due: Any) -> dict[str, Any]:
    return tell_why_nothing(pipeline, Told("manual__1", due).context)


def store_days(pipeline: Pipeline, batch: int, days: int) -> None:
    """The averages of a batch with readings of so many days before those of the others."""
    lake = lake_of(pipeline)
    rows = [{**contribution(batch, 0), "date": DAY - timedelta(days=number)} for number in range(1, days + 1)]
    added = pa.Table.from_pylist(rows, schema=SCHEMAS[CONTRIBUTIONS])
    append_once(lake.open(CONTRIBUTIONS), added, app=lake.app(CONTRIBUTIONS), version=batch)
    averages = DAILY_AVERAGE.total(read_rows(lake.open(CONTRIBUTIONS)), batch=batch)
    merge_totals(lake.open(DAILY_AVERAGES), averages, DAILY_AVERAGE, app=lake.app(DAILY_AVERAGES), version=batch)


def listened(do: Any) -> dict[str, Any]:
    lines, log = Lines(), logging.getLogger("dayfold")
    log.addHandler(lines)
    log.setLevel(logging.INFO)
    returned = do()
    log.removeHandler(lines)
    return {"returned": returned, "said": lines.said}
