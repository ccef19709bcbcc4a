"""S4 and S5: what a batch's records add to each aggregate, and the totals that this changes. Each says what a kill leaves behind
and why the rerun makes that harmless.

Every table is looked at, written and verified by itself: a run that died between two of them finds the first and writes the
second.
"""

import logging
from collections.abc import Mapping
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable

from spark_jobs.aggregates.aggregate import BATCH, REVISION, Aggregate
from spark_jobs.base import wording
from spark_jobs.base.errors import Superseded, TableDamaged, TryAgain
from spark_jobs.base.faults import fault
from spark_jobs.lake import tables
from spark_jobs.lake.batch_commit import commit_batch
from spark_jobs.lake.health import way_back
from spark_jobs.lake.rows import Condition, read_rows
from spark_jobs.lake.tables import LostRace
from spark_jobs.outlook.unfinished import contradicted
from spark_jobs.pipeline.rules import DeclaredRules
from spark_jobs.progress.offsets import Plan, readings_of
from spark_jobs.progress.standing import Contradiction
from spark_jobs.run.job import AddUp, Job

log = logging.getLogger(__name__)

MERGE_ATTEMPTS = 3

RowsByTable = Mapping[str, pa.Table]
"""Rows of a batch for each aggregate, and for each of their members', by the aggregate's name."""


def save_contributions(job: Job, plan: Plan, accepted: int, add_up: AddUp) -> RowsByTable:
    """S4: append what the batch's records `add_up` to, to each table once; rows per group of the batch.

    Killed before a commit: that table's rows are added up again. After it: found and not repeated.
    """
    found: dict[str, pa.Table] = {}
    for one in job.lake.layout.aggregates:
        found[one.name] = _save(job, plan, one, readings_of(one.name, accepted, plan.rebuild), add_up)
        for measure in one.measures:
            if measure.members:
                values = pc.sum(found[one.name][measure.counted]).as_py() or 0
                found[measure.members.name] = _save(job, plan, measure.members, values, add_up)
    return found


def _save(job: Job, plan: Plan, aggregate: Aggregate, wanted: int, add_up: AddUp) -> pa.Table:
    """As many readings as are wanted must be in the table, once this is over."""
    name = aggregate.contributions_table
    table = job.lake.open(name)
    found = _contributions(table, plan)
    if job.lake.known_batch(table) < plan.batch and not found.num_rows and wanted:
        added = add_up(aggregate)
        # Before the commit: a batch that counts nowhere can be abandoned.
        _require_as_many(job, plan, aggregate, added, wanted)
        _append(job, plan, table, aggregate, added)
        found = _contributions(job.lake.look(name), plan)
    elif job.lake.known_batch(table) >= plan.batch:
        # Committed since this run began, maybe by one that died before the disk had it.
        job.lake.keep(name)
    if wanted and not _readings(aggregate, found):
        raise contradicted(Contradiction.ROWS_GONE, job.lake, plan, job.standing(plan), name)
    _require_as_many(job, plan, aggregate, found, wanted)
    return found


def _readings(aggregate: Aggregate, rows: pa.Table) -> int:
    return pc.sum(rows[aggregate.count.column]).as_py() or 0


def _require_as_many(job: Job, plan: Plan, aggregate: Aggregate, rows: pa.Table, wanted: int) -> None:
    name, counted = aggregate.contributions_table, _readings(aggregate, rows)
    if counted != wanted:
        raise TableDamaged(
            name,
            f"batch {plan.batch} counts {wording.counted(counted, 'reading')}, its accepted records are {wanted:,}",
            way_back(job.lake, name),
        )


def _append(job: Job, plan: Plan, table: DeltaTable, aggregate: Aggregate, rows: pa.Table) -> None:
    rows = rows.select(aggregate.contributions.names).cast(aggregate.contributions)
    fault("before:contributions_commit")
    app = job.lake.app(aggregate.contributions_table)
    commit_batch(job.lake, table, plan.batch, partial(tables.append_once, rows=rows, app=app, version=plan.batch))
    fault("after:contributions_commit")


def _contributions(table: DeltaTable, plan: Plan) -> pa.Table:
    return read_rows(table, where=[(BATCH, "=", plan.batch)])


def save_totals(job: Job, plan: Plan, contributions: RowsByTable) -> RowsByTable:
    """S5: set the touched totals to the sum of all their contributions up to this batch; the rows of each table.

    Killed anywhere: repeating it sets the same values and the same revision.
    """
    return {one.name: _save_totals(job, plan, one, contributions[one.name]) for one in job.lake.layout.all_aggregates}


def touched_groups(plan: Plan, totals: RowsByTable) -> Mapping[str, int]:
    """How many totals of each declared aggregate the batch touched; nothing is declared of the daily average."""
    declared = plan.rules.aggregates if isinstance(plan.rules, DeclaredRules) else ()
    return {one.name: totals[one.name].num_rows for one in declared}


def _save_totals(job: Job, plan: Plan, aggregate: Aggregate, contributions: pa.Table) -> pa.Table:
    """Totals of members are there already: what they count is theirs, as of this batch."""
    if not contributions.num_rows:
        return aggregate.totals.empty_table()
    every = _of_groups(job, aggregate, aggregate.contributions_table, contributions, (BATCH, "<=", plan.batch))
    members = {name: _of_groups(job, aggregate, one.name, contributions) for name, one in aggregate.members.items()}
    for rows in members.values():
        _require_not_newer(plan, aggregate, rows)
    wanted = aggregate.total(every, batch=plan.batch, revisions_after=plan.revisions_after, members=members)
    fault("before:averages_commit")
    _merge(job, plan, aggregate, wanted)
    fault("after:averages_commit")
    stored = _of_groups(job, aggregate, aggregate.name, contributions)
    _require_stored(plan, aggregate, wanted, stored)
    return stored


def _of_groups(job: Job, aggregate: Aggregate, table: str, groups: pa.Table, *where: Condition) -> pa.Table:
    """The table's rows of those groups."""
    rows = read_rows(job.lake.look(table), where=[*aggregate.within(groups), *where])
    return aggregate.touched(rows, groups)


def _merge(job: Job, plan: Plan, aggregate: Aggregate, wanted: pa.Table) -> None:
    for _ in range(MERGE_ATTEMPTS):
        table = job.lake.open(aggregate.name)
        fault("before:averages_merge")
        try:
            tables.merge_totals(table, wanted, aggregate, app=job.lake.app(aggregate.name), version=plan.batch)
            return
        except LostRace as error:
            log.warning("another run changed %s meanwhile (%s); merging again", aggregate.title, error)
    raise TryAgain(
        f"{aggregate.title} of batch {plan.batch} could not be merged: another writer keeps changing the table; run again"
    )


def _require_not_newer(plan: Plan, aggregate: Aggregate, rows: pa.Table) -> None:
    newest = pc.max(rows[BATCH]).as_py() if rows.num_rows else None
    if newest is not None and newest > plan.batch:
        raise Superseded(f"{aggregate.title} already hold batch {newest}, this run is at batch {plan.batch}; a newer run goes on")


def _require_stored(plan: Plan, aggregate: Aggregate, wanted: pa.Table, stored: pa.Table) -> None:
    _require_not_newer(plan, aggregate, stored)
    order = aggregate.order
    columns = [name for name in wanted.column_names if name != REVISION]
    if not wanted.select(columns).sort_by(order).equals(stored.select(columns).sort_by(order)):
        raise TableDamaged(
            aggregate.name,
            f"after the merge of batch {plan.batch} it does not hold the sums of contributions",
            "Nothing was published; run again.",
        )
