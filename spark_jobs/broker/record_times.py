"""When records of a topic were written: the Kafka timestamp of the first one at an offset, and nothing else of it.

For telling since when records wait, whether or not a reader of batches sees them yet; so it reads at read_uncommitted, which
nothing else here does. Commits nothing and belongs to no group.
"""

import logging
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from spark_jobs.access.properties import KafkaSettings
from spark_jobs.base import machine
from spark_jobs.broker.client_errors import KafkaRequest, as_dayfold_error
from spark_jobs.broker.scan import GLANCE, POLL_SECONDS, new_consumer

log = logging.getLogger(__name__)

# No partition waits a second for another's record to be taken.
_SETTINGS = {**GLANCE, "fetch.queue.backoff.ms": "10"}
_NOTHING_THERE = (KafkaError._PARTITION_EOF, KafkaError.OFFSET_OUT_OF_RANGE, KafkaError._AUTO_OFFSET_RESET)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NO_TIME = -1
"""What Kafka writes where a record has no timestamp."""


def instant_of(milliseconds: int) -> datetime | None:
    """The instant of a Kafka timestamp; None for one outside of the years 1 to 9999, and where there is none. A producer may send
    any number.

    >>> instant_of(1_780_000_000_123).isoformat(), instant_of(1_780_000_000_123_000), instant_of(-1)
    ('2026-05-28T20:26:40.123000+00:00', None, None)
    """
    try:
        return None if milliseconds == NO_TIME else _EPOCH + timedelta(milliseconds=milliseconds)
    except OverflowError:
        return None


def record_times(settings: KafkaSettings, topic: str, starts: Mapping[int, int], *, seconds: float) -> dict[int, datetime]:
    """Per partition when the first record at `starts[p]` or after it was written, be it aborted or of an open transaction.

    A partition is left out if there is none, if no answer came within `seconds`, or if its record's timestamp is no time, which
    is logged: knowing is worth a wait, but not a failure. `ConfigurationError` without permission to read.
    """
    if not starts:
        return {}
    request = KafkaRequest("Read", "topic", topic)
    consumer = new_consumer(settings, request, _SETTINGS)
    try:
        consumer.assign([TopicPartition(topic, number, start) for number, start in starts.items()])
        found = {message.partition() or 0: _instant(message) for message in _firsts(consumer, len(starts), settings, seconds)}
    finally:
        consumer.close()
    return {number: instant for number, instant in found.items() if instant is not None}


def _instant(message: Message) -> datetime | None:
    _, milliseconds = message.timestamp()
    instant = instant_of(milliseconds)
    if instant is None:
        log.warning(
            "%s: the Kafka timestamp of partition %s, offset %s is %d, which is no time in milliseconds; since when that "
            "record waits, and when it expires, is unknown",
            message.topic(),
            message.partition(),
            message.offset(),
            milliseconds,
        )
    return instant


def _firsts(consumer: Consumer, wanted: int, settings: KafkaSettings, seconds: float) -> Iterator[Message]:
    """The first record of each assigned partition; one whose end comes first, or whose offset is gone, has none."""
    deadline = machine.monotonic() + seconds
    answered: set[int] = set()
    while len(answered) < wanted and machine.monotonic() < deadline:
        message = consumer.poll(POLL_SECONDS)
        if message is None or not _is_answer(message, settings):
            continue
        number = message.partition() or 0
        if message.error() is None and number not in answered:
            yield message
        answered.add(number)
        consumer.pause([TopicPartition(str(message.topic()), number)])


def _is_answer(message: Message, settings: KafkaSettings) -> bool:
    """Whether the partition has said what it has to say; other errors pass, or last until the time is up."""
    error = message.error()
    if error is not None and error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED:
        raise as_dayfold_error(error, settings, KafkaRequest("Read", "topic", str(message.topic())))
    return error is None or error.code() in _NOTHING_THERE
