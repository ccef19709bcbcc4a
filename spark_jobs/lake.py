"""The Delta tables of one pipeline: where they are, what columns they have, and how a batch gets in exactly once.

`records` grows with the input and is written by Spark; `checkpoints`, `contributions` and `daily_averages` stay small and are
written by delta-rs in the driver. One kind of writer per table, always: delta-rs records transaction versions without skipping
repeated ones, and Spark skips them without a word. The only file that knows Delta's options; what the columns mean is not
known here.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.dataset as ds
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

from spark_jobs.errors import TableDamaged

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

CHECKPOINTS, RECORDS, CONTRIBUTIONS, DAILY_AVERAGES = "checkpoints", "records", "contributions", "daily_averages"

_INSTANT = pa.timestamp("us", tz="UTC")
_VALUE, _SUM = pa.decimal128(18, 6), pa.decimal128(38, 6)
_RANGE = pa.struct([("partition", pa.int32()), ("start", pa.int64()), ("end", pa.int64())])
_COUNTS = pa.struct(
    [("partition", pa.int32()), ("read", pa.int64()), ("accepted", pa.int64()), ("rejected", pa.int64()), ("gaps", pa.int64())]
)

SCHEMAS: Mapping[str, pa.Schema] = {
    CHECKPOINTS: pa.schema(
        [
            pa.field("sequence", pa.int64(), nullable=False),
            pa.field("batch", pa.int64(), nullable=False),
            pa.field("state", pa.string(), nullable=False),
            ("run_id", pa.string()),
            pa.field("at", _INSTANT, nullable=False),
            ("topic_id", pa.string()),
            ("ranges", pa.list_(_RANGE)),
            ("counts", pa.list_(_COUNTS)),
            ("details", pa.string()),
        ]
    ),
    RECORDS: pa.schema(
        [
            ("partition", pa.int32()),
            ("offset", pa.int64()),
            ("kafka_timestamp", _INSTANT),
            ("key", pa.binary()),
            ("event_time", _INSTANT),
            ("date", pa.date32()),
            ("value", _VALUE),
            ("rounded_from", pa.string()),
            ("rejected_because", pa.string()),
            ("raw", pa.binary()),
            ("batch", pa.int64()),
        ]
    ),
    CONTRIBUTIONS: pa.schema(
        [
            ("batch", pa.int64()),
            ("partition", pa.int32()),
            ("date", pa.date32()),
            ("value_sum", _SUM),
            ("value_count", pa.int64()),
            ("value_min", _VALUE),
            ("value_max", _VALUE),
        ]
    ),
    DAILY_AVERAGES: pa.schema(
        [
            ("partition", pa.int32()),
            ("date", pa.date32()),
            ("value_sum", _SUM),
            ("value_count", pa.int64()),
            ("value_min", _VALUE),
            ("value_max", _VALUE),
            ("average", _VALUE),
            ("revision", pa.int64()),
            ("batch", pa.int64()),
        ]
    ),
}

_PROPERTIES: Mapping[str, Mapping[str, str]] = {
    # Verification reads these statistics instead of rows; the other columns would only make commits larger.
    RECORDS: {"delta.dataSkippingStatsColumns": "partition,offset,date,batch,rounded_from,rejected_because"},
}


class LostRace(Exception):
    """Another run committed the same step first; what it wrote decides."""


@dataclass(frozen=True)
class PartitionRows:
    """What `records` holds of one batch and partition; `first` and `last` are offsets."""

    partition: int
    read: int
    accepted: int
    rounded: int
    first: int
    last: int


@dataclass(frozen=True)
class Lake:
    """The four tables of a pipeline below `root`, a folder or a URI."""

    root: str
    pipeline: str

    def location(self, name: str) -> str:
        """Folder or URI of a table."""
        return f"{self.root.rstrip('/')}/{self.pipeline}/{name}"

    def exists(self, name: str) -> bool:
        return bool(DeltaTable.is_deltatable(self.location(name)))

    def open(self, name: str) -> DeltaTable:
        """The newest version of a table; `TableDamaged` if it is missing or its log cannot be read."""
        try:
            return DeltaTable(self.location(name))
        except TableNotFoundError:
            raise TableDamaged(name, f"missing at {self.location(name)}", "Restore it from a backup.") from None
        except DeltaError as error:
            raise TableDamaged(name, f"its log cannot be read ({error})", "Restore the log from a backup.") from error

    def create_missing(self) -> None:
        """Create the tables that do not exist yet, `checkpoints` last: it must not be there without the others."""
        for name in (RECORDS, CONTRIBUTIONS, DAILY_AVERAGES, CHECKPOINTS):
            properties = dict(_PROPERTIES.get(name, {}))
            DeltaTable.create(self.location(name), SCHEMAS[name], mode="ignore", name=name, configuration=properties)

    def ids(self) -> dict[str, str]:
        """Delta's own id of each table, which changes when a table is dropped and created again."""
        return {name: str(self.open(name).metadata().id) for name in (RECORDS, CONTRIBUTIONS, DAILY_AVERAGES)}

    def app(self, name: str) -> str:
        """Application id that batches are numbered under in the table's transaction log."""
        return f"{self.pipeline}/{name}"


def read_rows(table: DeltaTable, columns: Iterable[str] | None = None, where: ds.Expression | None = None) -> pa.Table:
    """Rows of an open table that match `where`, as Arrow; files are skipped by their statistics."""
    # One thread: with Arrow's pool, a normal interpreter exit after this aborted in one of ten runs.
    dataset = table.to_pyarrow_dataset()
    return dataset.to_table(columns=list(columns) if columns else None, filter=where, use_threads=False)


def append_once(table: DeltaTable, rows: pa.Table, *, app: str, version: int) -> None:
    """Append `rows` and the application's version in one commit, unless anyone else committed that application since
    `table` was opened: then `LostRace`. The handle is what makes this a compare-and-set.
    """
    require_schema(rows, SCHEMAS[table.metadata().name or ""])
    try:
        write_deltalake(table, rows, mode="append", commit_properties=_committed_as(app, version))
    except CommitFailedError as error:
        raise LostRace(str(error)) from error


def merge_averages(table: DeltaTable, rows: pa.Table, *, app: str, version: int) -> None:
    """Set each (partition, date) of `rows` to the values given, as batch `version`.

    Values are absolute, so repeating it changes nothing: the revision grows only where the stored batch is older, and
    rows of a later batch are left alone. `LostRace` if another run changed the table meanwhile.
    """
    require_schema(rows, SCHEMAS[DAILY_AVERAGES])
    values = {column: f"source.{column}" for column in rows.column_names if column not in ("partition", "date", "revision")}
    revision = "CASE WHEN target.batch < source.batch THEN target.revision + 1 ELSE target.revision END"
    merge = table.merge(
        rows,
        predicate="target.partition = source.partition AND target.date = source.date",
        source_alias="source",
        target_alias="target",
        commit_properties=_committed_as(app, version),
    )
    try:
        (
            merge.when_matched_update(predicate="target.batch <= source.batch", updates={**values, "revision": revision})
            .when_not_matched_insert_all()
            .execute()
        )
    except CommitFailedError as error:
        raise LostRace(str(error)) from error


def _committed_as(app: str, version: int) -> CommitProperties:
    return CommitProperties(app_transactions=[Transaction(app, version)])


def append_records(frame: "DataFrame", lake: Lake, batch: int) -> None:
    """Append a batch's records through Spark; Delta skips the commit silently if the batch is in the table's log already."""
    from delta.exceptions import ConcurrentTransactionException

    writer = frame.write.format("delta").mode("append").option("txnAppId", lake.app(RECORDS)).option("txnVersion", batch)
    try:
        writer.save(lake.location(RECORDS))
    except ConcurrentTransactionException as error:
        raise LostRace(str(error)) from error


def read_records(spark: "SparkSession", lake: Lake, batch: int) -> "DataFrame":
    """The records of one batch, for Spark."""
    return spark.read.format("delta").load(lake.location(RECORDS)).where(f"batch = {batch:d}")


def delete_records(spark: "SparkSession", lake: Lake, batch: int) -> None:
    """Delete the records of an abandoned batch, by the writer that wrote them."""
    from delta.tables import DeltaTable as SparkDeltaTable

    SparkDeltaTable.forPath(spark, lake.location(RECORDS)).delete(f"batch = {batch:d}")


def batch_rows(table: DeltaTable, batch: int) -> dict[int, PartitionRows]:
    """What an open `records` table holds of a batch, per partition; from file statistics where they are exact."""
    files = pa.table(table.get_add_actions(flatten=True))
    if files.num_rows == 0 or "min.batch" not in files.column_names:
        return {}
    low, high = files["min.batch"], files["max.batch"]
    touching = files.filter(pa.compute.and_(pa.compute.less_equal(low, batch), pa.compute.greater_equal(high, batch))).to_pylist()
    if all(_is_exact(file) for file in touching):
        return _summed(_rows_of_file(file) for file in touching)
    return _scanned(table, batch)


def _is_exact(file: Mapping[str, Any]) -> bool:
    """Whether the file's statistics speak of one batch and one partition, with every count in them."""
    counted = all(file.get(f"null_count.{name}") is not None for name in ("rejected_because", "rounded_from"))
    return counted and all(file[f"min.{name}"] == file[f"max.{name}"] for name in ("batch", "partition"))


def _rows_of_file(file: Mapping[str, Any]) -> PartitionRows:
    rows = file["num_records"]
    return PartitionRows(
        partition=file["min.partition"],
        read=rows,
        accepted=file["null_count.rejected_because"],
        rounded=rows - file["null_count.rounded_from"],
        first=file["min.offset"],
        last=file["max.offset"],
    )


def _scanned(table: DeltaTable, batch: int) -> dict[int, PartitionRows]:
    columns = ["partition", "offset", "rejected_because", "rounded_from"]
    rows = read_rows(table, columns, ds.field("batch") == batch)
    grouped = rows.group_by("partition", use_threads=False).aggregate(
        [
            ("offset", "count"),
            ("rejected_because", "count"),
            ("rounded_from", "count"),
            ("offset", "min"),
            ("offset", "max"),
        ]
    )
    return {
        row["partition"]: PartitionRows(
            partition=row["partition"],
            read=row["offset_count"],
            accepted=row["offset_count"] - row["rejected_because_count"],
            rounded=row["rounded_from_count"],
            first=row["offset_min"],
            last=row["offset_max"],
        )
        for row in grouped.to_pylist()
    }


def _summed(rows: Iterable[PartitionRows]) -> dict[int, PartitionRows]:
    total: dict[int, PartitionRows] = {}
    for row in rows:
        old = total.get(row.partition, PartitionRows(row.partition, 0, 0, 0, row.first, row.last))
        total[row.partition] = PartitionRows(
            partition=row.partition,
            read=old.read + row.read,
            accepted=old.accepted + row.accepted,
            rounded=old.rounded + row.rounded,
            first=min(old.first, row.first),
            last=max(old.last, row.last),
        )
    return total


def require_schema(rows: pa.Table, schema: pa.Schema) -> None:
    """Raise `TypeError` that lists every difference between the rows' columns and the table's."""
    found = {field.name: field.type for field in rows.schema}
    wanted = {field.name: field.type for field in schema}
    differences = [
        f"{name}: {found.get(name, 'missing')} instead of {wanted.get(name, 'nothing')}"
        for name in sorted(found.keys() | wanted.keys())
        if found.get(name) != wanted.get(name)
    ]
    if differences:
        raise TypeError("; ".join(differences))
