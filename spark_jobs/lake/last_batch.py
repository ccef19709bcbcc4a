"""What each table must hold of the last finished batch by its checkpoint, and what it holds."""

import pyarrow.compute as pc
from deltalake import DeltaTable

from spark_jobs.aggregates.aggregate import Aggregate, Measure
from spark_jobs.base.wording import counted
from spark_jobs.lake.record_files import batch_totals
from spark_jobs.lake.rows import read_rows
from spark_jobs.lake.schemas import RECORDS
from spark_jobs.lake.tables import Lake
from spark_jobs.progress.ledger import Done
from spark_jobs.progress.stored_plans import damaged_row


def counts_of(lake: Lake, name: str, table: DeltaTable, done: Done) -> tuple[str, str]:
    """What the table must hold of the batch, and what it holds. Members are counted by what their measure counts."""
    if name == RECORDS:
        return _records(table, done)
    for one in lake.layout.aggregates:
        if one.name in done.groups or not done.groups:
            if name == one.contributions_table:
                return _contributions(table, one, done)
            if name == one.name:
                return _totals(table, one, done)
            for measure in one.measures:
                if measure.members and name in (measure.members.contributions_table, measure.members.name):
                    return _members(lake, name, (one, measure, measure.members), done)
    return "", ""


def _records(table: DeltaTable, done: Done) -> tuple[str, str]:
    kept = sum(one.read for one in done.kept), sum(one.accepted for one in done.kept)
    wanted, found = (
        f"{counted(read, 'record')} ({accepted} accepted)" for read, accepted in (kept, batch_totals(table, done.batch)[:2])
    )
    return wanted, found


def _contributions(table: DeltaTable, aggregate: Aggregate, done: Done) -> tuple[str, str]:
    rows = read_rows(table, [aggregate.count.column], [("batch", "=", done.batch)])
    found = pc.sum(rows[aggregate.count.column]).as_py() or 0
    return counted(done.readings_of(aggregate.name), "reading"), counted(found, "reading")


def _members(lake: Lake, name: str, of: tuple[Aggregate, Measure, Aggregate], done: Done) -> tuple[str, str]:
    """As many values as the aggregate counts, and a total of each of their groups."""
    aggregate, measure, members = of
    if name == members.contributions_table:
        wanted, found = (
            _sum_of(lake, one.contributions_table, column, done)
            for one, column in ((aggregate, measure.counted), (members, members.count.column))
        )
        return counted(wanted, "value"), counted(found, "value")
    wanted = read_rows(lake.open(members.contributions_table), ["batch"], [("batch", "=", done.batch)]).num_rows
    found = read_rows(lake.open(name), ["batch"], [("batch", ">=", done.batch)]).num_rows
    return counted(wanted, "group"), counted(min(wanted, found), "group")


def _sum_of(lake: Lake, name: str, column: str, done: Done) -> int:
    return pc.sum(read_rows(lake.open(name), [column], [("batch", "=", done.batch)])[column]).as_py() or 0


def _totals(table: DeltaTable, aggregate: Aggregate, done: Done) -> tuple[str, str]:
    """A batch that is not finished may have touched some of the groups since."""
    if done.published is None:
        raise damaged_row(f"the row DONE of batch {done.batch}", KeyError("published"))
    wanted = done.groups.get(aggregate.name, 0) if done.groups else done.published
    found = read_rows(table, ["batch"], [("batch", ">=", done.batch)]).num_rows
    what = "day" if aggregate.window.is_of_days else "group"
    return counted(wanted, what), counted(min(wanted, found), what)
