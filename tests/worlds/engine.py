"""Spark's part of a run in plain Python: it reads a simulated log as Spark's consumer does, judges each message by the rules
that Python has for it, and writes real Parquet files.

Adding up is done with Decimals here, so it is no copy of the expressions that Spark is given.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.errors import PySparkException

from spark_jobs.aggregates.aggregate import Aggregate
from spark_jobs.aggregates.daily_average import DAILY_AVERAGE
from spark_jobs.broker.record_times import instant_of
from spark_jobs.lake.record_files import files_of_batches, new_folder
from spark_jobs.lake.schemas import RECORDS
from spark_jobs.pipeline.rules import ParsingRules
from spark_jobs.progress.offsets import OffsetRange, Plan
from spark_jobs.readings.judging import judge_message
from spark_jobs.run.job import Job
from tests.daily_tables import SCHEMAS
from tests.worlds.cluster import Cluster, Stored

SUMS = pa.schema(
    [*DAILY_AVERAGE.contributions, ("read", pa.int64()), ("rounded", pa.int64()), ("first", pa.int64()), ("last", pa.int64())]
)
HOLES = pa.schema([("partition", pa.int32()), ("start", pa.int64()), ("end", pa.int64())])


class Disturbance(Protocol):
    """What may happen to Spark's part."""

    def point(self, name: str, /) -> object:
        """Before each piece of work; it may end the run."""

    def rows(self, records: list[Stored], aborted: list[Stored], /) -> list[Stored]:
        """What a reader hands out instead of these records, between which those were aborted."""

    def is_task_lost(self) -> bool:
        """Whether a task dies in the middle of its file, and is tried again."""


class Undisturbed:
    """A Spark on which nobody does any harm."""

    def point(self, _: str) -> None:
        """See `Disturbance`."""

    def rows(self, records: list[Stored], _: list[Stored]) -> list[Stored]:
        """See `Disturbance`."""
        return records

    def is_task_lost(self) -> bool:
        """See `Disturbance`."""
        return False


@dataclass(frozen=True)
class SimulatedEngine:
    """Spark's part, upon a simulated cluster."""

    cluster: Cluster
    disturbed: Disturbance = field(default_factory=Undisturbed)

    def write_records(self, job: Job, plan: Plan, *, only_rejected: bool) -> str:
        """One file for each partition, as Spark's tasks write them."""
        folder = new_folder(plan.batch)
        place = job.lake.location(RECORDS)
        by_partition = defaultdict(list)
        for row in self._records(job, plan):
            if row["rejected_because"] is not None or not only_rejected:
                by_partition[row["partition"]].append(row)
        self.disturbed.point("spark: write")
        for number, rows in by_partition.items():
            self._write(pa.Table.from_pylist(rows, SCHEMAS[RECORDS]), Path(place, folder), f"part-{number:05d}.parquet")
            self.disturbed.point("spark: file")
        return folder

    def _write(self, table: pa.Table, folder: Path, name: str) -> None:
        """As Spark's committer does: each try writes beside the others, and only the last one's file gets into the folder."""
        attempt = folder / "_temporary" / "0" / name
        attempt.parent.mkdir(parents=True, exist_ok=True)
        while self.disturbed.is_task_lost():
            attempt.write_bytes(b"PAR1")
        pq.write_table(table, attempt, compression="none")
        attempt.rename(folder / name)

    def add_up_stored(self, job: Job, plan: Plan, _: Aggregate) -> pa.Table:
        self.disturbed.point("spark: add up")
        columns = ["batch", "partition", "date", "value", "rejected_because"]
        files = [pq.read_table(path, columns=columns) for path in files_of_batches(job.lake, plan.batch, plan.batch)]
        rows = pa.concat_tables(files).to_pylist()
        accepted = [row for row in rows if row["batch"] == plan.batch and row["rejected_because"] is None]
        return pa.Table.from_pylist(list(_added(accepted)), DAILY_AVERAGE.contributions)

    def add_up(self, job: Job, plan: Plan) -> pa.Table:
        rows = list(self._records(job, plan))
        self.disturbed.point("spark: add up")
        groups = defaultdict(list)
        for row in rows:
            groups[row["partition"], row["date"]].append(row)
        sums = {(row["partition"], row["date"]): row for row in _added(row for row in rows if row["rejected_because"] is None)}
        return pa.Table.from_pylist([_sum(plan, place, found, sums.get(place)) for place, found in groups.items()], SUMS)

    def find_holes(self, job: Job, ranges: Iterable[OffsetRange]) -> pa.Table:
        holes = []
        for one in ranges:
            offsets = [record.offset for record in self._read(job.pipeline.input.topic, one)]
            holes += [
                {"partition": one.partition, "start": before + 1, "end": after}
                for before, after in pairwise(offsets)
                if after > before + 1
            ]
        return pa.Table.from_pylist(holes, HOLES)

    def _records(self, job: Job, plan: Plan) -> Iterator[dict[str, Any]]:
        for one in plan.ranges:
            for record in self._read(job.pipeline.input.topic, one):
                yield _record(plan, one.partition, record)

    def _read(self, topic: str, wanted: OffsetRange) -> list[Stored]:
        """As Spark reads with `failOnDataLoss`: a start that is gone, or an end that does not come, fails the task."""
        if not wanted.span:
            return []
        self.disturbed.point("spark: read")
        log = self.cluster.topics[topic].logs[wanted.partition]
        if not log.low <= wanted.start <= log.high or log.stable < wanted.end:
            raise PySparkException("OffsetOutOfRangeException: Cannot fetch offset")
        everything = list(log.shown(wanted.start, wanted.end, committed=False))
        visible = [one for one in everything if log.is_committed(one)]
        return self.disturbed.rows(visible, [one for one in everything if not log.is_committed(one)])


def _record(plan: Plan, partition: int, record: Stored) -> dict[str, Any]:
    found = judge_message(record.value, _parsing(plan))
    assert found.undecided is None, found.undecided
    return {
        "partition": partition,
        "offset": record.offset,
        "kafka_timestamp": instant_of(record.timestamp),
        "key": record.key,
        "event_time": found.event_time,
        "date": found.day,
        "value": None if found.value is None else found.value.quantize(Decimal("0.000001")),
        "rounded_from": found.rounded_from,
        "rejected_because": found.reason,
        "raw": record.value if found.reason else None,
        "batch": plan.batch,
    }


def _added(accepted: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    groups = defaultdict(list)
    for row in accepted:
        groups[row["batch"], row["partition"], row["date"]].append(row["value"])
    for (batch, partition, day), values in groups.items():
        yield {
            "batch": batch,
            "partition": partition,
            "date": day,
            "value_sum": sum(values, Decimal()),
            "value_count": len(values),
            "value_min": min(values),
            "value_max": max(values),
        }


def _sum(plan: Plan, place: tuple[Any, ...], rows: list[dict[str, Any]], added: dict[str, Any] | None) -> dict[str, Any]:
    nothing = {"batch": plan.batch, "partition": place[0], "date": place[1], "value_count": 0}
    offsets = [row["offset"] for row in rows]
    counts = {"read": len(rows), "rounded": sum(row["rounded_from"] is not None for row in rows)}
    return (added or nothing) | counts | {"first": min(offsets), "last": max(offsets)}


def _parsing(plan: Plan) -> ParsingRules:
    assert isinstance(plan.rules, ParsingRules)
    return plan.rules
