"""Reading the rows of a Delta table, through delta-rs in the driver: only files that may hold what is asked for, and only whole
ones.

A file that is gone or damaged is `TableDamaged`, never fewer rows.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError, DeltaProtocolError

from spark_jobs.base.errors import TableDamaged
from spark_jobs.base.outages import innermost_cause
from spark_jobs.base.wording import counted
from spark_jobs.lake.storage import files_below
from spark_jobs.lake.tables import Lake

READER = 1
"""Tables of a later reader version may hold rows that their files alone do not tell of."""

Condition = tuple[str, str, Any]
"""A column, one of `=`, `!=`, `<`, `<=`, `>`, `>=`, `in` and `not in`, and what it is compared with."""


def read_rows(table: DeltaTable, columns: Iterable[str] | None = None, where: Sequence[Condition] = ()) -> pa.Table:
    """Rows of an open table that meet every condition, as Arrow; files are skipped by their statistics."""
    with _reading(table):
        return _scanner(table, columns, where).to_table()


def read_batches(table: DeltaTable, columns: Iterable[str], where: Sequence[Condition]) -> Iterator[pa.RecordBatch]:
    """The same as a stream, for what would not fit into memory."""
    with _reading(table):
        yield from _scanner(table, columns, where).to_batches()


def rows_of_files(table: DeltaTable, paths: Sequence[str], columns: Sequence[str], where: ds.Expression) -> Iterator[pa.Table]:
    """Rows of these files of an open table that meet the condition, in parts."""
    with _reading(table):
        files = ds.dataset(list(paths), schema=_schema(table), filesystem=files_below(table.table_uri), format="parquet")
        for part in files.scanner(columns=list(columns), filter=where, use_threads=False).to_batches():
            if part.num_rows:
                yield pa.Table.from_batches([part])


def count_rows(table: DeltaTable) -> int:
    """Rows of an open table, by the statistics in its log where every file has them."""
    files = pa.table(table.get_add_actions(flatten=True))
    if "num_records" not in files.column_names or files["num_records"].null_count:
        with _reading(table):
            return int(_scanner(table, None, ()).count_rows())
    return int(pc.sum(files["num_records"]).as_py() or 0)


def _scanner(table: DeltaTable, columns: Iterable[str] | None, where: Sequence[Condition]) -> ds.Scanner:
    # Arrow alone would skip files, too, but only after each of a thousand has cost a third of a millisecond.
    files = _dataset(table, table.file_uris(file_pruning_predicate=list(where) or None))
    rows = pq.filters_to_expression(list(where)) if where else None
    # One thread: with Arrow's pool, a normal interpreter exit after this aborted in one of ten runs.
    return files.scanner(columns=list(columns) if columns else None, filter=rows, use_threads=False)


def _dataset(table: DeltaTable, uris: Iterable[str]) -> ds.FileSystemDataset:
    """Files of the table, of which Arrow knows nothing in advance. In a dataset of delta-rs it is told that a column without
    bounds is `>= null`, and a filter on that column then takes no row of the file (seen with delta-rs 1.6.6).
    """
    if (needed := table.protocol().min_reader_version) > READER:
        raise DeltaProtocolError(f"it needs reader version {needed}")
    # delta-rs names files of this machine without the scheme.
    above = table.table_uri.removeprefix("file://")
    storage, form = files_below(table.table_uri), ds.ParquetFileFormat()
    fragments = [form.make_fragment(one.removeprefix(above), filesystem=storage) for one in uris]
    return ds.FileSystemDataset(fragments, _schema(table), form, filesystem=storage)


def _schema(table: DeltaTable) -> pa.Schema:
    return pa.schema(table.schema().to_arrow())


@contextmanager
def _reading(table: DeltaTable) -> Iterator[None]:
    try:
        yield
    except (FileNotFoundError, pa.ArrowException) as error:
        raise _unreadable(table, error) from error
    except DeltaError as error:
        cause = innermost_cause(str(error))
        raise TableDamaged(
            str(table.metadata().name), f"it cannot be read ({cause})", "Bring back the newest copy of the table."
        ) from error
    except OSError as error:
        # What the file system refuses has a number, what is no Parquet file has none.
        if error.errno:
            raise
        raise _unreadable(table, error) from error


def _unreadable(table: DeltaTable, error: Exception) -> TableDamaged:
    cause = innermost_cause(str(error))
    return TableDamaged(str(table.metadata().name), f"a file of it cannot be read ({cause})", "Bring the file back from a copy.")


def require_files(lake: Lake, name: str, table: DeltaTable, since_batch: int) -> None:
    """Raise `TableDamaged` if a file that may hold rows of the batch or a later one is gone or has not its length any more."""
    files = pa.table(table.get_add_actions(flatten=True))
    if "max.batch" in files.column_names:
        # Of a file without statistics nobody knows the batches.
        files = files.filter(pc.fill_null(pc.greater_equal(files["max.batch"], since_batch), fill_value=True))
    sizes = dict(zip(files["path"].to_pylist(), files["size_bytes"].to_pylist(), strict=True))
    for one in files_below(lake.location(name)).get_file_info(list(sizes)):
        if one.size != sizes[one.path]:
            found = "is missing" if one.size is None else f"has {one.size:,} of {counted(sizes[one.path], 'byte')}"
            raise TableDamaged(name, f"its file {one.path} {found}", "Bring the file back from a copy.")
