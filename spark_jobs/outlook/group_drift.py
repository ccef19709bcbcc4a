"""Where the pipeline's consumer group stands, and a warning where it was moved: runs go by the checkpoints, others may go by the
group.

Asks the broker only; what a difference means is decided in `drift.py`.
"""

import logging
from collections.abc import Mapping, Sequence

from spark_jobs.base.errors import TransactionOpen
from spark_jobs.broker.cluster import Broker
from spark_jobs.broker.publisher import proven_batch
from spark_jobs.outlook.unfinished import PUBLISHING_SECONDS, reading_from
from spark_jobs.pipeline.settings import Pipeline
from spark_jobs.progress.checkpoints import Progress
from spark_jobs.progress.drift import IN_TRANSACTION, GroupOffset, judge_group
from spark_jobs.progress.offsets import Topic

log = logging.getLogger(__name__)


def read_group(
    broker: Broker, pipeline: Pipeline, partitions: Sequence[int], *, seconds: float | None = None
) -> dict[int, GroupOffset]:
    """The consumer group's offsets for these partitions of the input topic, with what they prove."""
    committed = broker.committed(pipeline.name, pipeline.input.topic, partitions, seconds=seconds)
    return {number: GroupOffset(offset, proven_batch(metadata)) for number, (offset, metadata) in committed.items()}


def look_at_group(broker: Broker, pipeline: Pipeline, progress: Progress, topic: Topic) -> Mapping[int, GroupOffset]:
    """The group, which is `IN_TRANSACTION` while an unfinished batch's transaction is open, be it a dead run's."""
    if progress.unfinished is None:
        return read_group(broker, pipeline, topic.numbers)
    try:
        return read_group(broker, pipeline, topic.numbers, seconds=PUBLISHING_SECONDS)
    except TransactionOpen:
        return dict.fromkeys(topic.numbers, IN_TRANSACTION)


def warn_of_group(broker: Broker, pipeline: Pipeline, progress: Progress, topic: Topic) -> None:
    """Log a sentence for each partition of which the group is wrong; the run goes on from the checkpoint all the same."""
    reading, group = reading_from(pipeline, progress).ends, look_at_group(broker, pipeline, progress, topic)
    for one in topic.partitions:
        verdict = judge_group(progress, topic, one, group.get(one.number), reading)
        if verdict.wrong == "group":
            log.warning("partition %d: %s", one.number, verdict.sentence)
