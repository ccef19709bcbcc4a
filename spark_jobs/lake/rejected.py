"""Rejected messages: how many, since when and why by the checkpoints, and each of them by the table `records`.

Two tables by delta-rs, no Spark and no broker. Only files that hold rejected messages are read, the newest first, and no more of
them than are asked for. How it is printed is known elsewhere.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from deltalake import DeltaTable

from spark_jobs.base.frequencies import most_frequent_first
from spark_jobs.lake.rows import read_rows, rows_of_files
from spark_jobs.lake.schemas import CHECKPOINTS, RECORDS
from spark_jobs.lake.tables import Lake
from spark_jobs.progress.row_details import rejected_in

EXCERPT_BYTES = 1000
"""What is read of a message; what is shown of it is less."""

LAST_YEAR_US = 253_402_300_800_000_000
"""Microseconds from 1970 to the year 10000."""

_NEWEST_FIRST = [("batch", "descending"), ("kafka_timestamp", "descending"), ("partition", "ascending"), ("offset", "descending")]
_COLUMNS = ("batch", "partition", "offset", "kafka_timestamp", "rejected_because", "raw")


@dataclass(frozen=True)
class Rejections:
    """What the finished batches rejected: `count` messages in `batches` batches, the first of them `first_batch`, done at
    `since`.

    `reasons` counts those of batches whose rows say why; rows of before reasons were counted do not. `last` is of the last
    finished batch.
    """

    count: int = 0
    batches: int = 0
    first_batch: int | None = None
    since: datetime | None = None
    last: int = 0
    reasons: Mapping[str, int] = field(default_factory=dict)


def rejections_of(lake: Lake) -> Rejections:
    """By the DONE rows of the checkpoints; the others and their plans are not even read."""
    if not lake.exists(CHECKPOINTS):
        return Rejections()
    done = read_rows(lake.open(CHECKPOINTS), ["sequence", "batch", "at", "counts", "details"], [("state", "=", "DONE")])
    done = done.sort_by("sequence").append_column("rejected", _rejected_of(done.sort_by("sequence")["counts"]))
    rows = done.filter(pc.greater(done["rejected"], 0)).select(["batch", "at", "details", "rejected"]).to_pylist()
    if not rows:
        return Rejections()
    reasons: Counter[str] = Counter()
    for row in rows:
        reasons.update(rejected_in(row["details"]))
    return Rejections(
        count=sum(row["rejected"] for row in rows),
        batches=len(rows),
        first_batch=rows[0]["batch"],
        since=rows[0]["at"].astimezone(UTC),
        last=done["rejected"][-1].as_py(),
        reasons=most_frequent_first(reasons),
    )


def _rejected_of(counts: pa.ChunkedArray) -> pa.Array:
    """Per row the sum over its partitions."""
    lists = counts.combine_chunks()
    flat = pa.table({"row": pc.list_parent_indices(lists), "rejected": pc.struct_field(pc.list_flatten(lists), "rejected")})
    summed = flat.group_by("row", use_threads=False).aggregate([("rejected", "sum")])
    found = dict(zip(summed["row"].to_pylist(), summed["rejected_sum"].to_pylist(), strict=True))
    return pa.array([found.get(row, 0) for row in range(len(lists))], pa.int64())


@dataclass(frozen=True)
class RejectedMessage:
    """One rejected message: where it stands, when it was sent, why it is no reading, and how it begins;
    `raw` is None of a tombstone.
    """

    batch: int
    partition: int
    offset: int
    kafka_timestamp: datetime | None
    reason: str
    raw: bytes | None
    size: int


def rejected_messages(lake: Lake, most: int, batch: int | None = None) -> list[RejectedMessage]:
    """The newest rejected messages, at most so many, of one batch or of all; also those of a batch that is not finished."""
    if not lake.exists(RECORDS):
        return []
    table = lake.open(RECORDS)
    found = pa.table({})
    for newest, paths in _files(table, batch):
        if found.num_rows >= most and found["batch"][most - 1].as_py() > newest:
            break
        for part in rows_of_files(table, paths, _COLUMNS, _wanted(batch)):
            found = _newest([found, _shortened(part)], most)
    return [_message(row) for row in found.to_pylist()]


def _wanted(batch: int | None) -> ds.Expression:
    rejected = ds.field("rejected_because").is_valid()
    return rejected if batch is None else rejected & (ds.field("batch") == batch)


def _files(table: DeltaTable, batch: int | None) -> list[tuple[int, list[str]]]:
    """The files that may hold rejected messages, by the newest batch they may hold, that of the newest first.

    Of a file without statistics nobody knows either: it counts as the newest.
    """
    files: dict[int, list[str]] = {}
    for one in pa.table(table.get_add_actions(flatten=True)).to_pylist():
        nulls, first, last = (one.get(name) for name in ("null_count.rejected_because", "min.batch", "max.batch"))
        if nulls is not None and nulls == one.get("num_records"):
            continue
        if batch is not None and last is not None and not first <= batch <= last:
            continue
        files.setdefault(2**62 if last is None else last, []).append(one["path"])
    return sorted(files.items(), reverse=True)


def _shortened(part: pa.Table) -> pa.Table:
    size = pc.fill_null(pc.binary_length(part["raw"]), 0)
    raw = pc.binary_slice(part["raw"], 0, EXCERPT_BYTES)
    # A producer may write any number as its time, and Python knows no year after 9999.
    sent = part["kafka_timestamp"]
    known = pc.if_else(pc.less(sent.cast(pa.int64()), LAST_YEAR_US), sent, None)
    others = part.drop_columns(["raw", "kafka_timestamp"])
    return others.append_column("kafka_timestamp", known).append_column("raw", raw).append_column("size", size)


def _newest(tables: Iterable[pa.Table], most: int) -> pa.Table:
    return pa.concat_tables([one for one in tables if one.num_columns]).sort_by(_NEWEST_FIRST).slice(0, most)


def _message(row: Mapping[str, Any]) -> RejectedMessage:
    at = row["kafka_timestamp"]
    return RejectedMessage(
        batch=row["batch"],
        partition=row["partition"],
        offset=row["offset"],
        kafka_timestamp=at and at.astimezone(UTC),
        reason=row["rejected_because"],
        raw=row["raw"],
        size=row["size"],
    )


def reasons_of_batch(lake: Lake, batch: int) -> dict[str, int]:
    """How many messages of a batch were rejected for which reason, the most frequent first."""
    # A reason is never empty, and none is no match.
    found = read_rows(lake.look(RECORDS), ["rejected_because"], [("batch", "=", batch), ("rejected_because", "!=", "")])
    return most_frequent_first(Counter(found["rejected_because"].to_pylist()))
