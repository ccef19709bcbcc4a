"""The files of the table `records`: written by Spark, committed in the driver, counted by their statistics where those are exact.

Spark writes plain Parquet files into a folder that is new for every attempt, so whatever a killed or frozen run left there is
part of no table. Only the commit counts, and it can happen once per batch. Statistics come from the files' own footers, which a
file that was cut short does not have.
"""

import json
import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.fs as pa_fs
import pyarrow.parquet as pq
from deltalake import DeltaTable
from deltalake.transaction import AddAction

from spark_jobs.base.errors import TryAgain
from spark_jobs.base.faults import fault
from spark_jobs.lake.rows import read_batches
from spark_jobs.lake.schemas import FILTERED, RECORDS
from spark_jobs.lake.storage import files_below
from spark_jobs.lake.tables import Lake, committed_as, committing, require_schema
from spark_jobs.progress.offsets import OffsetRange

_COUNTED = (
    *("num_records", "null_count.rejected_because", "null_count.rounded_from"),
    *(f"{bound}.{column}" for column in ("batch", "partition", "offset") for bound in ("min", "max")),
)


@dataclass(frozen=True)
class PartitionRows:
    """What `records` holds of one batch and partition; `first` and `last` are offsets,
    and `filtered` records are neither accepted nor rejected.
    """

    partition: int
    read: int
    accepted: int
    rounded: int
    first: int
    last: int
    filtered: int = 0

    @property
    def rejected(self) -> int:
        return self.read - self.accepted - self.filtered


def new_folder(batch: int) -> str:
    """A folder below the table's for the files of one attempt to write a batch's records."""
    return f"batch-{batch:08d}-{uuid.uuid4().hex}"


def written_files(lake: Lake, folder: str) -> list[AddAction]:
    """The files of an attempt that is over, each with its statistics, not yet part of the table.

    Raises `TypeError` if a file has not the table's columns, which a commit of finished files would not notice.
    """
    fault("before:records_footers")
    storage = files_below(lake.location(RECORDS))
    found = storage.get_file_info(pa_fs.FileSelector(folder, allow_not_found=True))
    files = [(one, _footer(one, storage)) for one in found if one.path.endswith(".parquet")]
    for _, footer in files:
        require_schema(footer.schema.to_arrow_schema(), lake.layout.schemas[RECORDS])
    columns = lake.layout.with_statistics
    return [_add_action(file, footer, columns) for file, footer in files if footer.num_rows]


def _footer(file: pa_fs.FileInfo, storage: pa_fs.FileSystem) -> pq.FileMetaData:
    try:
        return pq.read_metadata(file.path, filesystem=storage)
    except pa.ArrowInvalid as error:
        raise TryAgain(f"{file.path} was cut short while Spark wrote it ({error}); make sure of room and run again") from error


def _add_action(file: pa_fs.FileInfo, footer: pq.FileMetaData, columns: Collection[str]) -> AddAction:
    modified = 0 if file.mtime_ns is None else file.mtime_ns // 1_000_000
    return AddAction(file.path, file.size, {}, modified, data_change=True, stats=json.dumps(_statistics(footer, columns)))


def _statistics(footer: pq.FileMetaData, counted: Collection[str]) -> dict[str, Any]:
    """In Delta's words: rows, and per counted column the nulls, the least and the greatest value."""
    positions = {name: place for place, name in enumerate(footer.schema.names) if name in counted}
    groups = [footer.row_group(number) for number in range(footer.num_row_groups)]
    columns = {name: [group.column(place).statistics for group in groups] for name, place in positions.items()}
    bounded = {name: [one for one in parts if one.has_min_max] for name, parts in columns.items()}
    return {
        "numRecords": footer.num_rows,
        "nullCount": {name: sum(one.null_count for one in parts) for name, parts in columns.items()},
        "minValues": {name: _json_value(min(one.min for one in parts)) for name, parts in bounded.items() if parts},
        "maxValues": {name: _json_value(max(one.max for one in parts)) for name, parts in bounded.items() if parts},
    }


def _json_value(value: Any) -> Any:
    return value if isinstance(value, (int, str)) else value.isoformat()


def files_of_batches(lake: Lake, first: int, last: int) -> list[str]:
    """Where the files are that may hold records of these batches, and those of others with them."""
    return [f"{lake.location(RECORDS)}/{file['path']}" for file in _files(lake.look(RECORDS), first, last)]


def delete_batch(table: DeltaTable, batch: int, *, app: str) -> None:
    """Delete the records of an abandoned batch; `LostRace` if another run changed the table meanwhile.

    Numbered like every commit of the job, so that it can be told from what others did to the table.
    """
    with committing(table):
        table.delete(f"batch = {batch:d}", commit_properties=committed_as(app, batch))


class BatchTotals(NamedTuple):
    """Records of a batch."""

    read: int
    accepted: int
    filtered: int


def batch_totals(table: DeltaTable, batch: int) -> BatchTotals:
    """What an open `records` table holds of a batch; by statistics where each of its files holds one batch."""
    files, filters = _files(table, batch, batch), filters_records(table)
    counted = all(_is_counted(file, filters=filters) and _is_one(file, "batch") for file in files)
    rows = list(map(_rows_of_file, files)) if counted else _scanned(table, batch).values()
    return BatchTotals(*(sum(getattr(one, name) for one in rows) for name in BatchTotals._fields))


def batch_rows(table: DeltaTable, batch: int) -> dict[int, PartitionRows]:
    """What an open `records` table holds of a batch, per partition;
    by statistics where each of its files holds one batch and partition.
    """
    files = _files(table, batch, batch)
    filters = filters_records(table)
    if all(_is_counted(file, filters=filters) and _is_one(file, "batch") and _is_one(file, "partition") for file in files):
        return _summed(_rows_of_file(file) for file in files)
    return _scanned(table, batch)


def offsets_held(table: DeltaTable, batch: int, ranges: Sequence[OffsetRange]) -> dict[int, npt.NDArray[np.bool_]]:
    """Of each offset of these ranges of a batch, by partition, whether an open `records` table holds it; it holds none outside.

    All ranges in one pass, because partitions share files, and in one array, with a place to which each partition is shifted.
    """
    ends = np.cumsum([one.span for one in ranges])
    shift = np.zeros(max(one.partition for one in ranges) + 1, dtype=np.int64)
    for one, end in zip(ranges, ends, strict=True):
        shift[one.partition] = end - one.end
    held = np.zeros(ends[-1], dtype=bool)
    where = [("batch", "=", batch), ("partition", "in", [one.partition for one in ranges])]
    for part in read_batches(table, ["partition", "offset"], where):
        held[part["offset"].to_numpy() + shift[part["partition"].to_numpy()]] = True
    return {one.partition: part for one, part in zip(ranges, np.split(held, ends[:-1]), strict=True)}


def _files(table: DeltaTable, first: int, last: int) -> list[dict[str, Any]]:
    """The files that may hold records of these batches, with the statistics that they have."""
    files = pa.table(table.get_add_actions(flatten=True))
    if "min.batch" in files.column_names:
        touching = pc.and_(pc.less_equal(files["min.batch"], last), pc.greater_equal(files["max.batch"], first))
        # Of a file without statistics nobody knows the batches.
        files = files.filter(pc.fill_null(touching, fill_value=True))
    rows: list[dict[str, Any]] = files.to_pylist()
    return rows


def filters_records(table: DeltaTable) -> bool:
    """Whether there may be records that count in no aggregate."""
    return any(field.name == FILTERED for field in table.schema().fields)


def _is_counted(file: Mapping[str, Any], *, filters: bool) -> bool:
    """Whether every count, and every bound that is told, is among the file's statistics."""
    return all(file.get(name) is not None for name in _COUNTED) and (not filters or filtered_in(file) is not None)


def filtered_in(file: Mapping[str, Any]) -> int | None:
    """How many of a file's records are filtered, if its statistics tell: where all that are not rejected are, or none is."""
    if any(file.get(name) is None for name in ("num_records", "null_count.rejected_because")):
        return None
    some, every = (file.get(f"{bound}.{FILTERED}") for bound in ("max", "min"))
    valid = file["num_records"] - (file.get(f"null_count.{FILTERED}") or 0)
    if file["null_count.rejected_because"] == 0 or some in (False, "false"):
        return 0
    return valid if every in (True, "true") else None


def _is_one(file: Mapping[str, Any], column: str) -> bool:
    """Of a file that is counted."""
    return bool(file[f"min.{column}"] == file[f"max.{column}"])


def _rows_of_file(file: Mapping[str, Any]) -> PartitionRows:
    rows, filtered = file["num_records"], filtered_in(file) or 0
    return PartitionRows(
        partition=file["min.partition"],
        read=rows,
        accepted=file["null_count.rejected_because"] - filtered,
        filtered=filtered,
        rounded=rows - file["null_count.rounded_from"],
        first=file["min.offset"],
        last=file["max.offset"],
    )


def _scanned(table: DeltaTable, batch: int) -> dict[int, PartitionRows]:
    columns = ["partition", "offset", "rejected_because", "rounded_from", *([FILTERED] if filters_records(table) else [])]
    parts = read_batches(table, columns, [("batch", "=", batch)])
    return _summed(row for part in parts for row in _rows_of_part(pa.Table.from_batches([part])))


def _rows_of_part(part: pa.Table) -> Iterator[PartitionRows]:
    filtered = part[FILTERED].cast(pa.int64()) if FILTERED in part.column_names else pa.nulls(part.num_rows, pa.int64())
    part = part.append_column("filtered_rows", filtered)
    grouped = part.group_by("partition", use_threads=False).aggregate(
        [
            ("offset", "count"),
            ("rejected_because", "count"),
            ("rounded_from", "count"),
            ("filtered_rows", "sum"),
            ("offset", "min"),
            ("offset", "max"),
        ]
    )
    for row in grouped.to_pylist():
        filtered = row["filtered_rows_sum"] or 0
        yield PartitionRows(
            partition=row["partition"],
            read=row["offset_count"],
            accepted=row["offset_count"] - row["rejected_because_count"] - filtered,
            filtered=filtered,
            rounded=row["rounded_from_count"],
            first=row["offset_min"],
            last=row["offset_max"],
        )


def _summed(rows: Iterable[PartitionRows]) -> dict[int, PartitionRows]:
    total: dict[int, PartitionRows] = {}
    for row in rows:
        old = total.get(row.partition, PartitionRows(row.partition, 0, 0, 0, row.first, row.last))
        total[row.partition] = PartitionRows(
            partition=row.partition,
            read=old.read + row.read,
            accepted=old.accepted + row.accepted,
            rounded=old.rounded + row.rounded,
            filtered=old.filtered + row.filtered,
            first=min(old.first, row.first),
            last=max(old.last, row.last),
        )
    return total
