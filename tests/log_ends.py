"""Where the log of a partition ends, for readers of both isolation levels."""

from functools import partial

from confluent_kafka import IsolationLevel, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from tests.submitted import wait_until


def wait_until_stable(admin: AdminClient, topic: str, partition: int) -> None:
    """Until nothing is held back: the broker moves the last stable offset a moment after it answered the end of a transaction."""
    end = partial(_end, admin, TopicPartition(topic, partition))
    wait_until(lambda: len({end(level) for level in IsolationLevel}) == 1, "the last stable offset to move")


def _end(admin: AdminClient, asked: TopicPartition, level: IsolationLevel) -> int:
    found = admin.list_offsets({asked: OffsetSpec.latest()}, isolation_level=level)  # type: ignore[no-untyped-call]
    return int(found[asked].result(20).offset)
