"""Reading a few records in the driver: ranges of one topic, finished by position; read_committed unless asked otherwise.

For looking at records one by one (is anything visible in this range, which headers were published), never for a batch's records:
those are Spark's. The end of a range is known by offset, because its last offsets may be transaction markers, aborted records or
compacted away, and no record ever arrives for them. Commits nothing and belongs to no group.
"""

from collections.abc import Iterator, Mapping
from operator import methodcaller
from typing import Literal

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from spark_jobs.access.properties import KafkaSettings
from spark_jobs.base import machine
from spark_jobs.base.errors import TryAgain
from spark_jobs.broker import clients
from spark_jobs.broker.client_errors import KafkaRequest, as_dayfold_error

Level = Literal["read_committed", "read_uncommitted"]

POLL_SECONDS = 0.2
SETTINGS = {
    # librdkafka asks for a group name even where no group is used; no permission on it is needed.
    "group.id": "dayfold-scan",
    "enable.auto.commit": "false",
    "enable.partition.eof": "true",
    # A start that is gone must be an error, not a silent jump to what is left.
    "auto.offset.reset": "error",
    "fetch.wait.max.ms": "100",
    "allow.auto.create.topics": "false",
}
GLANCE = {
    **SETTINGS,
    "isolation.level": "read_uncommitted",
    # Little is fetched ahead.
    "fetch.message.max.bytes": "16384",
    "queued.max.messages.kbytes": "4096",
}
"""For looking at one record of each partition, whether or not a reader of batches sees it yet."""

_ask_headers = methodcaller("headers")
"""A call from C, which always looks for an error beside the result."""

_PASSING = (KafkaError.GROUP_AUTHORIZATION_FAILED, KafkaError._ALL_BROKERS_DOWN, KafkaError._TRANSPORT)


def scan(
    settings: KafkaSettings, topic: str, spans: Mapping[int, tuple[int, int]], *, level: Level, idle_seconds: float
) -> Iterator[Message]:
    """Records from the start to before the end of each partition's span that a reader of the level sees, in the order of offsets.

    Raises `TryAgain` if nothing moves for `idle_seconds` before every end is reached (an open transaction holds back the rest,
    or the broker is gone) and if records vanish meanwhile; `ConfigurationError` without permission to read.
    """
    spans = {number: (start, end) for number, (start, end) in spans.items() if start < end}
    if not spans:
        return
    request = KafkaRequest("Read", "topic", topic)
    consumer = new_consumer(settings, request, {**SETTINGS, "isolation.level": level})
    try:
        yield from read(consumer, settings, request, spans, idle_seconds)
    finally:
        consumer.close()


def read(
    consumer: Consumer, settings: KafkaSettings, request: KafkaRequest, spans: Mapping[int, tuple[int, int]], idle_seconds: float
) -> Iterator[Message]:
    """The same through a consumer that is there already and goes on afterwards; no span may be empty."""
    _check_topic(consumer, settings, request, idle_seconds)
    assigned = [TopicPartition(request.name, number, start) for number, (start, _) in spans.items()]
    consumer.assign(assigned)
    # What an earlier reading paused stays so.
    consumer.resume(assigned)
    try:
        yield from _visible(consumer, {number: end for number, (_, end) in spans.items()}, settings, request, idle_seconds)
    finally:
        consumer.unassign()


def next_offset(message: Message) -> int:
    """The offset to read after this record."""
    return int(message.offset() or 0) + 1


def headers_of(message: Message) -> list[tuple[str, str | bytes | None]]:
    """The record's headers; none where a name among them is not UTF-8, which ours always are.

    To such a name the client answers once with an error, and then with something that is no text (confluent-kafka 2.16). That
    error comes beside a result: a call that Python has made faster passes it over, and it is raised anywhere later.
    """
    try:
        return list(_ask_headers(message) or [])
    except SystemError:
        return []


def new_consumer(settings: KafkaSettings, request: KafkaRequest, own: Mapping[str, str]) -> Consumer:
    """A client with these settings over those of the file; an error of our tree if it does not take them."""
    try:
        return clients.new_consumer({**settings.librdkafka(), **own})
    except KafkaException as error:
        raise as_dayfold_error(error, settings, request) from error


def _check_topic(consumer: Consumer, settings: KafkaSettings, request: KafkaRequest, seconds: float) -> None:
    """An assigned topic that does not exist would be waited for in silence (seen with librdkafka 2.16)."""
    try:
        found = consumer.list_topics(request.name, timeout=seconds).topics[request.name]
    except KafkaException as error:
        raise as_dayfold_error(error, settings, request) from error
    if found.error is not None:
        raise as_dayfold_error(found.error, settings, request)


def _visible(
    consumer: Consumer, left: dict[int, int], settings: KafkaSettings, request: KafkaRequest, idle_seconds: float
) -> Iterator[Message]:
    deadline = machine.monotonic() + idle_seconds
    while left:
        message = consumer.poll(POLL_SECONDS)
        if message is None:
            _check(deadline, left, request, idle_seconds)
            continue
        error = message.error()
        if error is not None and error.code() != KafkaError._PARTITION_EOF:
            if error.code() not in _PASSING:
                raise as_dayfold_error(error, settings, request)
            _check(deadline, left, request, idle_seconds)
            continue
        deadline = machine.monotonic() + idle_seconds
        if error is None and _within(message, left):
            yield message
        _mark_reached(consumer, message, left)


def _within(message: Message, left: Mapping[int, int]) -> bool:
    end = left.get(_partition(message))
    return end is not None and int(message.offset() or 0) < end


def _mark_reached(consumer: Consumer, message: Message, left: dict[int, int]) -> None:
    """Take a partition off `left` once the position (behind a record, or of the log's readable end) is at its end."""
    number = _partition(message)
    position = next_offset(message) if message.error() is None else int(message.offset() or 0)
    if number in left and position >= left[number]:
        del left[number]
        consumer.pause([TopicPartition(str(message.topic()), number)])


def _partition(message: Message) -> int:
    number = message.partition()
    return -1 if number is None else number


def _check(deadline: float, left: Mapping[int, int], request: KafkaRequest, idle_seconds: float) -> None:
    if machine.monotonic() > deadline:
        ends = ", ".join(f"{number} up to offset {end}" for number, end in sorted(left.items()))
        raise TryAgain(
            f"{request.name} could not be read to the end within {idle_seconds:.0f} s (partition {ends}): "
            "an open transaction or a broker that does not answer holds it back"
        )
