"""What the tables know of an unfinished batch, looked up together; what follows from it is decided in `progress/standing.py`."""

from spark_jobs.lake.record_files import batch_totals
from spark_jobs.lake.rows import read_rows
from spark_jobs.lake.schemas import CONTRIBUTIONS, DAILY_AVERAGES, RECORDS
from spark_jobs.lake.tables import Lake
from spark_jobs.progress.ledger import Tally
from spark_jobs.progress.offsets import Plan
from spark_jobs.progress.standing import Standing


def stand(lake: Lake, plan: Plan, counted: Tally | None) -> Standing:
    """Where the batch stands now; `counted` are the counts that the checkpoints have of it where records are not kept."""
    contributions = lake.open(CONTRIBUTIONS)
    read, accepted = _taken(lake, plan, counted)
    return Standing(
        plan.keeps_records,
        read,
        accepted,
        closed=lake.known_batch(contributions) >= plan.batch,
        contributed=bool(read_rows(contributions, ["batch"], [("batch", "=", plan.batch)]).num_rows),
        averaged=lake.known_batch(lake.open(DAILY_AVERAGES)) >= plan.batch,
    )


def _taken(lake: Lake, plan: Plan, counted: Tally | None) -> tuple[int | None, int]:
    if not plan.keeps_records:
        return (counted.read, counted.accepted) if counted else (None, 0)
    records = lake.open(RECORDS)
    return batch_totals(records, plan.batch) if lake.known_batch(records) >= plan.batch else (None, 0)
