"""What an unfinished batch still needs, and what follows once it is finished,
which is what the next run does first. Asks no broker.
"""

from dataclasses import replace

from spark_jobs.lake.schemas import CONTRIBUTIONS, RECORDS
from spark_jobs.lake.tables import Lake
from spark_jobs.outlook.executable import require_executable
from spark_jobs.pipeline.settings import Pipeline
from spark_jobs.progress.checkpoints import Progress
from spark_jobs.progress.definition import defined_by
from spark_jobs.progress.offsets import Plan, ends_of

PUBLISHING_SECONDS = 3.0
"""How long an onlooker waits for the end of an unfinished batch's transaction: for that of a run that lives."""


def is_read(pipeline: Pipeline, progress: Progress) -> bool:
    """Whether the unfinished batch needs Kafka no more: its records are stored, or else counted and averaged."""
    plan, lake = progress.unfinished, Lake(pipeline.lake, pipeline.name)
    if plan is None:
        return True
    if plan.keeps_records:
        return lake.known_batch(lake.open(RECORDS)) >= plan.batch
    counted = progress.counted
    return counted is not None and (not counted.accepted or lake.known_batch(lake.open(CONTRIBUTIONS)) >= plan.batch)


def require_usable(pipeline: Pipeline, progress: Progress, plan: Plan) -> None:
    """Raise if the stored plan of an unfinished batch cannot be executed here."""
    require_executable(Lake(pipeline.lake, pipeline.name), plan, is_read=lambda: is_read(pipeline, progress))


def after_unfinished(progress: Progress) -> Progress:
    """Progress once the unfinished batch has been finished, which is what the next run does first."""
    plan = progress.unfinished
    if plan is None:
        return progress
    following = replace(progress, ends={**progress.ends, **ends_of(plan.ranges)}, epochs=plan.epochs, unfinished=None)
    return replace(following, definition=defined_by(plan))


def reading_from(pipeline: Pipeline, progress: Progress) -> Progress:
    """Progress by what is still to be read from Kafka: an unfinished batch counts as read once it needs Kafka no more."""
    plan = progress.unfinished
    if plan is None or is_read(pipeline, progress):
        return after_unfinished(progress)
    return replace(progress, ends={**progress.ends, **{one.partition: one.start for one in plan.ranges}})
