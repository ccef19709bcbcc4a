"""Publishing a batch: one Kafka transaction with its changed daily averages and the group's offsets, which prove it.

The producer's transactional id is the pipeline's name, so a new run fences every older one, on any machine. Order matters:
fence first, read the proof after; an older run could otherwise still commit in between. One transaction per producer: after an
unclear commit the producer is dropped, and the next run finds out from the proof. Knows no Spark.

Killed before the commit reaches the coordinator: the next fence aborts the transaction and everything is published again.
Killed after it: the proof says so and nothing is published again.
"""

import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from spark_jobs.access.properties import KafkaSettings
from spark_jobs.base import machine
from spark_jobs.base.errors import ConfigurationError, DayfoldError, Superseded, TryAgain
from spark_jobs.base.faults import fault
from spark_jobs.base.wording import counted
from spark_jobs.broker.client_errors import KafkaRequest, as_dayfold_error, connection_error, kafka_error
from spark_jobs.broker.clients import new_consumer, new_producer
from spark_jobs.broker.connection import has_no_connection, hopeless
from spark_jobs.progress.offsets import OffsetRange

log = logging.getLogger(__name__)

FENCE_SECONDS, COMMIT_SECONDS = 30.0, 60.0
TRANSACTION_MS, SILENCE_MS = 300_000, 10_000

REPUBLISHED = "republished"
"""The header, with the time, of an average that was published once more by `republish.py`. It carries the batch of its revision,
but it is no publication of that batch: neither the proof nor the order of batches on the topic may be judged by it.
"""


@dataclass(frozen=True, slots=True)
class OutputRecord:
    """One changed daily average as it is published."""

    partition: int
    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...]


def proof_text(batch: int) -> str:
    """Metadata of the group's offsets that a batch's transaction commits."""
    return f"b={batch}"


def proven_batch(metadata: str | None) -> int | None:
    """The batch that the metadata proves, or None if it is not ours."""
    match = re.fullmatch(r"b=(\d{1,18})", metadata or "")
    return int(match[1]) if match else None


def producer_settings(client: Mapping[str, str], pipeline: str) -> dict[str, str | int | bool]:
    """What the producer of a pipeline is made with; the user decides how long a transaction and a silence may last.

    A transactional librdkafka gives up a silent connection only when the transaction's time is nearly over, long after the run
    has given up; so a request or an answer that was lost would never be asked for again. It refuses a longer wait than that.
    """
    transaction_ms = int(client.get("transaction.timeout.ms", TRANSACTION_MS))
    return {
        "transaction.timeout.ms": transaction_ms,
        "socket.timeout.ms": min(SILENCE_MS, transaction_ms),
        **client,
        "transactional.id": pipeline,
        "enable.idempotence": True,
        "linger.ms": 20,
        "compression.type": "lz4",
    }


class Publisher:
    """A fenced transactional producer that publishes one batch;
    `last` are the offsets of the last record delivered per partition, `unconnected` why the producer had no connection.
    """

    def __init__(
        self, settings: KafkaSettings, pipeline: str, producer: Producer, group: Consumer, unconnected: list[KafkaError]
    ) -> None:
        self._settings = settings
        self._pipeline = pipeline
        self._producer = producer
        self._group = group
        self._unconnected = unconnected
        self.last: dict[int, int] = {}
        self._delivered = 0
        self._failures: list[KafkaError] = []

    @classmethod
    def open(cls, settings: KafkaSettings, pipeline: str) -> Self:
        """With clients that begin to connect; `ConfigurationError` where the settings make none."""
        client = settings.librdkafka()
        unconnected: list[KafkaError] = []
        try:
            producer = new_producer({**producer_settings(client, pipeline), "error_cb": unconnected.append})
            # Never subscribed: it only lends the group's name to the transaction.
            group = new_consumer({**client, "group.id": pipeline, "enable.auto.commit": False})
        except KafkaException as error:
            raise as_dayfold_error(error, settings) from error
        return cls(settings, pipeline, producer, group, unconnected)

    def fence(self) -> None:
        """Shut out every older run of the pipeline and settle its last transaction."""
        try:
            self._retry(self._producer.init_transactions, FENCE_SECONDS)
        except KafkaException as error:
            raise self._unfenced(error) from error

    def _unfenced(self, error: KafkaException) -> DayfoldError:
        # Why there is no connection, the client tells apart from any call, and only when it is polled.
        self._fatal()
        failure = hopeless(self._unconnected, self._settings) if has_no_connection(error) else None
        if failure:
            return connection_error(failure, self._settings)
        return as_dayfold_error(error, self._settings, KafkaRequest("Write", "transactional id", self._pipeline))

    def publish(self, topic: str, records: Iterable[OutputRecord], ends: Iterable[TopicPartition]) -> int:
        """Publish all records and the group's offsets, which stay where they are without `ends`, in one transaction; number of
        records.

        `TryAgain` if it was aborted or its outcome is unknown, `Superseded` if a newer run has fenced this one.
        """
        try:
            self._producer.begin_transaction()
            fault("after:begin_transaction")
            count = self._produce_all(topic, records)
            if offsets := list(ends):
                self._send_offsets(offsets)
            fault("before:commit_transaction")
        except (KafkaException, SystemError) as error:
            raise self._aborted(error, topic) from error
        except DayfoldError as error:
            raise self._abort(error, topic) from None
        self._commit(topic)
        fault("after:commit_transaction")
        return count

    def _produce_all(self, topic: str, records: Iterable[OutputRecord]) -> int:
        count = 0
        for record in records:
            self._produce(topic, record)
            count += 1
            fault("after:produce")
        self._producer.flush(COMMIT_SECONDS)
        if self._failures or self._delivered != count:
            raise self._undelivered(topic, count)
        fault("after:delivered")
        return count

    def _produce(self, topic: str, record: OutputRecord) -> None:
        while True:
            try:
                self._producer.produce(
                    topic, record.value, record.key, record.partition, self._on_delivery, headers=list(record.headers)
                )
                self._producer.poll(0)
                return
            except BufferError:
                self._producer.poll(0.1)

    def _on_delivery(self, error: KafkaError | None, message: Message) -> None:
        # Only stores: an exception raised in a callback comes out of the library as a SystemError.
        if error is None:
            self._delivered += 1
            number, offset = message.partition() or 0, message.offset() or 0
            self.last[number] = max(offset, self.last.get(number, 0))
        else:
            self._failures.append(error)

    def _send_offsets(self, ends: list[TopicPartition]) -> None:
        group = self._group.consumer_group_metadata()
        self._retry(lambda timeout: self._producer.send_offsets_to_transaction(ends, group, timeout), FENCE_SECONDS)
        fault("after:send_offsets")

    def _commit(self, topic: str) -> None:
        try:
            self._retry(self._producer.commit_transaction, COMMIT_SECONDS)
        except KafkaException as error:
            # An error that asks for an abort may come after the commit took effect: readers see what is true, not the client.
            unclear = self._unclear(error, topic)
            raise (self._abort(unclear, topic) if error.args[0].txn_requires_abort() else unclear) from error

    def _retry(self, call: Any, seconds: float) -> None:
        """Repeat a transactional call while the library says that it may be repeated and time is left."""
        deadline = machine.monotonic() + seconds
        while True:
            try:
                call(max(1.0, deadline - machine.monotonic()))
                return
            except KafkaException as error:
                if not error.args[0].retriable() or machine.monotonic() > deadline:
                    raise

    def _abort(self, ending: DayfoldError, topic: str) -> DayfoldError:
        """Abort; `ending`, or that a newer run has fenced this one, which undelivered records do not show."""
        try:
            self._producer.abort_transaction(FENCE_SECONDS)
        except KafkaException as error:
            log.warning("the transaction could not be aborted (%s); the next run's fence does it", error.args[0].str())
            found = self._explained(error, topic)
            return found if isinstance(found, Superseded) else ending
        return ending

    def _aborted(self, error: BaseException, topic: str) -> DayfoldError:
        found = self._explained(error, topic)
        if isinstance(found, Superseded):
            return found
        again = TryAgain(f"publishing was aborted and nothing of it is visible; run again ({found})")
        return self._abort(found if isinstance(found, ConfigurationError) else again, topic)

    def _unclear(self, error: KafkaException, topic: str) -> DayfoldError:
        found = self._explained(error, topic)
        if isinstance(found, Superseded):
            return found
        return TryAgain(f"whether the publication was committed is not known; run again, it looks first ({found})")

    def _undelivered(self, topic: str, count: int) -> DayfoldError:
        missing = f"{count - self._delivered:,} of {counted(count, 'average')} not delivered"
        for error in [*self._failures, *self._why_purged()]:
            found = self._explained(error, topic)
            if isinstance(found, Superseded):
                return found
            if isinstance(found, ConfigurationError):
                return ConfigurationError(f"{missing}: {found}")
        reasons = ", ".join(sorted({error.str() for error in self._failures})) or "no answer in time"
        return TryAgain(f"{topic}: {missing} ({reasons}); run again")

    def _why_purged(self) -> list[KafkaError]:
        """What the transaction failed of, where records were dropped for it:
        the next call of the transaction says it, and does nothing.
        """
        if not any(error.code() == KafkaError._PURGE_QUEUE for error in self._failures):
            return []
        try:
            self._producer.send_offsets_to_transaction(
                [TopicPartition(self._pipeline, 0, 0)], self._group.consumer_group_metadata(), 1
            )
        except KafkaException as error:
            return [error.args[0]]
        return []

    def _fatal(self) -> KafkaException | None:
        """Why the producer can go on no more: a call only says that it cannot, the next poll raises what for."""
        try:
            self._producer.poll(0)
        except KafkaException as error:
            return error
        return None

    def _explained(self, error: BaseException | KafkaError, topic: str) -> DayfoldError:
        found = kafka_error(error)
        if found is not None and found.code() == KafkaError._FATAL:
            error = self._fatal() or error
        others = (KafkaRequest("Read", "group", self._pipeline), KafkaRequest("Write", "transactional id", self._pipeline))
        return as_dayfold_error(error, self._settings, KafkaRequest("Write", "topic", topic, others=others))


def group_offsets(topic: str, batch: int, ranges: Iterable[OffsetRange]) -> list[TopicPartition]:
    """The planned ends as the group's offsets, with the proof in their metadata."""
    return [TopicPartition(topic, one.partition, one.end, metadata=proof_text(batch)) for one in ranges]


def is_republished(headers: Iterable[tuple[str, str | bytes | None]]) -> bool:
    """Whether a record of the output topic is no batch's own publication, see `REPUBLISHED`."""
    return any(name == REPUBLISHED for name, _ in headers)
