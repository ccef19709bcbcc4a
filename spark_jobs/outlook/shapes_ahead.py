"""The shapes of the messages that a batch will read, learned from its first ones before the plan is stored.

They decide only how fast the batch is read, so what cannot be found out is left out. The plan keeps them, so a rerun reads as
the first run did.
"""

import logging

from spark_jobs.base.errors import TryAgain
from spark_jobs.broker.cluster import Broker
from spark_jobs.pipeline.rules import DeclaredRules
from spark_jobs.progress.offsets import Plan
from spark_jobs.readings.shapes import learned_shapes

log = logging.getLogger(__name__)

LEAST_OFFSETS = 50_000
"""A smaller batch is read sooner than its shapes are learned."""

MOST_PARTITIONS, OFFSETS_OF_EACH, SECONDS = 8, 25, 5.0


def find_shapes(broker: Broker, topic: str, plan: Plan) -> tuple[str, ...]:
    """The shapes of the batch's first messages, from the partitions with the most to read; none where they would be no help."""
    if not isinstance(plan.rules, DeclaredRules) or plan.span < LEAST_OFFSETS:
        return ()
    largest = sorted(plan.ranges, key=lambda one: (-one.span, one.partition))[:MOST_PARTITIONS]
    starts = {one.partition: one.start for one in largest}
    ends = {one.partition: min(one.end, one.start + OFFSETS_OF_EACH) for one in largest}
    values: list[bytes | None] = []
    try:
        for message in broker.scan(topic, starts, ends, idle_seconds=SECONDS):
            values.append(_bytes(message.value()))
    except TryAgain as trouble:
        log.info("plan     not all of the first messages could be looked at: %s", trouble)
    return learned_shapes(values)


def _bytes(value: str | bytes | None) -> bytes | None:
    return value.encode() if isinstance(value, str) else value
