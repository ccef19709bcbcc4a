"""Planning a batch: what the broker has, what the checkpoints say, and what follows for the operator.

Shared by the run, `dayfold plan` and `dayfold status`; needs no Spark and writes nothing. "Latest" becomes numbers here, once
per run, at the same isolation level that the reader uses.
"""

import logging
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from spark_jobs.base.errors import (
    AnotherTopic,
    DecisionNeeded,
    OffsetsLost,
    TopicRecreated,
    TransactionOpen,
    go_on,
)
from spark_jobs.broker.cluster import Broker
from spark_jobs.broker.publisher import key_of, proven_batch
from spark_jobs.lake.record_files import batch_rows
from spark_jobs.lake.rows import read_rows
from spark_jobs.lake.tables import Lake
from spark_jobs.outlook import watch
from spark_jobs.outlook.executable import require_executable
from spark_jobs.outlook.output_owner import find_output_topic, require_own_output, require_planned_output, require_same_partitions
from spark_jobs.outlook.proof import question_of
from spark_jobs.outlook.rejection_limit import require_few_rejected
from spark_jobs.outlook.witnesses import find_remaining, require_output_not_ahead
from spark_jobs.pipeline.schemas import CONTRIBUTIONS, RECORDS
from spark_jobs.pipeline.settings import Pipeline
from spark_jobs.progress.checkpoints import Progress
from spark_jobs.progress.definition import defined_by, silent_bounds
from spark_jobs.progress.offsets import (
    Loss,
    OffsetRange,
    Plan,
    Topic,
    ends_of,
    find_losses,
    positions_to_check,
    replaced,
    vanished_partitions,
)
from spark_jobs.progress.redefinition import current_definition, require_same_definition, start_note

log = logging.getLogger(__name__)

PUBLISHING_SECONDS = 3.0
"""How long an onlooker waits for the end of an unfinished batch's transaction: for that of a run that lives."""


@dataclass(frozen=True)
class Topics:
    """Both topics as they were when the run began; the input's ends are the run's ends."""

    input: Topic
    output: Topic

    @property
    def ends(self) -> dict[int, int]:
        return {partition.number: partition.stable for partition in self.input.partitions}


def look_at_topics(broker: Broker, pipeline: Pipeline) -> Topics:
    """Both topics; `ConfigurationError` unless they have the same partitions."""
    topics = Topics(broker.topic(pipeline.input.topic), find_output_topic(broker, pipeline))
    require_same_partitions(topics.input, topics.output)
    return topics


def warn_early(broker: Broker, pipeline: Pipeline, progress: Progress, topic: Topic, now: datetime) -> None:
    """Log what no run can help but an operator can: a setting without effect, a transaction that hangs, records that expire soon."""
    if note := start_note(pipeline, progress):
        log.warning("%s", note)
    for held in watch.held_back(broker, topic):
        log.warning("%s", held.sentence(topic.name, now))
    starts = find_starts(broker, pipeline, reading_from(pipeline, progress), topic)
    retention = watch.read_retention(broker, topic.name)
    for expiry in watch.find_expiries(broker, topic, starts, retention, now).values():
        if expiry.is_under(pipeline.limits.warn_retention_hours):
            log.warning("%s", expiry.sentence(topic.name))


def find_starts(broker: Broker, pipeline: Pipeline, progress: Progress, topic: Topic) -> Mapping[int, int]:
    """Where each partition goes on: its stored end, a new partition at its earliest offset, a first run where told to."""
    if not progress.is_first_run:
        return {number: progress.ends.get(number, 0) for number in topic.numbers}
    return first_starts(broker, pipeline, topic)


def first_starts(broker: Broker, pipeline: Pipeline, topic: Topic) -> Mapping[int, int]:
    """Where the first run of a topic begins, by `input.start`."""
    match pipeline.input.start:
        case "earliest":
            return {partition.number: partition.low for partition in topic.partitions}
        case "latest":
            return {partition.number: partition.stable for partition in topic.partitions}
        case instant:
            found = broker.offsets_at(topic.name, list(topic.numbers), instant)
            return {partition.number: min(found[partition.number], partition.stable) for partition in topic.partitions}


def require_same_topic(progress: Progress, topic: Topic) -> None:
    """Raise if the stored offsets belong to another topic, `TopicRecreated` if that had the same name."""
    if progress.topic_id != topic.id and progress.input_topic not in (None, topic.name):
        raise AnotherTopic(topic.name, str(progress.input_topic))
    if progress.topic_id not in (None, topic.id):
        raise TopicRecreated(topic.name, str(progress.topic_id), topic.id)
    vanished = vanished_partitions(progress.ends, topic.partitions)
    if vanished:
        raise DecisionNeeded(
            f"{topic.name}: partitions {', '.join(map(str, vanished))} have stored offsets but are not on the broker; "
            "is this the right cluster?"
        )


def losses_of(broker: Broker, progress: Progress, topic: Topic) -> tuple[Loss, ...]:
    """What was lost since the last batch, nothing on a first run. The topic is asked for more only where a leader has changed."""
    if progress.is_first_run:
        return ()
    others = replaced(progress.ends, broker.find_cut(topic.name, positions_to_check(progress.ends, progress.epochs, topic)))
    known = {loss.partition for loss in others}
    missing = (loss for loss in find_losses(progress.ends, topic.partitions) if loss.partition not in known)
    return tuple(sorted([*missing, *others], key=lambda loss: loss.partition))


def require_no_losses(topic: Topic, losses: tuple[Loss, ...]) -> None:
    """Raise `OffsetsLost` with a sentence for each."""
    if losses:
        raise OffsetsLost(topic.name, tuple(map(str, losses)))


def require_still_there(broker: Broker, plan: Plan, topic: Topic) -> None:
    """Raise what hinders reading an unfinished plan's ranges again."""
    _require_planned_topic(plan, topic)
    partitions = {partition.number: partition for partition in topic.partitions}
    gone = tuple(
        f"partition {one.partition}: batch {plan.batch} was to read {one.start} to {one.end - 1}, the log now holds "
        f"{partitions[one.partition].low} to {partitions[one.partition].high - 1}"
        for one in plan.ranges
        if one.span and not partitions[one.partition].low <= one.start <= one.end <= partitions[one.partition].high
    )
    if gone:
        raise OffsetsLost(topic.name, gone, ("abandon", "accept_loss"))
    require_not_replaced(broker, plan, topic)


def require_not_replaced(broker: Broker, plan: Plan, topic: Topic) -> None:
    """Raise if offsets of the plan's ranges may hold other records by now than when it was made.

    Asked again after the read, before anything of it is stored: what was read up to then and passes is what was planned. Else records that
    took the place of others would be counted now, and once more when the loss is accepted and reading begins again at the cut.
    """
    _require_planned_topic(plan, topic)
    ends = ends_of(one for one in plan.ranges if one.span)
    others = replaced(ends, broker.find_cut(topic.name, positions_to_check(ends, plan.epochs, topic)))
    if others:
        raise OffsetsLost(topic.name, tuple(map(str, others)), ("abandon", "accept_loss"))


def _require_planned_topic(plan: Plan, topic: Topic) -> None:
    if plan.topic_id != topic.id:
        settled_by = ("abandon", "adopt_topic")
        raise DecisionNeeded(
            f"batch {plan.batch} was planned on topic id {plan.topic_id}, but {topic.name} was deleted and created again (now {topic.id}) "
            f"before it was read. {go_on(*settled_by)}.",
            settled_by,
        )


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
            f"the consumer group {pipeline.name} proves that batch {proven} was published, but the checkpoints below {pipeline.lake} "
            f"end at batch {progress.last_batch}: the tables were deleted or an older copy was restored. Bring back the newest "
            "copy; or, to begin anew, remove what is left of the pipeline with `dayfold forget`, or give it another name and another "
            "output topic."
        )


def make_plan(pipeline: Pipeline, progress: Progress, topics: Topics, ranges: tuple[OffsetRange, ...], now: datetime) -> Plan:
    """The next batch's plan, without the tables' ids, which are known once they exist."""
    return Plan(
        batch=progress.last_batch + 1,
        topic_id=topics.input.id,
        ranges=ranges,
        rules=pipeline.parsing_rules(now),
        output_topic_id=topics.output.id,
        output_starts={partition.number: partition.stable for partition in topics.output.partitions},
        table_ids={},
        nonce=secrets.token_hex(8),
        keeps_records=pipeline.records,
        silent=silent_bounds(pipeline.input.time),
        input_topic=topics.input.name,
        output_topic=topics.output.name,
        input_start=str(pipeline.input.start) if progress.is_first_run else progress.input_start,
        revisions_after=progress.revisions_after,
        epochs={one.number: one.epoch for one in topics.input.partitions if one.epoch is not None},
    )


@dataclass(frozen=True)
class PartitionPreview:
    """What the next run would read of one partition: `[start, end)`; `held_back` offsets wait for an open transaction."""

    partition: int
    start: int
    end: int
    is_new: bool
    held_back: int

    @property
    def count(self) -> int:
        return self.end - self.start


@dataclass(frozen=True)
class Preview:
    """What the next run would do, found without writing anything.

    `problems` are what an operator has to decide first, `notes` what cannot be known before a run, `idle_setting` one that
    changes nothing any more.
    """

    batch: int
    unfinished: bool
    first_run: bool
    partitions: tuple[PartitionPreview, ...]
    problems: tuple[DecisionNeeded, ...]
    notes: tuple[str, ...] = ()
    idle_setting: str | None = None

    @property
    def count(self) -> int:
        """Offsets to read, visible records and gaps together."""
        return sum(one.count for one in self.partitions)

    def has_work(self, pipeline: Pipeline) -> bool:
        """Whether a run would do anything; a first run that starts elsewhere than at the beginning stores at least where."""
        must_remember = self.first_run and pipeline.input.start != "earliest"
        return self.unfinished or self.count > 0 or bool(self.problems) or must_remember


def preview(broker: Broker, pipeline: Pipeline, progress: Progress) -> Preview:
    """The next run's work as it stands now."""
    topics = look_at_topics(broker, pipeline)
    require_own_output(broker, pipeline.name, topics.output)
    problems = find_problems(broker, pipeline, progress, topics)
    starts = find_starts(broker, pipeline, progress, topics.input)
    unfinished = {one.partition: one for one in progress.unfinished.ranges} if progress.unfinished else {}
    return Preview(
        batch=progress.unfinished.batch if progress.unfinished else progress.last_batch + 1,
        unfinished=progress.unfinished is not None,
        first_run=progress.is_first_run,
        partitions=tuple(
            PartitionPreview(
                partition=one.number,
                start=unfinished[one.number].start if one.number in unfinished else starts[one.number],
                end=max(starts[one.number], one.stable),
                is_new=not progress.is_first_run and one.number not in progress.ends,
                held_back=one.held_back,
            )
            for one in topics.input.partitions
        ),
        problems=problems,
        idle_setting=start_note(pipeline, progress),
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
    rows = read_rows(contributions, ["partition", "date"], [("batch", "=", plan.batch)]).to_pylist()
    expected = frozenset((row["partition"], key_of(row["date"])) for row in rows)
    with suppress(TransactionOpen):
        find_remaining(broker, plan, question_of(pipeline, plan, expected), seconds=PUBLISHING_SECONDS)


def _raised(check: Callable[[], None]) -> Iterator[DecisionNeeded]:
    try:
        check()
    except DecisionNeeded as error:
        yield error


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
