"""The task `verify`: the batches that this very run finished, by its rows in the checkpoints.

The exit code of `submit` alone is no proof.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import Asset
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from spark_jobs.config import Pipeline
from spark_jobs.orchestration.failures import failures_of_tasks

if TYPE_CHECKING:
    from spark_jobs.checkpoints import Checkpoint


def averages_asset(pipeline: Pipeline) -> Asset:
    """The table `daily_averages`, for DAGs that wait for it."""
    table = f"{pipeline.lake.rstrip('/')}/{pipeline.name}/daily_averages"
    return Asset(name=f"{pipeline.name}.daily_averages", uri=table if "://" in table else Path(table).as_uri())


def find_finished(pipeline: Pipeline, averages: Asset, context: Any) -> Mapping[str, Any]:
    """Counts per partition of the batches that this run finished, which the event of the asset carries, too."""
    with failures_of_tasks():
        rows = rows_of_run(pipeline, context["run_id"])
    done = [row for row in rows if row.state == "DONE"]
    if not done:
        raise AirflowSkipException(f"{rows[-1].state} was recorded, and there was nothing to average")
    summary = summary_of(done)
    context["outlet_events"][averages].extra = {"pipeline": pipeline.name, "run_id": context["run_id"], **summary}
    return summary


def rows_of_run(pipeline: Pipeline, run_id: str) -> list["Checkpoint"]:
    """What this run wrote into the checkpoints, plans left out; an error if it wrote nothing."""
    from spark_jobs.checkpoints import CheckpointLog
    from spark_jobs.lake import Lake

    rows = CheckpointLog(Lake(pipeline.lake, pipeline.name)).rows
    ours = [row for row in rows if row.run_id == run_id and row.state != "PLANNED"]
    if not ours:
        last = (
            f"the last row is of batch {rows[-1].batch}, {rows[-1].state}, by run {rows[-1].run_id}" if rows else "there are none"
        )
        raise AirflowFailException(
            f"the checkpoints of {pipeline.name} hold no DONE row of run {run_id}, although spark-submit reported success: {last}. "
            "Nothing is counted twice by running again: clear this run, or wait for the next one."
        )
    return ours


def summary_of(done: list["Checkpoint"]) -> dict[str, Any]:
    """What the batches of one run read, per partition, as plain values; the keys are texts as JSON wants them."""
    partitions: dict[str, dict[str, int]] = {}
    for row in done:
        for one in row.ranges:
            total = partitions.setdefault(str(one.partition), {"start": one.start, "end": one.end})
            total["end"] = one.end
        for counts in row.counts:
            total = partitions[str(counts.partition)]
            for name in ("read", "accepted", "rejected", "gaps"):
                total[name] = total.get(name, 0) + getattr(counts, name)
    return {"batch": done[-1].batch, "batches": len(done), "partitions": partitions}
