"""Whether the input topic still is the one that was read, and still holds what is to be read: losses, replaced records, another
topic.

Asks the broker only; an obstacle is the error that a run stops with.
"""

from spark_jobs.base.errors import AnotherTopic, DecisionNeeded, OffsetsLost, TopicRecreated, go_on
from spark_jobs.broker.cluster import Broker
from spark_jobs.progress.checkpoints import Progress
from spark_jobs.progress.offsets import Loss, Plan, Topic, ends_of, find_losses, positions_to_check, replaced, vanished_partitions


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

    Asked again after the read, before anything of it is stored: what was read up to then and passes is what was planned. Else
    records that took the place of others would be counted now, and once more when the loss is accepted and reading begins again
    at the cut.
    """
    _require_planned_topic(plan, topic)
    ends = ends_of(one for one in plan.ranges if one.span)
    others = replaced(ends, broker.find_cut(topic.name, positions_to_check(ends, plan.epochs, topic)))
    if others:
        raise OffsetsLost(topic.name, tuple(map(str, others)), ("abandon", "accept_loss"))


def same_until(broker: Broker, plan: Plan, topic: Topic) -> dict[int, int]:
    """Per partition up to where its log still is the one that the plan was made of, as far as that can be told."""
    ends = ends_of(one for one in plan.ranges if one.span)
    cut = broker.find_cut(topic.name, positions_to_check(ends, plan.epochs, topic))
    return {one.number: min(one.high, cut.get(one.number, one.high)) for one in topic.partitions}


def _require_planned_topic(plan: Plan, topic: Topic) -> None:
    if plan.topic_id != topic.id:
        settled_by = ("abandon", "adopt_topic")
        raise DecisionNeeded(
            f"batch {plan.batch} was planned on topic id {plan.topic_id}, but {topic.name} was deleted and created again "
            f"(now {topic.id}) before it was read. {go_on(*settled_by)}.",
            settled_by,
        )
