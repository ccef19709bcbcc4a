"""What an audit reads of the tables: the checkpoints as a ledger, counts of `records`, the rows of the small tables, their
health.

Counts come from the statistics in the table's log where those are exact, so nothing that grows with the input is read; else the
rows are counted as a stream, whose memory does not grow. Raises `TableDamaged` or one of `findings.UNREADABLE`; what the numbers
mean is decided elsewhere.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable, QueryBuilder

from spark_jobs.aggregates.states import Row
from spark_jobs.audit.findings import RESTORE, Difference, as_difference, difference
from spark_jobs.audit.ledger import Ledger
from spark_jobs.audit.ledger_fold import read_ledger
from spark_jobs.audit.tables import Found
from spark_jobs.base.errors import TableDamaged
from spark_jobs.lake.checkpoint_log import CheckpointLog
from spark_jobs.lake.health import form_problems
from spark_jobs.lake.record_files import filtered_in
from spark_jobs.lake.rows import read_rows, require_files
from spark_jobs.lake.schemas import CHECKPOINTS, RECORDS
from spark_jobs.lake.tables import Lake

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
    require_files(lake, CHECKPOINTS, table, 0)
    sequences = read_rows(table, ["sequence"])["sequence"].to_pylist()
    try:
        rows = CheckpointLog(lake).rows
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise TableDamaged(CHECKPOINTS, f"a row cannot be understood ({error!r})", RESTORE) from error
    return read_ledger(sequences, rows, lake.known_batch(table))


@dataclass(frozen=True)
class RecordCounts:
    """One version of `records`: what it holds per batch and partition, and the batch up to which it was pruned, 0 if never."""

    found: Mapping[tuple[int, int], Found]
    pruned: int


def record_counts(lake: Lake) -> RecordCounts:
    """Rows of `records`, counted."""
    table = lake.open(RECORDS)
    require_files(lake, RECORDS, table, 0)
    files = pa.table(table.get_add_actions(flatten=True))
    filters = lake.layout.filters
    rows = _counted_by_statistics(files) if _are_exact(files, filters=filters) else _counted_by_query(table, filters=filters)
    found = {
        (row["batch"], row["partition"]): Found(row["read"], row["accepted"], row["first"], row["last"], row["filtered"])
        for row in rows
    }
    return RecordCounts(found, lake.pruned_batch(table))


def _are_exact(files: pa.Table, *, filters: bool) -> bool:
    """Whether each file speaks of one batch and one partition, and has every count.
    So they are written, unless partitions share a file, or some of its records are filtered.
    """
    if filters and any(filtered_in(one) is None for one in files.to_pylist()):
        return False
    if not set(_EXACT) <= set(files.column_names) or any(files[name].null_count for name in _EXACT):
        return bool(files.num_rows == 0)
    return all(files[f"min.{name}"].equals(files[f"max.{name}"]) for name in ("batch", "partition"))


def _counted_by_statistics(files: pa.Table) -> list[Row]:
    if not files.num_rows:
        return []
    filtered = pa.array([filtered_in(one) or 0 for one in files.to_pylist()], pa.int64())
    accepted = pc.subtract(files["null_count.rejected_because"].cast(pa.int64()), filtered)
    counted = files.append_column("filtered", filtered).append_column("accepted", accepted)
    grouped = counted.group_by(["min.batch", "min.partition"], use_threads=False).aggregate(
        [("num_records", "sum"), ("accepted", "sum"), ("min.offset", "min"), ("max.offset", "max"), ("filtered", "sum")]
    )
    rows: list[Row] = grouped.rename_columns(["batch", "partition", "read", "accepted", "first", "last", "filtered"]).to_pylist()
    return rows


def _counted_by_query(table: DeltaTable, *, filters: bool) -> list[Row]:
    """For files that hold several partitions, or several batches, as an OPTIMIZE leaves them."""
    filtered = "sum(CASE WHEN filtered THEN 1 ELSE 0 END)" if filters else "0"
    sql = f"""
        SELECT batch, partition, count(*) AS read, count(*) - count(rejected_because) - {filtered} AS accepted,
               min("offset") AS first, max("offset") AS last, {filtered} AS filtered
        FROM records GROUP BY batch, partition"""
    rows: list[Row] = query(table, sql).read_all().to_pylist()
    return rows


def small_table(lake: Lake, name: str) -> list[Row]:
    """All rows of a table of contributions or totals."""
    table = lake.open(name)
    require_files(lake, name, table, 0)
    rows: list[Row] = read_rows(table).to_pylist()
    return rows


def query(table: DeltaTable, sql: str) -> pa.RecordBatchReader:
    """Rows of a query over one table, called `records` in it, as a stream: memory does not grow with the table."""
    return pa.RecordBatchReader.from_stream(QueryBuilder().register("records", table).execute(sql))


def check_health(lake: Lake, ids: Mapping[str, str]) -> Iterator[Difference]:
    """What has to hold of every table whatever is in it: its log and form, and the id that it had in the last plan."""
    try:
        for problem in form_problems(lake):
            yield as_difference(problem)
    except TableDamaged as damage:
        yield as_difference(damage)
    for name, planned in ids.items():
        found = _id(lake, name)
        if found not in (None, planned):
            what = f"it was dropped and created again: its id is {found}, the last plan has {planned}"
            yield difference(f"table {name}", what)


def _id(lake: Lake, name: str) -> str | None:
    """Delta's id of the table, None if it cannot be opened, which is reported elsewhere."""
    try:
        return str(lake.open(name).metadata().id)
    except TableDamaged:
        return None
