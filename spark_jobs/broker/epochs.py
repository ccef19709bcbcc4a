"""Whether a partition's log is still the one that was read: asked of its leader by leader epoch (KIP-320), without reading a
record of it.

Every leader's records carry its epoch, a number that only grows. A log that lost its end and grew again gives the offsets of old
records to others, of a later epoch: the leader then says that the old epoch ended before the offset up to which it was read.
Commits nothing and belongs to no group.
"""

import re
from collections.abc import Iterator, Mapping

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from spark_jobs.access.properties import KafkaSettings
from spark_jobs.base import machine
from spark_jobs.base.errors import TryAgain
from spark_jobs.broker.client_errors import KafkaRequest, as_dayfold_error
from spark_jobs.broker.scan import GLANCE, POLL_SECONDS, new_consumer

Position = tuple[int, int]
"""Where reading goes on, and a leader epoch that no record before it is later than."""

UNKNOWN = -1
"""What the leader answers where it knows nothing of an epoch, nor of any before it."""

_TRUNCATED = re.compile(r"broker end offset is (-?\d+)")


def find_cut(settings: KafkaSettings, topic: str, positions: Mapping[int, Position], *, seconds: float) -> dict[int, int]:
    """Partitions that hold other records before their position than were there under its epoch: per partition the offset from
    which on they are others, `UNKNOWN` where the leader does not know.

    Raises `TryAgain` if not all partitions have answered within `seconds`.
    """
    if not positions:
        return {}
    request = KafkaRequest("Read", "topic", topic)
    # The client checks the epoch before it fetches, and answers as for an offset that is gone.
    consumer = new_consumer(settings, request, GLANCE)
    try:
        consumer.assign(
            [TopicPartition(topic, number, offset, leader_epoch=epoch) for number, (offset, epoch) in positions.items()]
        )
        return dict(_cut(consumer, set(positions), settings, request, seconds))
    finally:
        consumer.close()


def _cut(
    consumer: Consumer, waiting: set[int], settings: KafkaSettings, request: KafkaRequest, seconds: float
) -> Iterator[tuple[int, int]]:
    deadline = machine.monotonic() + seconds
    while waiting:
        if machine.monotonic() > deadline:
            raise TryAgain(
                f"{request.name}: partition {', '.join(map(str, sorted(waiting)))} did not answer within {seconds:.0f} s"
            )
        message = consumer.poll(POLL_SECONDS)
        number = -1 if message is None else _partition(message)
        if message is None or number not in waiting or not _is_answer(message, settings, request):
            continue
        waiting.discard(number)
        consumer.pause([TopicPartition(request.name, number)])
        found = _TRUNCATED.search(_text(message))
        if found:
            yield number, int(found[1])


def _is_answer(message: Message, settings: KafkaSettings, request: KafkaRequest) -> bool:
    """Whether it says something about the position: a record, its end, or that there is no such place; other errors pass."""
    error = message.error()
    if error is not None and error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED:
        raise as_dayfold_error(error, settings, request)
    return error is None or error.code() in (KafkaError._PARTITION_EOF, KafkaError._AUTO_OFFSET_RESET)


def _text(message: Message) -> str:
    error = message.error()
    return error.str() if error is not None and error.code() == KafkaError._AUTO_OFFSET_RESET else ""


def _partition(message: Message) -> int:
    number = message.partition()
    return -1 if number is None else number
