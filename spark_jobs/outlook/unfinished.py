"""What an unfinished batch still needs, and what follows once it is finished,
which is what the next run does first. Asks no broker.
"""

from dataclasses import replace

from spark_jobs.base.errors import TableDamaged
from spark_jobs.lake.health import anew_or_back
from spark_jobs.lake.schemas import RECORDS
from spark_jobs.lake.standing import stand
from spark_jobs.lake.tables import Lake
from spark_jobs.outlook.executable import require_executable
from spark_jobs.pipeline.settings import Pipeline
from spark_jobs.progress.checkpoints import Progress
from spark_jobs.progress.definition import defined_by
from spark_jobs.progress.offsets import Plan, ends_of
from spark_jobs.progress.standing import Contradiction, Standing, next_step


def standing_of(pipeline: Pipeline, progress: Progress) -> Standing | None:
    """Where the unfinished batch stands, None if there is none."""
    plan = progress.unfinished
    return stand(Lake.of(pipeline), plan, progress.counted) if plan else None


def require_usable(lake: Lake, plan: Plan, standing: Standing) -> None:
    """Raise if the stored plan of an unfinished batch cannot be executed here, or its tables contradict each other."""
    require_executable(plan, standing)
    lake = lake.filled_by(plan)
    found = next_step(standing)
    if isinstance(found, Contradiction):
        raise contradicted(found, lake, plan, standing, _contradicting(found, lake, standing))


def _contradicting(found: Contradiction, lake: Lake, standing: Standing) -> str:
    """The table that says otherwise than all others."""
    if found is Contradiction.RECORDS_GONE:
        return RECORDS
    wrong = {
        one.aggregate for one in standing.sums if (one.lost_its_rows if found is Contradiction.ROWS_GONE else one.contributed)
    }
    return next(one.contributions_table for one in lake.layout.aggregates if one.name in wrong)


def contradicted(found: Contradiction, lake: Lake, plan: Plan, standing: Standing, table: str) -> TableDamaged:
    """What a table holds of the batch against all others, and the way on."""
    what = f"{found.value.format(batch=plan.batch)} (was the table restored, or was the batch about to be abandoned?)"
    return TableDamaged(table, what, anew_or_back(lake, table, standing))


def after_unfinished(progress: Progress) -> Progress:
    """Progress once the unfinished batch has been finished, which is what the next run does first."""
    plan = progress.unfinished
    if plan is None:
        return progress
    following = replace(progress, ends={**progress.ends, **ends_of(plan.ranges)}, epochs=plan.epochs, unfinished=None)
    return replace(following, definition=defined_by(plan), followed=defined_by(plan))


def reading_from(progress: Progress, standing: Standing | None) -> Progress:
    """Progress by what is still to be read from Kafka: an unfinished batch counts as read once it needs Kafka no more."""
    plan = progress.unfinished
    if plan is None or standing is None or not standing.needs_kafka:
        return after_unfinished(progress)
    return replace(progress, ends={**progress.ends, **{one.partition: one.start for one in plan.ranges}})
