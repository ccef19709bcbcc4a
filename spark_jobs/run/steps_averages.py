"""S4 and S5: what a batch's records add, and the daily averages that this changes. Each says what a kill leaves behind and why
the rerun makes that harmless.
"""

import logging
from collections.abc import Callable
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable

from spark_jobs.aggregates.aggregate import BATCH, REVISION
from spark_jobs.aggregates.daily_average import DAILY_AVERAGE
from spark_jobs.base import wording
from spark_jobs.base.errors import Superseded, TableDamaged, TryAgain
from spark_jobs.base.faults import fault
from spark_jobs.lake import tables
from spark_jobs.lake.batch_commit import commit_batch
from spark_jobs.lake.health import way_back
from spark_jobs.lake.rows import Condition, read_rows
from spark_jobs.lake.schemas import CONTRIBUTIONS, DAILY_AVERAGES, SCHEMAS
from spark_jobs.lake.tables import LostRace
from spark_jobs.outlook.unfinished import contradicted
from spark_jobs.progress.offsets import Plan
from spark_jobs.progress.standing import Contradiction
from spark_jobs.run.job import Job

log = logging.getLogger(__name__)

MERGE_ATTEMPTS = 3


def save_contributions(job: Job, plan: Plan, accepted: int, add_up: Callable[[], pa.Table]) -> pa.Table:
    """S4: append what the batch's records `add_up` to, once; rows per group of the batch.

    Killed before the commit: added up again. After it: found and not repeated.
    """
    table = job.lake.open(CONTRIBUTIONS)
    found = _contributions(table, plan)
    if job.lake.known_batch(table) < plan.batch and not found.num_rows and accepted:
        _append_contributions(job, plan, table, add_up())
        found = _contributions(job.lake.open(CONTRIBUTIONS), plan)
    counted = pc.sum(found[DAILY_AVERAGE.count.column]).as_py() or 0
    if accepted and not counted:
        raise contradicted(Contradiction.ROWS_GONE, job.lake, plan, job.standing(plan))
    if counted != accepted:
        raise TableDamaged(
            CONTRIBUTIONS,
            f"batch {plan.batch} counts {wording.counted(counted, 'reading')}, its accepted records are {accepted:,}",
            way_back(job.lake, CONTRIBUTIONS),
        )
    return found


def _append_contributions(job: Job, plan: Plan, table: DeltaTable, rows: pa.Table) -> None:
    rows = rows.select(SCHEMAS[CONTRIBUTIONS].names).cast(SCHEMAS[CONTRIBUTIONS])
    fault("before:contributions_commit")
    append = partial(tables.append_once, rows=rows, app=job.lake.app(CONTRIBUTIONS), version=plan.batch)
    commit_batch(job.lake, table, plan.batch, append)
    fault("after:contributions_commit")


def _contributions(table: DeltaTable, plan: Plan) -> pa.Table:
    return read_rows(table, where=[(BATCH, "=", plan.batch)])


def save_averages(job: Job, plan: Plan, contributions: pa.Table) -> pa.Table:
    """S5: set the touched daily averages to the sum of all their contributions up to this batch; the rows to publish.

    Killed anywhere: repeating it sets the same values and the same revision.
    """
    if not contributions.num_rows:
        return DAILY_AVERAGE.totals.empty_table()
    every = _of_groups(job, CONTRIBUTIONS, contributions, (BATCH, "<=", plan.batch))
    wanted = DAILY_AVERAGE.total(every, batch=plan.batch, revisions_after=plan.revisions_after)
    fault("before:averages_commit")
    _merge(job, plan, wanted)
    fault("after:averages_commit")
    stored = _of_groups(job, DAILY_AVERAGES, contributions)
    _require_averages(plan, wanted, stored)
    return stored


def _of_groups(job: Job, name: str, groups: pa.Table, *where: Condition) -> pa.Table:
    """The table's rows of those groups."""
    rows = read_rows(job.lake.open(name), where=[*DAILY_AVERAGE.within(groups), *where])
    return DAILY_AVERAGE.touched(rows, groups)


def _merge(job: Job, plan: Plan, wanted: pa.Table) -> None:
    for _ in range(MERGE_ATTEMPTS):
        table = job.lake.open(DAILY_AVERAGES)
        fault("before:averages_merge")
        try:
            tables.merge_totals(table, wanted, DAILY_AVERAGE, app=job.lake.app(DAILY_AVERAGES), version=plan.batch)
            return
        except LostRace as error:
            log.warning("another run changed the daily averages meanwhile (%s); merging again", error)
    raise TryAgain(
        f"the daily averages of batch {plan.batch} could not be merged: another writer keeps changing the table; run again"
    )


def _require_averages(plan: Plan, wanted: pa.Table, stored: pa.Table) -> None:
    newest = pc.max(stored[BATCH]).as_py() if stored.num_rows else None
    if newest is not None and newest > plan.batch:
        raise Superseded(
            f"the daily averages already hold batch {newest}, this run is at batch {plan.batch}; a newer run goes on"
        )
    order = DAILY_AVERAGE.order
    columns = [name for name in wanted.column_names if name != REVISION]
    if not wanted.select(columns).sort_by(order).equals(stored.select(columns).sort_by(order)):
        raise TableDamaged(
            DAILY_AVERAGES,
            f"after the merge of batch {plan.batch} it does not hold the sums of contributions",
            "Nothing was published; run again.",
        )
