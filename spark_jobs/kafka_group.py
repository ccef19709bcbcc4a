"""A consumer group's committed offsets, with those of open transactions waited for.

Asked through a consumer that joins nothing: the same question to librdkafka's AdminClient ends the process (a segmentation fault)
when the group's coordinator is just moving or being created, see https://github.com/confluentinc/librdkafka/issues/5040.
Knows no planning and no publication: what the offsets and their metadata mean is decided elsewhere.
"""

import time
from collections.abc import Sequence

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from spark_jobs.errors import DayfoldError
from spark_jobs.kafka_errors import PASSES, LibrdkafkaLog, Request, as_dayfold_error, kafka_error, open_transaction
from spark_jobs.kafka_settings import KafkaSettings

TRY_SECONDS = 0.5
"""How long one question may take before we look whether an error has arrived beside it."""

_SILENCE = (KafkaError._TIMED_OUT, KafkaError._WAIT_COORD, KafkaError._TRANSPORT, *PASSES)


def committed(
    settings: KafkaSettings, request: Request, partitions: Sequence[int], *, timeout_seconds: float
) -> dict[int, tuple[int, str]]:
    """Offset and metadata that group `request.name` has committed for `request.topic`, for the partitions that have any.

    Raises `ConfigurationError` without permission on the group, `TransactionOpen` if a transaction that holds such offsets stays
    open for `timeout_seconds`, `TryAgain` if nobody answers.
    """
    wanted = [TopicPartition(request.topic, number) for number in partitions]
    if not wanted:
        return {}
    deadline = time.monotonic() + timeout_seconds
    # Without read_committed an open transaction's offsets look as if there were none.
    consumer = _consumer(settings, request, "read_committed")
    try:
        while time.monotonic() < deadline:
            found = _try(consumer, wanted, settings, request)
            if found is not None:
                return {one.partition: (one.offset, one.metadata or "") for one in found if one.offset >= 0}
    finally:
        consumer.close()
    raise _why_silent(settings, request, wanted)


def _consumer(settings: KafkaSettings, request: Request, level: str) -> Consumer:
    own = {"group.id": request.name, "isolation.level": level, "enable.auto.commit": "false"}
    try:
        return Consumer({**settings.librdkafka(), **own}, logger=LibrdkafkaLog())
    except KafkaException as error:
        raise as_dayfold_error(error, settings, request) from error


def _try(
    consumer: Consumer, wanted: list[TopicPartition], settings: KafkaSettings, request: Request
) -> list[TopicPartition] | None:
    """The answer, or None if it may come with the next try."""
    try:
        found = consumer.committed(wanted, timeout=TRY_SECONDS)
    except KafkaException as error:
        code = kafka_error(error)
        if code is None or code.code() not in _SILENCE:
            raise as_dayfold_error(error, settings, request) from error
        _raise_refusal(consumer, settings, request)
        return None
    errors = [one.error for one in found if one.error is not None]
    if errors and errors[0].code() not in _SILENCE:
        raise as_dayfold_error(errors[0], settings, request)
    return None if errors else found


def _raise_refusal(consumer: Consumer, settings: KafkaSettings, request: Request) -> None:
    """A missing permission is no answer to the question; librdkafka reports it among the consumer's records."""
    message = consumer.poll(0)
    error = message.error() if message is not None else None
    if error is not None and error.code() in (KafkaError.GROUP_AUTHORIZATION_FAILED, KafkaError._AUTHENTICATION):
        raise as_dayfold_error(error, settings, request)


def _why_silent(settings: KafkaSettings, request: Request, wanted: list[TopicPartition]) -> DayfoldError:
    """If a reader that does not care for transactions gets an answer, it is an open transaction that held back ours."""
    consumer = _consumer(settings, request, "read_uncommitted")
    try:
        consumer.committed(wanted, timeout=2 * TRY_SECONDS)
    except KafkaException as error:
        return as_dayfold_error(error, settings, request)
    finally:
        consumer.close()
    return open_transaction(request)
