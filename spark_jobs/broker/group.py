"""A consumer group's committed offsets, with those of open transactions waited for, and single records through the same consumer.

Asked through a consumer that joins nothing: the same question to librdkafka's AdminClient ends the process (a segmentation fault)
when the group's coordinator is just moving or being created, see https://github.com/confluentinc/librdkafka/issues/5040.
Knows no planning and no publication: what the offsets and their metadata mean is decided elsewhere.
"""

from collections.abc import Mapping, Sequence
from typing import Self

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from spark_jobs.access.properties import KafkaSettings
from spark_jobs.base import machine
from spark_jobs.broker import scan
from spark_jobs.broker.client_errors import PASSES, KafkaRequest, as_dayfold_error, kafka_error, open_transaction

TRY_SECONDS = 0.5
"""How long one question may take before we look whether an error has arrived beside it."""

_SILENCE = (KafkaError._TIMED_OUT, KafkaError._WAIT_COORD, KafkaError._TRANSPORT, *PASSES)


class GroupReader:
    """One consumer with the group's name that stays connected, so that a question costs a millisecond;
    it joins and commits nothing.
    """

    def __init__(self, settings: KafkaSettings, consumer: Consumer) -> None:
        self._settings = settings
        self._consumer = consumer

    @classmethod
    def open(cls, settings: KafkaSettings, group: str) -> Self:
        """With a client that begins to connect."""
        # Without read_committed an open transaction's offsets look as if there were none.
        return cls(settings, _consumer(settings, KafkaRequest("Describe", "group", group), "read_committed"))

    def committed(
        self, request: KafkaRequest, partitions: Sequence[int], *, timeout_seconds: float
    ) -> dict[int, tuple[int, str]]:
        """Offset and metadata that group `request.name` has committed for `request.topic`, for the partitions that have any.

        Raises `ConfigurationError` without permission on the group, `TransactionOpen` if a transaction that holds such offsets
        stays open for `timeout_seconds`, `TryAgain` if nobody answers.
        """
        wanted = [TopicPartition(request.topic, number) for number in partitions]
        if not wanted:
            return {}
        deadline = machine.monotonic() + timeout_seconds
        found = None
        while found is None and machine.monotonic() < deadline:
            found = _try(self._consumer, wanted, self._settings, request)
        found = found or self._ask_anew(request, wanted)
        return {one.partition: (one.offset, one.metadata or "") for one in found if one.offset >= 0}

    def visible(self, topic: str, offsets: Mapping[int, int], *, idle_seconds: float) -> set[int]:
        """Partitions whose record at the given offset a read_committed reader sees; its log must have been stable beyond it."""
        spans = {number: (offset, offset + 1) for number, offset in offsets.items()}
        request = KafkaRequest("Read", "topic", topic)
        found = scan.read(self._consumer, self._settings, request, spans, idle_seconds)
        return {message.partition() or 0 for message in found}

    def _ask_anew(self, request: KafkaRequest, wanted: list[TopicPartition]) -> list[TopicPartition]:
        """The answer on new connections, which are used from then on: those that fell silent say nothing of the group.

        If only a reader that does not care for transactions gets one, it is an open transaction that holds back ours.
        """
        _require_answer(self._settings, request, wanted)
        anew = _consumer(self._settings, request, "read_committed")
        self._consumer, silent = anew, self._consumer
        silent.close()
        found = _try(anew, wanted, self._settings, request)
        if found is None:
            raise open_transaction(request)
        return found

    def close(self) -> None:
        self._consumer.close()


def _consumer(settings: KafkaSettings, request: KafkaRequest, level: str) -> Consumer:
    # The time that a fetch waits for more is time that a run waits for the last partition.
    own = {**scan.SETTINGS, "group.id": request.name, "isolation.level": level, "fetch.wait.max.ms": "5"}
    return scan.new_consumer(settings, request, own)


def _try(
    consumer: Consumer, wanted: list[TopicPartition], settings: KafkaSettings, request: KafkaRequest
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


def _raise_refusal(consumer: Consumer, settings: KafkaSettings, request: KafkaRequest) -> None:
    """A missing permission is no answer to the question; librdkafka reports it among the consumer's records."""
    message = consumer.poll(0)
    error = message.error() if message is not None else None
    if error is not None and error.code() in (KafkaError.GROUP_AUTHORIZATION_FAILED, KafkaError._AUTHENTICATION):
        raise as_dayfold_error(error, settings, request)


def _require_answer(settings: KafkaSettings, request: KafkaRequest, wanted: list[TopicPartition]) -> None:
    """Raise if not even a reader that does not care for transactions gets an answer."""
    consumer = _consumer(settings, request, "read_uncommitted")
    try:
        consumer.committed(wanted, timeout=2 * TRY_SECONDS)
    except KafkaException as error:
        raise as_dayfold_error(error, settings, request) from error
    finally:
        consumer.close()
