"""Output topics before anything is planned: whose averages stand there, and whether the one that a batch was planned for is
there.

Each record names its pipeline, and no topic serves two:
readers keep the highest revision of a key, and two pipelines number their revisions apart. Looks at the newest records of each
partition alone, so it costs the same however much there is.
"""

from spark_jobs.base.errors import ConfigurationError, DecisionNeeded, TopicMissing
from spark_jobs.base.wording import counted
from spark_jobs.broker.cluster import Broker
from spark_jobs.broker.scan import headers_of
from spark_jobs.pipeline.settings import Pipeline
from spark_jobs.progress.offsets import Plan, Topic, no_topic

NEWEST_RECORDS = 10
"""Offsets at the end of each partition that are looked at; some of them are transaction markers."""


def find_output_topic(broker: Broker, pipeline: Pipeline, source: Topic) -> Topic:
    """The output topic as it is, if there is one; `TopicMissing` names the command that creates it."""
    if pipeline.output is None:
        return no_topic(source)
    try:
        return broker.topic(pipeline.output.topic)
    except TopicMissing as missing:
        raise TopicMissing(
            f"{missing.what}: `dayfold topic create CONFIG` creates it with the partitions of {pipeline.input.topic}; or correct "
            "output.topic",
            missing.what,
        ) from None


def require_same_partitions(source: Topic, output: Topic) -> None:
    """Raise `ConfigurationError` unless both topics have the same partitions."""
    if source.numbers != output.numbers:
        raise ConfigurationError(
            f"{source.name} has {counted(len(source.numbers), 'partition')} and {output.name} has "
            f"{len(output.numbers):,}; each average goes to the partition number it was read from, so give both the same number"
        )


def require_own_output(broker: Broker, pipeline: str, output: Topic) -> None:
    """Raise `ConfigurationError` if another pipeline has published to the topic lately."""
    others = other_owners(broker, pipeline, output)
    if others:
        raise ConfigurationError(
            f"{output.name} holds averages of the pipeline {', '.join(sorted(others))}; give {pipeline} another output topic "
            "(output.topic): no topic can serve two pipelines, whose revisions readers could not tell apart. If the other "
            "one is gone for good, delete the topic and create it again"
        )


def other_owners(broker: Broker, pipeline: str, output: Topic) -> set[str]:
    """Other pipelines that the newest records of each partition name."""
    starts = {one.number: max(one.low, one.stable - NEWEST_RECORDS) for one in output.partitions}
    ends = {one.number: one.stable for one in output.partitions}
    named = (dict(headers_of(message)).get("pipeline") for message in broker.scan(output.name, starts, ends))
    owners = {one.decode(errors="replace") if isinstance(one, bytes) else one for one in named if one}
    return owners - {pipeline}


def require_planned_output(broker: Broker, plan: Plan, output: str) -> None:
    """Raise `DecisionNeeded` if an unfinished batch is for another topic than `output` by now,
    and that cannot be published to.
    """
    if plan.output_topic in (None, "", output):
        return
    try:
        broker.topic(str(plan.output_topic))
    except ConfigurationError as error:
        raise DecisionNeeded(
            f"batch {plan.batch} was planned to be published to {plan.output_topic}, before output.topic was changed to "
            f"{output}, and is finished there first; but: {error}. Create {plan.output_topic} again with "
            f"{counted(len(plan.ranges), 'partition')} and run again. A batch that was not averaged yet can be given up "
            "instead, by hand with --abandon."
        ) from error
