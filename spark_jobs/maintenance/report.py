"""The result of maintenance, as plain values for JSON and XCom and as text for a terminal or a log."""

from collections.abc import Iterator
from typing import Any

from rich.console import Group

from spark_jobs.base.plain_tables import numbers, plain_table, texts
from spark_jobs.base.times import in_utc
from spark_jobs.base.wording import counted
from spark_jobs.maintenance.maintain import Maintenance, TableMaintenance

_COLUMNS = ("files", "small files", "KiB", "rows", "log files", "vacuumed files", "vacuumed KiB")


def maintenance_report(found: Maintenance) -> dict[str, Any]:
    """Plain values only. What is called `after` is null where nothing was done."""
    pruned = found.pruned
    return {
        "pipeline": found.pipeline,
        "dry_run": found.dry_run,
        "pruned": pruned and {"batch": pruned.batch, "done_at": pruned.done_at.isoformat(), "rows": pruned.rows},
        "unfinished": found.unfinished,
        "tables": {one.table: _table_report(one) for one in found.tables},
    }


def _table_report(one: TableMaintenance) -> dict[str, Any]:
    return {
        "before": vars(one.before),
        "after": vars(one.after) if one.after else None,
        "vacuumed_files": one.vacuumed_files,
        "vacuumed_bytes": one.vacuumed_bytes,
    }


def maintenance_table(found: Maintenance) -> Group:
    """One line per table; what changed as `before > after`."""
    title = f"{found.pipeline}: {'what maintenance would do' if found.dry_run else 'maintenance'}"
    rows = ((one.table, *_changes(one), f"{one.vacuumed_files:,}", f"{_kib(one.vacuumed_bytes):,}") for one in found.tables)
    return plain_table((title, *_notes(found)), (*texts("table"), *numbers(*_COLUMNS)), rows)


def _changes(one: TableMaintenance) -> Iterator[str]:
    after = one.after or one.before
    yield _change(one.before.files, after.files)
    yield _change(one.before.small, after.small)
    yield _change(_kib(one.before.bytes), _kib(after.bytes))
    yield _change(one.before.rows, after.rows)
    yield _change(one.before.log_files, after.log_files)


def _change(before: int, after: int) -> str:
    """
    >>> _change(1200, 3), _change(3, 3)
    ('1,200 > 3', '3')
    """
    return f"{before:,}" if before == after else f"{before:,} > {after:,}"


def _kib(size: int) -> int:
    return -(-size // 1024)


def _notes(found: Maintenance) -> Iterator[str]:
    if not found.tables:
        yield "there are no tables yet"
    if found.pruned:
        which = f"{counted(found.pruned.rows, 'record')} up to batch {found.pruned.batch}, done {in_utc(found.pruned.done_at)}"
        would = "would be" if found.dry_run else "was" if found.pruned.rows == 1 else "were"
        yield f"{which}, {would} pruned; contributions and averages still count them"
    if found.unfinished:
        yield f"batch {found.unfinished} is unfinished: files that killed runs left stay until a maintenance after its end"
