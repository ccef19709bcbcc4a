"""Sending messages to a topic, so that each arrives once and in order however often the sending is interrupted.

The producer is idempotent, never gives up a single message and never goes on after a hole. What a partition holds is therefore
always the beginning of what it should hold, and its length says where to go on.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from confluent_kafka import KafkaError, Message, Producer

from spark_jobs.base.errors import TryAgain
from spark_jobs.base.wording import counted
from spark_jobs.broker.client_errors import LibrdkafkaLog

STALLED_SECONDS = 60.0
REPORT_EVERY = 5_000
_SETTINGS: dict[str, Any] = {
    "enable.idempotence": True,
    "enable.gapless.guarantee": True,
    # A message that is given up alone would leave a hole (librdkafka's documentation of the line above); 0 is never.
    "message.timeout.ms": 0,
    "delivery.report.only.error": True,
    "compression.type": "lz4",
    "linger.ms": 50,
    "batch.num.messages": 10_000,
    "queue.buffering.max.messages": 200_000,
}


class Sendable(NamedTuple):
    """A message and its place."""

    partition: int
    key: bytes
    value: bytes


def send_all(client: Mapping[str, Any], topic: str, messages: Iterable[Sendable], on_sent: Callable[[int], None]) -> int:
    """Send messages and wait until all of them are stored; how many that were.

    `client` says where Kafka is and how to log in, in librdkafka's names.

    Killed meanwhile: what was stored is the beginning of what each partition was to hold.
    """
    sending = _Sending(topic, on_sent)
    producer = Producer({**client, "on_delivery": sending.keep_failure, **_SETTINGS}, logger=LibrdkafkaLog())
    for one in messages:
        sending.produce(producer, one)
    while len(producer):
        producer.flush(0.2)
        sending.look(producer)
    return sending.queued


@dataclass
class _Sending:
    """How far the sending is: `queued` messages, of which all but the producer's rest are stored."""

    topic: str
    on_sent: Callable[[int], None]
    queued: int = 0
    stored: int = 0
    moved_at: float = field(default_factory=time.monotonic)
    failures: list[KafkaError] = field(default_factory=list)

    def keep_failure(self, error: KafkaError | None, _message: Message) -> None:
        """Raising inside a callback of the library would be lost."""
        if error is not None:
            self.failures.append(error)

    def produce(self, producer: Producer, message: Sendable) -> None:
        """Queue one message, waiting for room."""
        while True:
            try:
                producer.produce(self.topic, message.value, message.key, message.partition)
                break
            except BufferError:
                producer.poll(0.1)
                self.look(producer)
        self.queued += 1
        if self.queued % REPORT_EVERY == 0:
            producer.poll(0)
            self.look(producer)

    def look(self, producer: Producer) -> None:
        """Report how many are stored; `TryAgain` if a message failed or nothing has moved for a minute."""
        stored = self.queued - len(producer)
        if stored > self.stored:
            self.stored, self.moved_at = stored, time.monotonic()
        self.on_sent(stored)
        stalled = time.monotonic() - self.moved_at > STALLED_SECONDS
        if self.failures or stalled:
            cause = self.failures[0].str() if self.failures else f"nothing was stored for {STALLED_SECONDS:.0f} s"
            raise TryAgain(
                f"not stored in {self.topic}: {counted(len(producer), 'message')} ({cause}); the next start goes on there"
            )
