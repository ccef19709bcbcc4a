"""Two clusters behind one interface, so that the same tests hold the simulated one to what the real one does."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from spark_jobs.access.properties import KafkaSettings, load_kafka_settings
from spark_jobs.base.machine import Machine, running_on
from spark_jobs.broker.clients import made_by
from spark_jobs.local.kafka.server import create_topics
from tests.log_ends import wait_until_stable
from tests.worlds.clients import Fate, clients_on
from tests.worlds.cluster import Cluster


class Backend(Protocol):
    """A cluster that somebody else writes to; the program's clients reach it with `settings`."""

    settings: KafkaSettings

    def create(self, topic: str, partitions: int) -> None:
        """A new topic."""

    def write(self, topic: str, *values: bytes, partition: int = 0, at: int | None = None) -> None:
        """Records outside of any transaction, with that timestamp in milliseconds."""

    def write_in_transaction(self, topic: str, value: bytes, *, at: int, commit: bool) -> None:
        """A record in partition 0 whose transaction has ended, so that its marker is there."""

    def delete_before(self, topic: str, offset: int) -> None:
        """What retention does to partition 0."""


def settings_for(servers: str, folder: Path) -> KafkaSettings:
    path = folder / "contract.properties"
    path.touch(mode=0o600)
    path.write_text(f"bootstrap.servers={servers}\n")
    return load_kafka_settings(path, {})


class RealBackend:
    """The broker of the test run."""

    def __init__(self, bootstrap: str, folder: Path) -> None:
        self.settings = settings_for(bootstrap, folder)
        self._bootstrap = bootstrap

    def create(self, topic: str, partitions: int) -> None:
        create_topics(self._bootstrap, {topic: partitions})

    def write(self, topic: str, *values: bytes, partition: int = 0, at: int | None = None) -> None:
        producer = Producer({"bootstrap.servers": self._bootstrap, "enable.idempotence": "true"})
        for value in values:
            producer.produce(topic, value, partition=partition, timestamp=at or 0)
        assert producer.flush(20) == 0

    def write_in_transaction(self, topic: str, value: bytes, *, at: int, commit: bool) -> None:
        producer = Producer({"bootstrap.servers": self._bootstrap, "transactional.id": uuid.uuid4().hex})
        producer.init_transactions(20)
        producer.begin_transaction()
        producer.produce(topic, value, partition=0, timestamp=at)
        assert producer.flush(20) == 0
        producer.commit_transaction(20) if commit else producer.abort_transaction(20)
        wait_until_stable(AdminClient({"bootstrap.servers": self._bootstrap}), topic, 0)

    def delete_before(self, topic: str, offset: int) -> None:
        admin = AdminClient({"bootstrap.servers": self._bootstrap})
        (deleted,) = admin.delete_records([TopicPartition(topic, 0, offset)]).values()
        deleted.result(20)


class SimulatedBackend:
    """A simulated cluster on which nobody does any harm; markers are written a moment after the end of a transaction."""

    def __init__(self, folder: Path) -> None:
        self.settings = settings_for("127.0.0.1:1", folder)
        self.cluster = Cluster()
        self.cluster.marker_delay = lambda: 0.01

    def create(self, topic: str, partitions: int) -> None:
        self.cluster.create(topic, partitions)

    def write(self, topic: str, *values: bytes, partition: int = 0, at: int | None = None) -> None:
        log = self.cluster.topics[topic].logs[partition]
        for value in values:
            log.append(None, value, (), self.cluster.milliseconds if at is None else at)

    def write_in_transaction(self, topic: str, value: bytes, *, at: int, commit: bool) -> None:
        name = uuid.uuid4().hex
        self.cluster.begin_epoch(name, 60)
        self.cluster.topics[topic].logs[0].append(None, value, (), at, self.cluster.transaction(name))
        self.cluster.end(name, "committed" if commit else "aborted")
        self.cluster.pass_time(1)

    def delete_before(self, topic: str, offset: int) -> None:
        self.cluster.topics[topic].logs[0].delete_before(offset)

    def request(self, _: str) -> Fate:
        """See `Host`; every request is answered."""
        self.cluster.pass_time(0.001)
        return Fate.ANSWERED

    def wait(self, seconds: float) -> None:
        """See `Host`."""
        self.cluster.pass_time(seconds)

    def delay(self) -> float:
        """See `Host`; nothing is late."""
        return 0.0

    def some(self, _: list[object]) -> set[object]:
        """See `Host`; nothing is torn."""
        return set()

    @contextmanager
    def reached(self) -> Iterator[None]:
        """Let this thread's clients be of this cluster, and its clock that of the simulation."""
        with made_by(clients_on(self)), running_on(Machine(monotonic=lambda: self.cluster.now, sleep=self.wait)):
            yield
