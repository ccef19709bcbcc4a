"""Whether so much of a batch was rejected that it must not be averaged: the settings are wrong more often than the data.

Asked by the run before it averages, and of an unfinished batch by whoever wants to know what the next run will do. Knows no
Spark.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from deltalake import DeltaTable

from spark_jobs.base.errors import TooManyRejected
from spark_jobs.lake.rows import read_rows
from spark_jobs.lake.schemas import RECORDS
from spark_jobs.lake.tables import Lake
from spark_jobs.progress.offsets import Plan
from spark_jobs.readings.rejected_hints import hint

MESSAGES_LOOKED_AT = 5
"""Offsets from the first rejected message on, of each reason."""


def require_few_rejected(lake: Lake, plan: Plan, allowed: float, *, read: int, rejected: int) -> None:
    """Raise `TooManyRejected` if more than the allowed fraction of what the batch read was rejected."""
    if rejected > allowed * read:
        raise TooManyRejected(plan.batch, rejected, read, allowed, _frequent_reasons(lake, plan))


def _frequent_reasons(lake: Lake, plan: Plan) -> tuple[str, ...]:
    """The five most frequent reasons of a batch, each with a first example, and what the first few say about the settings."""
    table = lake.look(RECORDS)
    rejected = read_rows(
        table,
        ["rejected_because", "partition", "offset"],
        # A reason is never empty, and none is no match.
        [("batch", "=", plan.batch), ("rejected_because", "!=", "")],
    )
    examples = rejected.sort_by([("partition", "ascending"), ("offset", "ascending")])
    grouped = examples.group_by("rejected_because", use_threads=False).aggregate(
        [("offset", "count"), ("offset", "first"), ("partition", "first")]
    )
    top = grouped.sort_by([("offset_count", "descending"), ("rejected_because", "ascending")]).slice(0, 5).to_pylist()
    return tuple(line for row in top for line in _told(table, plan, row))


def _told(table: DeltaTable, plan: Plan, row: Mapping[str, Any]) -> Iterator[str]:
    reason, partition, offset = row["rejected_because"], row["partition_first"], row["offset_first"]
    yield f"  {row['offset_count']} x {reason}, for example partition {partition} offset {offset}"
    place = [("batch", "=", plan.batch), ("partition", "=", partition), ("rejected_because", "=", reason)]
    near = [("offset", ">=", offset), ("offset", "<", offset + MESSAGES_LOOKED_AT)]
    found = hint(reason, read_rows(table, ["raw"], [*place, *near])["raw"].to_pylist(), plan.rules)
    if found:
        yield f"    {found}"
