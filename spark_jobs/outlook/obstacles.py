"""Every check that would stop the next run, asked before it: the error of each, and nothing is written.

Shared by the run, `dayfold plan` and `dayfold status`; needs no Spark.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress

from spark_jobs.base import machine
from spark_jobs.base.errors import DecisionNeeded, TransactionOpen
from spark_jobs.broker.cluster import Broker
from spark_jobs.lake.message_places import message_places
from spark_jobs.lake.record_files import batch_rows
from spark_jobs.lake.schemas import RECORDS
from spark_jobs.lake.tables import Lake
from spark_jobs.outlook.evidence import PUBLISHING_SECONDS, Evidence
from spark_jobs.outlook.output_owner import require_planned_output
from spark_jobs.outlook.proof import question_of, tables_behind
from spark_jobs.outlook.rejection_limit import require_few_rejected
from spark_jobs.outlook.still_there import losses_of, require_no_losses, require_same_topic, require_still_there
from spark_jobs.outlook.stored_records import require_planned_records
from spark_jobs.outlook.unfinished import after_unfinished, require_usable
from spark_jobs.outlook.witnesses import find_remaining
from spark_jobs.pipeline.settings import Pipeline
from spark_jobs.progress.offsets import Plan
from spark_jobs.progress.redefinition import current_definition, require_same_definition
from spark_jobs.progress.standing import Standing


def require_tables_not_behind(pipeline: Pipeline, found: Evidence) -> None:
    """Raise if the output topic shows, or the consumer group proves, a batch that the checkpoints have never heard of."""
    last = found.progress.last_batch
    if found.shown > last:
        raise tables_behind(pipeline.name, found.topics.output.name, found.shown, last)
    proven = max((one.batch or 0 for one in found.group.values()), default=0)
    if proven > last:
        raise DecisionNeeded(
            f"the consumer group {pipeline.name} proves that batch {proven} was published, but the checkpoints below "
            f"{pipeline.lake} end at batch {last}: the tables were deleted or an older copy was restored. "
            "Bring back the newest copy; or, to begin again, remove what is left of the pipeline with `dayfold forget`, or "
            "give it another name and another output topic."
        )


def find_problems(broker: Broker, pipeline: Pipeline, found: Evidence) -> tuple[DecisionNeeded, ...]:
    """Every check that would stop the next run, as the error it would stop with."""
    return tuple(_problems(broker, pipeline, found))


def _problems(broker: Broker, pipeline: Pipeline, found: Evidence) -> Iterator[DecisionNeeded]:
    topic, plan = found.topics.input, found.progress.unfinished
    behind = list(_raised(lambda: require_tables_not_behind(pipeline, found)))
    yield from behind
    if plan is not None and found.standing is not None:
        hindered = list(_problems_of_unfinished(broker, pipeline, found, plan, found.standing))
        yield from hindered
        if hindered:
            return
        if found.standing.is_added_up and not behind:
            yield from _raised(lambda: _require_proof(broker, pipeline, plan))
    following = after_unfinished(found.progress)
    recreated = list(_raised(lambda: require_same_topic(following, topic)))
    yield from recreated or _raised(lambda: require_no_losses(topic, losses_of(broker, following, topic)))
    now = current_definition(pipeline, found.topics.output, machine.now())
    unfinished = plan.batch if plan else None
    yield from _raised(lambda: require_same_definition(pipeline, following, now, unfinished=unfinished))


def _problems_of_unfinished(
    broker: Broker, pipeline: Pipeline, found: Evidence, plan: Plan, standing: Standing
) -> Iterator[DecisionNeeded]:
    """What hinders the batch before it is published."""
    lake, allowed = Lake.of(pipeline), pipeline.limits.max_rejected_fraction
    unusable = list(_raised(lambda: require_usable(lake, plan, standing)))
    yield from unusable
    if unusable:
        return
    yield from _raised(lambda: require_planned_output(broker, plan, found.topics.output.name))
    if standing.read is not None and plan.keeps_records:
        yield from _raised(lambda: _require_stored(lake.filled_by(plan), plan, standing))
    if standing.read is not None:
        read, rejected = standing.read, standing.rejected
        yield from _raised(lambda: require_few_rejected(lake, plan, allowed, read=read, rejected=rejected))
    if standing.needs_kafka:
        yield from _raised(lambda: require_still_there(broker, plan, found.topics.input))


def _require_stored(lake: Lake, plan: Plan, standing: Standing) -> None:
    """Raise what the run would stop with before it adds up the records that are stored."""
    require_planned_records(lake, plan, batch_rows(lake.look(RECORDS), plan.batch), lambda: standing)


def _require_proof(broker: Broker, pipeline: Pipeline, plan: Plan) -> None:
    """Raise what the run would stop with before it publishes an unfinished batch whose averages are known."""
    lake = Lake.of(pipeline).filled_by(plan)
    expected = frozenset(message_places(lake, plan))
    with suppress(TransactionOpen):
        find_remaining(broker, plan, question_of(pipeline, plan, expected), seconds=PUBLISHING_SECONDS)


def _raised(check: Callable[[], None]) -> Iterator[DecisionNeeded]:
    try:
        check()
    except DecisionNeeded as error:
        yield error
