"""For whoever reads a pipeline's tables, as the notebooks do: where they are, and which version of one ends with which batch.

Needs the pipeline file and the tables only: no broker, no Spark, and nothing is written. What the columns mean stands in
`docs/tables.md`.
"""

import os
from collections.abc import Iterable
from pathlib import Path

from deltalake import DeltaTable

from spark_jobs.aggregates.daily_average import COUNT, HIGHEST, LOWEST, SUM
from spark_jobs.base.errors import ConfigurationError, DecisionNeeded
from spark_jobs.base.project import PROJECT
from spark_jobs.lake.delta_log import Action, TableLog
from spark_jobs.lake.rows import read_rows
from spark_jobs.lake.schemas import CHECKPOINTS
from spark_jobs.lake.stored import stored_lake
from spark_jobs.lake.tables import Lake
from spark_jobs.pipeline.settings import Pipeline, load_pipeline

ADDING_UP = tuple(one.column for one in (SUM, COUNT, LOWEST, HIGHEST))
"""Columns of `daily_averages` that say the same of a day over all partitions, once they are put together."""


def find_tables(pipeline_file: str | Path) -> tuple[Pipeline, dict[str, str]]:
    """Settings of a pipeline, and the folder or URI of each of its tables by name.

    A relative path starts at the project folder, so that it means the same from any notebook. `DAYFOLD__KEY__PATH` in the
    environment overrides settings as it does for a run. `ConfigurationError` if there are no tables yet.
    """
    pipeline = load_pipeline(PROJECT / pipeline_file, environment=os.environ)
    lake = stored_lake(pipeline)
    places = {name: lake.location(name) for name in lake.names}
    missing = [name for name in places if not lake.exists(name)]
    if missing:
        raise ConfigurationError(
            f"{pipeline.name} has no table {', '.join(missing)} below {pipeline.lake} yet: run the pipeline first "
            f"(dayfold run {pipeline_file}; for the example: make demo), or name another pipeline file"
        )
    return pipeline, places


def version_of_batch(pipeline: Pipeline, name: str, batch: int) -> int:
    """The newest version of a table that holds nothing of a batch after `batch`.

    `DecisionNeeded` if Delta's log does not go back so far any more (its own default is 30 days).
    """
    lake = stored_lake(pipeline)
    log, last = TableLog(lake.location(name)), _last_number(lake, name, batch)
    later = [
        commit.version
        for commit, actions in log.newest_first(len(log.commits))
        if any(number > last for number in _numbers(actions, lake.app(name)))
    ]
    if not later:
        return DeltaTable(lake.location(name)).version()
    if min(later) == log.commits[0].version:
        raise DecisionNeeded(
            f"the log of {name} does not go back to batch {batch} any more. Contributions do: add up those with batch <= {batch}"
        )
    return min(later) - 1


def _last_number(lake: Lake, name: str, batch: int) -> int:
    """Under which number the table's log knows the last commit that holds nothing of a later batch:
    a row's number for the checkpoints.
    """
    if name != CHECKPOINTS:
        return batch
    rows = read_rows(lake.open(name), ["sequence", "batch"]).to_pylist()
    later = [row["sequence"] for row in rows if row["batch"] > batch]
    return min(later) - 1 if later else len(rows)


def _numbers(actions: Iterable[Action], app: str) -> list[int]:
    """What a commit is numbered with, if it is one of the pipeline's own."""
    return [action["txn"]["version"] for action in actions if action.get("txn", {}).get("appId") == app]
