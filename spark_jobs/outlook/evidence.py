"""What a run finds when it begins, of tables, topics and group: all of it asked once, nothing judged.

What follows from it is decided in `obstacles.py` and `progress/drift.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from spark_jobs.base.errors import TransactionOpen
from spark_jobs.broker.cluster import Broker
from spark_jobs.broker.publisher import proven_batch
from spark_jobs.outlook.topics import Topics, look_at_topics
from spark_jobs.outlook.unfinished import reading_from, standing_of
from spark_jobs.outlook.witnesses import newest_shown
from spark_jobs.pipeline.settings import Pipeline
from spark_jobs.progress.checkpoints import Progress
from spark_jobs.progress.drift import IN_TRANSACTION, GroupOffset
from spark_jobs.progress.offsets import Topic
from spark_jobs.progress.standing import Standing

PUBLISHING_SECONDS = 3.0
"""How long an onlooker waits for the end of an unfinished batch's transaction: for that of a run that lives."""


@dataclass(frozen=True)
class Evidence:
    """`standing` is that of the unfinished batch, `shown` the latest batch on the output topic since the last finished one, 0 if
    there is none. `group` has the consumer group's offsets by partition of the input.
    """

    progress: Progress
    standing: Standing | None
    topics: Topics
    shown: int
    group: Mapping[int, GroupOffset]

    @property
    def reading(self) -> Progress:
        """Progress by what is still to be read from Kafka."""
        return reading_from(self.progress, self.standing)


def look(broker: Broker, pipeline: Pipeline, progress: Progress, *, fenced: bool = False) -> Evidence:
    """Ask all of it. A run that has `fenced` older ones waits for the group's offsets, `TransactionOpen` if somebody else's
    transaction hides them; an onlooker takes note that an unfinished batch's does.
    """
    topics = look_at_topics(broker, pipeline)
    return Evidence(
        progress,
        standing_of(pipeline, progress),
        topics,
        newest_shown(broker, pipeline.name, progress, topics.output),
        look_at_group(broker, pipeline, progress, topics.input, fenced=fenced),
    )


def look_at_group(
    broker: Broker, pipeline: Pipeline, progress: Progress, topic: Topic, *, fenced: bool = False
) -> Mapping[int, GroupOffset]:
    """The group, which is `IN_TRANSACTION` while an unfinished batch's transaction is open, be it a dead run's."""
    if fenced or progress.unfinished is None:
        return read_group(broker, pipeline, topic.numbers)
    try:
        return read_group(broker, pipeline, topic.numbers, seconds=PUBLISHING_SECONDS)
    except TransactionOpen:
        return dict.fromkeys(topic.numbers, IN_TRANSACTION)


def read_group(
    broker: Broker, pipeline: Pipeline, partitions: Sequence[int], *, seconds: float | None = None
) -> dict[int, GroupOffset]:
    """The consumer group's offsets for these partitions of the input topic, with what they prove."""
    committed = broker.committed(pipeline.name, pipeline.input.topic, partitions, seconds=seconds)
    return {number: GroupOffset(offset, proven_batch(metadata)) for number, (offset, metadata) in committed.items()}
