"""When records of a topic were written: the Kafka timestamp of the first one at an offset, and nothing else of it.

For telling since when records wait, whether or not a reader of batches sees them yet; so it reads at read_uncommitted, which
nothing else here does. Commits nothing and belongs to no group.
"""

import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

from confluent_kafka import TIMESTAMP_NOT_AVAILABLE, Consumer, KafkaError, KafkaException, Message, TopicPartition

from spark_jobs.kafka_errors import LibrdkafkaLog, Request, as_dayfold_error
from spark_jobs.kafka_scan import GROUP, POLL_SECONDS
from spark_jobs.kafka_settings import KafkaSettings

_SETTINGS = {
    "group.id": GROUP,
    "isolation.level": "read_uncommitted",
    "enable.auto.commit": "false",
    "enable.partition.eof": "true",
    "auto.offset.reset": "error",
    "allow.auto.create.topics": "false",
    "fetch.wait.max.ms": "100",
    # One record of each partition is looked at: little is fetched ahead, and no partition waits a second for another's to be taken.
    "fetch.message.max.bytes": "16384",
    "queued.max.messages.kbytes": "4096",
    "fetch.queue.backoff.ms": "10",
}
_NOTHING_THERE = (KafkaError._PARTITION_EOF, KafkaError.OFFSET_OUT_OF_RANGE, KafkaError._AUTO_OFFSET_RESET)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def record_times(settings: KafkaSettings, topic: str, starts: Mapping[int, int], *, seconds: float) -> dict[int, datetime]:
    """Per partition when the first record at `starts[p]` or after it was written, be it aborted or of an open transaction.

    A partition is left out if there is none, or if no answer came within `seconds`: knowing is worth a wait, but not a failure.
    `ConfigurationError` without permission to read.
    """
    if not starts:
        return {}
    request = Request("Read", "topic", topic)
    try:
        consumer = Consumer({**settings.librdkafka(), **_SETTINGS}, logger=LibrdkafkaLog())
    except KafkaException as error:
        raise as_dayfold_error(error, settings, request) from error
    try:
        consumer.assign([TopicPartition(topic, number, start) for number, start in starts.items()])
        times = {message.partition() or 0: message.timestamp() for message in _firsts(consumer, len(starts), settings, seconds)}
    finally:
        consumer.close()
    known = {number: ms for number, (kind, ms) in times.items() if kind != TIMESTAMP_NOT_AVAILABLE}
    return {number: _EPOCH + timedelta(milliseconds=ms) for number, ms in known.items()}


def _firsts(consumer: Consumer, wanted: int, settings: KafkaSettings, seconds: float) -> Iterator[Message]:
    """The first record of each assigned partition; one whose end comes first, or whose offset is gone, has none."""
    deadline = time.monotonic() + seconds
    answered: set[int] = set()
    while len(answered) < wanted and time.monotonic() < deadline:
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
        raise as_dayfold_error(error, settings, Request("Read", "topic", str(message.topic())))
    return error is None or error.code() in _NOTHING_THERE
