"""The upkeep of one table: small files into larger ones, files that nobody needs out, its log shortened.

Each step leaves a table that says the same in more or fewer files. Killed inside a compaction: files that no version names, the
next VACUUM takes them. Killed inside a VACUUM: some of the unneeded files are gone, the next one takes the rest. Killed around
the log's checkpoint: the commits it sums up are only deleted once the disk has it.
"""

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.fs as pa_fs

from spark_jobs.base.errors import TableDamaged
from spark_jobs.base.faults import fault
from spark_jobs.base.location import in_sql
from spark_jobs.base.wording import counted
from spark_jobs.lake.delta_log import LOG_FOLDER
from spark_jobs.lake.durability import sync_commits
from spark_jobs.lake.rows import count_rows
from spark_jobs.lake.storage import files_below
from spark_jobs.lake.tables import Lake, committing, maintained
from spark_jobs.maintenance.retention import RETENTION, vacuum_hours

SMALL_BYTES = 100 * 2**20
"""What delta-rs compacts to, unless the table's property `delta.targetFileSize` says otherwise: larger files stay as they are."""


@dataclass(frozen=True)
class TableSize:
    """What the newest version of a table consists of; `small` of its `files` are smaller than what a compaction makes.

    `log_files` are what lies in its log.
    """

    files: int
    small: int
    bytes: int
    rows: int
    log_files: int


def size_of(lake: Lake, name: str) -> TableSize:
    """Taken from the table's log; no file is opened, unless its statistics do not say how many rows it has."""
    table = lake.open(name)
    files = pa.table(table.get_add_actions(flatten=True))
    sizes: list[int] = files["size_bytes"].to_pylist()
    log = files_below(lake.location(name)).get_file_info(pa_fs.FileSelector(LOG_FOLDER))
    small = sum(size < SMALL_BYTES for size in sizes)
    return TableSize(len(sizes), small, sum(sizes), count_rows(table), len(log))


def compact(lake: Lake, name: str) -> None:
    """Put small files together; `LostRace` if another writer changed the table meanwhile, `TableDamaged` if rows went missing."""
    table = lake.open(name)
    version, rows = table.version(), count_rows(table)
    fault(f"before:compact_{name}")
    with committing(table):
        table.optimize.compact(commit_properties=maintained(lake))
    fault(f"after:compact_{name}")
    found = count_rows(lake.open(name))
    if found < rows:
        sentence = f"it holds {counted(found, 'row')} after its files were put together, before it held {rows:,}"
        raise TableDamaged(name, sentence, back_to(lake, name, version))


def back_to(lake: Lake, name: str, version: int) -> str:
    """How to take back what went wrong here: nothing that the version consisted of has been deleted yet."""
    return f"Take it back in Spark: RESTORE TABLE {in_sql(lake.location(name))} TO VERSION AS OF {version}."


@dataclass(frozen=True)
class Unneeded:
    """How old files have to be to go, and those that are: paths below the table, and their bytes together.

    Not `full`: only files that were part of the table once; what a writer may still be about to commit is left where it is.
    """

    hours: int
    full: bool
    paths: tuple[str, ...]
    bytes: int


def find_unneeded(lake: Lake, name: str, configured_hours: int, *, full: bool) -> Unneeded:
    """What a VACUUM would delete now."""
    table = lake.open(name)
    hours = vacuum_hours(configured_hours, table.metadata().configuration.get(RETENTION))
    named = files_below(lake.location(name)).get_file_info(table.vacuum(hours, dry_run=True, full=full))
    # The log also names files that an earlier VACUUM has deleted.
    files = [one for one in named if one.type == pa_fs.FileType.File]
    return Unneeded(hours, full, tuple(one.path for one in files), sum(one.size for one in files))


def vacuum(lake: Lake, name: str, unneeded: Unneeded) -> None:
    """Delete what no version of the last hours needs; nothing is written if there is nothing to delete."""
    fault(f"before:vacuum_{name}")
    if unneeded.paths:
        table = lake.open(name)
        with committing(table):
            table.vacuum(unneeded.hours, dry_run=False, full=unneeded.full, commit_properties=maintained(lake))
    fault(f"after:vacuum_{name}")


def shorten_log(lake: Lake, name: str) -> None:
    """Sum the log up in a checkpoint, then delete what is older than the table's log retention (Delta's default: 30 days)."""
    table = lake.open(name)
    fault(f"before:log_checkpoint_{name}")
    table.create_checkpoint()
    # On the disk before the commits that it sums up are deleted.
    sync_commits(table.table_uri, table.version() - 1)
    fault(f"before:log_cleanup_{name}")
    lake.open(name).cleanup_metadata()
    fault(f"after:log_cleanup_{name}")
