"""What an audit reads of the tables: the checkpoints as a ledger, counts of `records`, the rows of the small tables, their health.

Counts come from the statistics in the table's log wherever those are exact, so nothing that grows with the input is read. Raises
`TableDamaged` or one of `audit_findings.UNREADABLE`; what the numbers mean is decided elsewhere.
"""

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.fs as pa_fs
from deltalake import DeltaTable, QueryBuilder
from deltalake.fs import DeltaStorageHandler

from spark_jobs.audit_findings import RESTORE, Difference, difference
from spark_jobs.audit_ledger import Ledger, read_ledger
from spark_jobs.audit_tables import Found, Row
from spark_jobs.checkpoints import CheckpointLog
from spark_jobs.errors import TableDamaged
from spark_jobs.lake import CHECKPOINTS, RECORDS, SCHEMAS, Lake, read_rows

SHOWN = 3


FORBIDDEN = {
    "delta.setTransactionRetentionDuration": (),
    "delta.enableDeletionVectors": ("false",),
    "delta.columnMapping.mode": ("none",),
    "delta.checkpointPolicy": ("classic",),
}
"""Properties that make a table forget batches or shut out other readers, each with the values that do not."""

_EXACT = (
    "num_records",
    "null_count.rejected_because",
    "min.batch",
    "max.batch",
    "min.partition",
    "max.partition",
    "min.offset",
    "max.offset",
)


def stored_ledger(lake: Lake) -> Ledger:
    """The checkpoints, folded."""
    table = lake.open(CHECKPOINTS)
    require_files(lake, CHECKPOINTS, table)
    sequences = read_rows(table, ["sequence"])["sequence"].to_pylist()
    try:
        rows = CheckpointLog(lake).rows
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise TableDamaged(CHECKPOINTS, f"a row cannot be understood ({error!r})", RESTORE) from error
    return read_ledger(sequences, rows, lake.known_batch(table))


def record_counts(lake: Lake) -> dict[tuple[int, int], Found]:
    """Rows of `records` per batch and partition."""
    table = lake.open(RECORDS)
    require_files(lake, RECORDS, table)
    files = pa.table(table.get_add_actions(flatten=True))
    rows = _counted_by_statistics(files) if _are_exact(files) else _counted_by_query(table)
    return {(row["batch"], row["partition"]): Found(row["read"], row["accepted"], row["first"], row["last"]) for row in rows}


def _are_exact(files: pa.Table) -> bool:
    """Whether each file speaks of one batch and one partition, and has every count. A file is written like that."""
    if not set(_EXACT) <= set(files.column_names) or any(files[name].null_count for name in _EXACT):
        return bool(files.num_rows == 0)
    return all(files[f"min.{name}"].equals(files[f"max.{name}"]) for name in ("batch", "partition"))


def _counted_by_statistics(files: pa.Table) -> list[Row]:
    if not files.num_rows:
        return []
    grouped = files.group_by(["min.batch", "min.partition"], use_threads=False).aggregate(
        [("num_records", "sum"), ("null_count.rejected_because", "sum"), ("min.offset", "min"), ("max.offset", "max")]
    )
    rows: list[Row] = grouped.rename_columns(["batch", "partition", "read", "accepted", "first", "last"]).to_pylist()
    return rows


def _counted_by_query(table: DeltaTable) -> list[Row]:
    """For files that hold several batches, as an OPTIMIZE leaves them."""
    sql = """
        SELECT batch, partition, count(*) AS read, count(*) - count(rejected_because) AS accepted,
               min("offset") AS first, max("offset") AS last
        FROM records GROUP BY batch, partition"""
    rows: list[Row] = query(table, sql).read_all().to_pylist()
    return rows


def small_table(lake: Lake, name: str) -> list[Row]:
    """All rows of `contributions` or `daily_averages`."""
    table = lake.open(name)
    require_files(lake, name, table)
    rows: list[Row] = read_rows(table).to_pylist()
    return rows


def require_files(lake: Lake, name: str, table: DeltaTable) -> None:
    """Raise `TableDamaged` if a file that the table consists of is gone or has not its length any more."""
    storage = pa_fs.PyFileSystem(DeltaStorageHandler(lake.location(name)))
    found = {one.path: one.size for one in storage.get_file_info(pa_fs.FileSelector("", recursive=True))}
    files = pa.table(table.get_add_actions(flatten=True)).select(["path", "size_bytes"]).to_pylist()
    wrong = [one for one in files if "://" not in one["path"] and found.get(one["path"]) != one["size_bytes"]]
    if wrong:
        shown = ", ".join(_file(one, found) for one in wrong[:SHOWN])
        raise TableDamaged(name, f"{len(wrong)} of its {len(files)} files are missing or cut: {shown}", RESTORE)


def _file(one: dict[str, Any], found: dict[str, int | None]) -> str:
    size = found.get(one["path"])
    is_now = "is missing" if size is None else f"has {size} of {one['size_bytes']} bytes"
    return f"{PurePosixPath(one['path']).name} {is_now}"


def query(table: DeltaTable, sql: str) -> pa.RecordBatchReader:
    """Rows of a query over one table, called `records` in it, as a stream: memory does not grow with the table."""
    return pa.RecordBatchReader.from_stream(QueryBuilder().register("records", table).execute(sql))


def check_health(lake: Lake, ids: Mapping[str, str]) -> Iterator[Difference]:
    """What has to hold of every table whatever is in it: the id of the last plan, its columns, nothing that other readers do not know."""
    for name in SCHEMAS:
        try:
            table = lake.open(name)
        except TableDamaged:
            continue
        yield from _check_table(lake, name, table, ids.get(name))


def _check_table(lake: Lake, name: str, table: DeltaTable, planned_id: str | None) -> Iterator[Difference]:
    where, metadata = f"table {name}", table.metadata()
    if planned_id not in (None, str(metadata.id)):
        yield difference(where, f"it was dropped and created again: its id is {metadata.id}, the last plan has {planned_id}")
    columns = dict.fromkeys(field.name for field in table.schema().fields)
    if list(columns) != SCHEMAS[name].names:
        yield difference(where, f"its columns are {', '.join(columns)}, they should be {', '.join(SCHEMAS[name].names)}")
    if _is_hollow(lake, name, table):
        yield difference(where, f"its newest commit (version {table.version()}) is an empty file, so what it said is lost")
    yield from _forbidden(where, table)


def _is_hollow(lake: Lake, name: str, table: DeltaTable) -> bool:
    """Whether the newest commit's file has no content, as a power cut leaves it; readers take that for a commit of nothing."""
    storage = pa_fs.PyFileSystem(DeltaStorageHandler(lake.location(name)))
    (newest,) = storage.get_file_info([f"_delta_log/{table.version():020d}.json"])
    return newest.type == pa_fs.FileType.File and not newest.size


def _forbidden(where: str, table: DeltaTable) -> Iterator[Difference]:
    for name, value in sorted(table.metadata().configuration.items()):
        if name in FORBIDDEN and value not in FORBIDDEN[name]:
            yield difference(
                where, f"its property {name} is {value}", f"Take it off: ALTER TABLE ... UNSET TBLPROPERTIES ('{name}')."
            )
    protocol = table.protocol()
    if protocol.min_reader_version != 1:
        features = ", ".join(protocol.reader_features or []) or "no features"
        told = f"it needs readers of protocol version {protocol.min_reader_version} ({features}), others cannot read it any more"
        yield difference(where, told, "Drop the table feature with Delta's own command, or bring the table back from a backup.")
