"""Every check that would stop the next run, asked before it: the error of each, and nothing is written.

Shared by the run, `dayfold plan` and `dayfold status`; needs no Spark.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime

from spark_jobs.aggregates.aggregate import BATCH
from spark_jobs.aggregates.daily_average import DAILY_AVERAGE, place_of
from spark_jobs.base.errors import DecisionNeeded, TransactionOpen
from spark_jobs.broker.cluster import Broker
from spark_jobs.broker.publisher import proven_batch
from spark_jobs.lake.record_files import batch_rows
from spark_jobs.lake.rows import read_rows
from spark_jobs.lake.schemas import CONTRIBUTIONS, RECORDS
from spark_jobs.lake.tables import Lake
from spark_jobs.outlook.output_owner import require_planned_output
from spark_jobs.outlook.proof import question_of
from spark_jobs.outlook.rejection_limit import require_few_rejected
from spark_jobs.outlook.still_there import losses_of, require_no_losses, require_same_topic, require_still_there
from spark_jobs.outlook.topics import Topics
from spark_jobs.outlook.unfinished import PUBLISHING_SECONDS, after_unfinished, is_read, require_usable
from spark_jobs.outlook.witnesses import find_remaining, require_output_not_ahead
from spark_jobs.pipeline.settings import Pipeline
from spark_jobs.progress.checkpoints import Progress
from spark_jobs.progress.offsets import Plan
from spark_jobs.progress.redefinition import current_definition, require_same_definition


def require_tables_not_behind(
    broker: Broker, pipeline: Pipeline, progress: Progress, topics: Topics, *, seconds: float | None = None
) -> None:
    """Raise if the consumer group proves, or the output topic shows, a batch that the checkpoints have never heard of."""
    require_output_not_ahead(broker, pipeline, progress, topics.output)
    topic = topics.input
    committed = broker.committed(pipeline.name, topic.name, list(topic.numbers), seconds=seconds)
    proven = max((proven_batch(metadata) or 0 for _, metadata in committed.values()), default=0)
    if proven > progress.last_batch:
        raise DecisionNeeded(
            f"the consumer group {pipeline.name} proves that batch {proven} was published, but the checkpoints below "
            f"{pipeline.lake} end at batch {progress.last_batch}: the tables were deleted or an older copy was restored. "
            "Bring back the newest copy; or, to begin anew, remove what is left of the pipeline with `dayfold forget`, or "
            "give it another name and another output topic."
        )


def find_problems(broker: Broker, pipeline: Pipeline, progress: Progress, topics: Topics) -> tuple[DecisionNeeded, ...]:
    """Every check that would stop the next run, as the error it would stop with."""
    return tuple(_problems(broker, pipeline, progress, topics))


def _problems(broker: Broker, pipeline: Pipeline, progress: Progress, topics: Topics) -> Iterator[DecisionNeeded]:
    topic, plan = topics.input, progress.unfinished
    behind = list(_raised(lambda: _require_tables_not_behind_yet(broker, pipeline, progress, topics)))
    yield from behind
    if plan is not None:
        hindered = list(_raised(lambda: require_usable(pipeline, progress, plan)))
        if not hindered:
            hindered += _raised(lambda: require_planned_output(broker, plan, topics.output.name))
            hindered += _raised(lambda: _require_few_rejected(pipeline, progress, plan))
            if not is_read(pipeline, progress):
                hindered += _raised(lambda: require_still_there(broker, plan, topic))
        yield from hindered
        if hindered:
            return
        yield from () if behind else _raised(lambda: _require_proof(broker, pipeline, progress))
    following = after_unfinished(progress)
    recreated = list(_raised(lambda: require_same_topic(following, topic)))
    yield from recreated or _raised(lambda: require_no_losses(topic, losses_of(broker, following, topic)))
    now = current_definition(pipeline, topics.output, datetime.now(UTC))
    unfinished = plan.batch if plan else None
    yield from _raised(lambda: require_same_definition(pipeline, following, now, unfinished=unfinished))


def _require_tables_not_behind_yet(broker: Broker, pipeline: Pipeline, progress: Progress, topics: Topics) -> None:
    """Before the fence: an unfinished batch may have left its transaction open. The run ends it, and only then asks for good."""
    if progress.unfinished is None:
        require_tables_not_behind(broker, pipeline, progress, topics)
        return
    with suppress(TransactionOpen):
        require_tables_not_behind(broker, pipeline, progress, topics, seconds=PUBLISHING_SECONDS)


def _require_few_rejected(pipeline: Pipeline, progress: Progress, plan: Plan) -> None:
    """Raise what the run stops with where it has counted an unfinished batch already."""
    lake, allowed = Lake(pipeline.lake, pipeline.name), pipeline.limits.max_rejected_fraction
    if plan.keeps_records:
        # None until they are stored, all of them from then on.
        rows = batch_rows(lake.open(RECORDS), plan.batch).values()
        require_few_rejected(lake, plan, allowed, read=sum(one.read for one in rows), accepted=sum(one.accepted for one in rows))
    elif progress.counted is not None:
        require_few_rejected(lake, plan, allowed, read=progress.counted.read, accepted=progress.counted.accepted)


def _require_proof(broker: Broker, pipeline: Pipeline, progress: Progress) -> None:
    """Raise what the run would stop with before it publishes an unfinished batch whose averages are known."""
    plan, lake = progress.unfinished, Lake(pipeline.lake, pipeline.name)
    if plan is None or lake.known_batch(contributions := lake.open(CONTRIBUTIONS)) < plan.batch:
        return
    rows = read_rows(contributions, DAILY_AVERAGE.group, [(BATCH, "=", plan.batch)]).to_pylist()
    expected = frozenset(map(place_of, rows))
    with suppress(TransactionOpen):
        find_remaining(broker, plan, question_of(pipeline, plan, expected), seconds=PUBLISHING_SECONDS)


def _raised(check: Callable[[], None]) -> Iterator[DecisionNeeded]:
    try:
        check()
    except DecisionNeeded as error:
        yield error
