"""What the tables know of an unfinished batch, looked up together; what follows from it is decided in `progress/standing.py`."""

from spark_jobs.aggregates.aggregate import Aggregate
from spark_jobs.lake.record_files import BatchTotals, batch_totals
from spark_jobs.lake.rows import read_rows
from spark_jobs.lake.schemas import RECORDS
from spark_jobs.lake.tables import Lake
from spark_jobs.progress.counts import Tally
from spark_jobs.progress.offsets import Plan, Rebuild
from spark_jobs.progress.standing import Standing, Summed


def stand(lake: Lake, plan: Plan, counted: Tally | None) -> Standing:
    """Where the batch stands now; `counted` are the counts that the checkpoints have of it where records are not kept."""
    lake = lake.filled_by(plan)
    taken = _taken(lake, plan, counted)
    if plan.rebuild:
        return _stand_of_rebuild(lake, plan, plan.rebuild, closed=taken is not None)
    return Standing(
        plan.keeps_records,
        taken.read if taken else None,
        taken.accepted if taken else 0,
        taken.filtered if taken else 0,
        tuple(_summed(lake, plan, one) for one in lake.layout.aggregates),
    )


def _stand_of_rebuild(lake: Lake, plan: Plan, rebuild: Rebuild, *, closed: bool) -> Standing:
    """Its records are those that were stored before; it adds to one aggregate."""
    sums = tuple(_summed(lake, plan, one) for one in lake.layout.aggregates if one.name == rebuild.aggregate)
    return Standing(plan.keeps_records, rebuild.readings if closed else None, rebuild.readings if closed else 0, sums=sums)


def _summed(lake: Lake, plan: Plan, aggregate: Aggregate) -> Summed:
    contributions = lake.look(aggregate.contributions_table)
    return Summed(
        aggregate.name,
        closed=lake.known_batch(contributions) >= plan.batch,
        contributed=bool(read_rows(contributions, ["batch"], [("batch", "=", plan.batch)]).num_rows),
        totalled=lake.known_batch(lake.look(aggregate.name)) >= plan.batch,
    )


def _taken(lake: Lake, plan: Plan, counted: Tally | None) -> BatchTotals | None:
    if not plan.keeps_records:
        return BatchTotals(counted.read, counted.accepted, 0) if counted else None
    records = lake.look(RECORDS)
    return batch_totals(records, plan.batch) if lake.known_batch(records) >= plan.batch else None
