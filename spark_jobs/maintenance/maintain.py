"""Maintenance of a pipeline's tables, under the lock of its runs: old records pruned, small files put together, unneeded ones
deleted, logs shortened. `maintain` is the story; `preview_maintenance` says what it would do.

Nothing that counts changes: contributions, averages and the rows of the checkpoints stay for ever. All is done by delta-rs in
this process, without Spark. Killed anywhere, the tables are whole and the next maintenance goes on.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from deltalake.exceptions import DeltaError

from spark_jobs.base.errors import Superseded, TryAgain
from spark_jobs.base.lock import hold_lock
from spark_jobs.base.outages import outage
from spark_jobs.base.wording import counted
from spark_jobs.lake import health
from spark_jobs.lake.checkpoint_log import CheckpointLog
from spark_jobs.lake.stored import stored_lake
from spark_jobs.lake.tables import Lake, LostRace
from spark_jobs.maintenance.pruning import Prunable, find_prunable, prune, require_proven
from spark_jobs.maintenance.retention import last_prunable
from spark_jobs.maintenance.upkeep import TableSize, Unneeded, compact, find_unneeded, shorten_log, size_of, vacuum
from spark_jobs.pipeline.settings import Pipeline

log = logging.getLogger("dayfold")


@dataclass(frozen=True)
class TableMaintenance:
    """What became of one table; `after` is None where nothing was done. `vacuumed` are files of no version, with their bytes."""

    table: str
    before: TableSize
    after: TableSize | None
    vacuumed_files: int
    vacuumed_bytes: int


@dataclass(frozen=True)
class Maintenance:
    """What was done, or would be (`dry_run`). `unfinished` is a batch on whose account files that were never part of a table
    stay.
    """

    pipeline: str
    dry_run: bool
    pruned: Prunable | None
    unfinished: int | None
    tables: tuple[TableMaintenance, ...]


@dataclass(frozen=True)
class Work:
    """What one maintenance is about, found out before anything is changed."""

    pipeline: Pipeline
    lake: Lake
    unfinished: int | None
    pruned: Prunable | None


def maintain(pipeline: Pipeline, *, now: datetime) -> Maintenance:
    """Do all that is due as of `now`. `PipelineBusy` while a run is at work, `DecisionNeeded` if the tables are not whole."""
    with _errors_of_ours(), hold_lock(pipeline.lock, pipeline=pipeline.name, run_id="maintenance"):
        work = _look(pipeline, now)
        if work is None:
            return Maintenance(pipeline.name, False, None, None, ())
        for name in work.lake.names:
            # A run may have died before the disk had what it wrote, and what is built on that would be lost with it.
            work.lake.keep(name)
        before = {name: size_of(work.lake, name) for name in work.lake.names}
        if work.pruned:
            require_proven(work.lake, work.pruned)
            prune(work.lake, work.pruned)
            log.info("pruned   %s, up to batch %d", counted(work.pruned.rows, "record"), work.pruned.batch)
        tables = tuple(_keep(work, name, before[name]) for name in work.lake.names)
        _require_whole(work.lake)
        return Maintenance(pipeline.name, False, work.pruned, work.unfinished, tables)


def preview_maintenance(pipeline: Pipeline, *, now: datetime) -> Maintenance:
    """What `maintain` would do as of `now`; writes nothing and takes no lock."""
    with _errors_of_ours():
        work = _look(pipeline, now)
        if work is None:
            return Maintenance(pipeline.name, True, None, None, ())
        if work.pruned:
            require_proven(work.lake, work.pruned)
        return Maintenance(
            pipeline.name, True, work.pruned, work.unfinished, tuple(_kept(work, name) for name in work.lake.names)
        )


def _look(pipeline: Pipeline, now: datetime) -> Work | None:
    """None if no batch was ever planned. Tables that a run would refuse are left alone: files may be the way back."""
    lake = stored_lake(pipeline)
    checkpoints = _require_whole(lake)
    if not checkpoints.exists:
        return None
    unfinished = checkpoints.progress.unfinished
    # An unfinished rebuild still has to add up what is old.
    is_rebuilding = unfinished is not None and unfinished.rebuild is not None
    last = None if is_rebuilding else last_prunable(checkpoints.rows, pipeline.maintenance.keep_records_days, now)
    return Work(pipeline, lake, unfinished.batch if unfinished else None, find_prunable(lake, last) if last else None)


def _require_whole(lake: Lake) -> CheckpointLog:
    """What a run asks of the tables before it plans anything."""
    health.require_readable(lake)
    checkpoints = CheckpointLog(lake)
    health.require_whole(lake, checkpoints)
    return checkpoints


def _kept(work: Work, name: str) -> TableMaintenance:
    """What would become of a table."""
    unneeded = _unneeded(work, name)
    return TableMaintenance(name, size_of(work.lake, name), None, len(unneeded.paths), unneeded.bytes)


def _keep(work: Work, name: str, before: TableSize) -> TableMaintenance:
    """The upkeep of a table, and what became of it."""
    compact(work.lake, name)
    unneeded = _unneeded(work, name)
    vacuum(work.lake, name, unneeded)
    shorten_log(work.lake, name)
    after = size_of(work.lake, name)
    log.info("%-15s %s became %d, vacuumed: %d", name, counted(before.files, "file"), after.files, len(unneeded.paths))
    return TableMaintenance(name, before, after, len(unneeded.paths), unneeded.bytes)


def _unneeded(work: Work, name: str) -> Unneeded:
    """While a batch is unfinished, a run that froze may wake up and commit files that no table knows yet: those are left to
    it.
    """
    return find_unneeded(work.lake, name, work.pipeline.maintenance.vacuum_after_hours, full=work.unfinished is None)


@contextmanager
def _errors_of_ours() -> Iterator[None]:
    """Turn what delta-rs and the disk raise into our errors, as a run does; whoever was faster, maintenance can be had again."""
    try:
        yield
    except (LostRace, Superseded) as error:
        cause = str(error).partition("\n")[0]
        raise TryAgain(
            f"another writer changed the tables meanwhile ({cause}); nothing is lost, run maintenance again"
        ) from error
    except (DeltaError, OSError) as error:
        ours = outage(error)
        if ours is None:
            raise
        raise ours from error
