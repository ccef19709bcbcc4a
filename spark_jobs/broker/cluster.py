"""What the Kafka cluster says: topic ids, partitions and their offsets, a group's progress, records looked at one by one.

The driver's eyes while a batch is planned and proved (confluent-kafka). "Latest" is turned into numbers here, always with the
isolation level named: the last stable offset is where read_committed readers end, the high watermark is not. Must not know
planning rules: what the numbers mean for a batch is decided elsewhere.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self, cast

from confluent_kafka import OFFSET_INVALID, IsolationLevel, KafkaException, Message, TopicCollection, TopicPartition
from confluent_kafka.admin import ConfigResource, ListOffsetsResultInfo, OffsetSpec, ResourceType, TopicDescription

from spark_jobs.access.properties import KafkaSettings, load_kafka_settings
from spark_jobs.base.errors import ConfigurationError, TryAgain
from spark_jobs.broker import epochs, group_kind, record_times, rights, scan, topics
from spark_jobs.broker.client_errors import KafkaRequest, as_dayfold_error
from spark_jobs.broker.connection import ANY_TOPIC, AdminConnection
from spark_jobs.broker.group import GroupReader
from spark_jobs.broker.scan import Level
from spark_jobs.progress.offsets import Partition, Topic

CONNECT_SECONDS = 10.0
SCAN_IDLE_SECONDS = 60.0
COMMITTED, UNCOMMITTED = IsolationLevel.READ_COMMITTED, IsolationLevel.READ_UNCOMMITTED
EARLIEST = cast("OffsetSpec", OffsetSpec.earliest())  # type: ignore[no-untyped-call]
LATEST = cast("OffsetSpec", OffsetSpec.latest())  # type: ignore[no-untyped-call]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def connect_by(properties: Path, environment: Mapping[str, str]) -> "Broker":
    """The cluster that a properties file leads to; see `connect`."""
    return connect(load_kafka_settings(properties, environment))


def connect(settings: KafkaSettings, *, timeout_seconds: float = CONNECT_SECONDS) -> "Broker":
    """A cluster that has answered within `timeout_seconds` and taken our login.

    Raises `BrokerUnreachable` if none of the bootstrap servers answers, `ConfigurationError` naming host, principal and mechanism
    if a name cannot be resolved, a certificate is not trusted or the login is refused: one sentence, never a secret.
    """
    connection = AdminConnection.open(settings)
    cluster_id = connection.reach(timeout_seconds)
    if settings.cluster not in (None, cluster_id):
        raise TryAgain(
            f"another Kafka (cluster {cluster_id}) answers at {settings.servers} than the embedded one that {settings.path} "
            f"leads to (cluster {settings.cluster}); start that one with `dayfold broker start`, then run again"
        )
    # What went wrong on the way (one of several servers, for example) must not explain a later failure.
    connection.failures.clear()
    return Broker(connection, cluster_id, timeout_seconds)


class Broker:
    """A cluster that answered; each question takes at most `timeout_seconds` and raises errors of our tree only."""

    def __init__(self, connection: AdminConnection, cluster_id: str, timeout_seconds: float) -> None:
        self._connection = connection
        self._admin = connection.admin
        self._cluster_id = cluster_id
        self._timeout_seconds = timeout_seconds
        self._readers: dict[str, GroupReader] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._close_readers()

    def _close_readers(self) -> None:
        """End what reads for groups; librdkafka closes other connections when the last reference to the client goes."""
        while self._readers:
            self._readers.popitem()[1].close()

    def reconnect(self) -> None:
        """Go on with new clients: what a network has swallowed is never answered, nor what is asked behind it for a minute."""
        self._close_readers()
        self._connection = AdminConnection.open(self.settings)
        self._admin = self._connection.admin

    def cluster_id(self) -> str:
        return self._cluster_id

    @property
    def settings(self) -> KafkaSettings:
        """What the cluster was reached with."""
        return self._connection.settings

    def topic(self, name: str) -> Topic:
        """Id, partitions and their offsets as of now.

        Raises `ConfigurationError` for an unknown topic and for a missing permission (which of them, Kafka says), `TryAgain`
        while a partition has no leader.
        """
        found = self._describe(name)
        numbers = [partition.id for partition in found.partitions]
        # In this order each number is at most the next one, however much is written or deleted meanwhile.
        lows = self._offsets(name, dict.fromkeys(numbers, EARLIEST), COMMITTED)
        stables = self._answers(name, dict.fromkeys(numbers, LATEST), COMMITTED)
        highs = self._offsets(name, dict.fromkeys(numbers, LATEST), UNCOMMITTED)
        partitions = (
            Partition(number, lows[number], stables[number].offset, highs[number], _epoch(stables[number]))
            for number in sorted(numbers)
        )
        return Topic(name, str(found.topic_id), tuple(partitions))

    def stable_ends(self, topic: str, partitions: Iterable[int]) -> dict[int, int]:
        """Where a read_committed reader of each partition ends now."""
        return self._offsets(topic, dict.fromkeys(partitions, LATEST), COMMITTED)

    def offsets_at(self, topic: str, partitions: Sequence[int], instant: datetime) -> dict[int, int]:
        """Per partition the first offset whose Kafka timestamp is `instant` or later; the last stable offset if there is none."""
        # The ends first: a record that arrives between the two questions must not be jumped over.
        ends = self._offsets(topic, dict.fromkeys(partitions, LATEST), COMMITTED)
        # Kafka's timestamps are whole milliseconds, so a finer instant is rounded up.
        milliseconds = max(0, -((_EPOCH - instant) // timedelta(milliseconds=1)))
        found = self._offsets(topic, dict.fromkeys(partitions, OffsetSpec.for_timestamp(milliseconds)), COMMITTED)
        return {number: offset if offset >= 0 else ends[number] for number, offset in found.items()}

    def committed(
        self, group: str, topic: str, partitions: Sequence[int], *, seconds: float | None = None
    ) -> dict[int, tuple[int, str]]:
        """Offset and metadata the group has committed, for those partitions that have any.

        Offsets inside an open transaction are waited for, never overlooked: `TransactionOpen` if it outlasts `seconds`
        (default: the client's timeout).
        `ConfigurationError` at once without permission on the group.
        """
        request = KafkaRequest("Describe", "group", group, topic)
        patience = self._timeout_seconds if seconds is None else seconds
        return self._reader(group).committed(request, partitions, timeout_seconds=patience)

    def visible(self, group: str, topic: str, offsets: Mapping[int, int]) -> set[int]:
        """Partitions whose record at the given offset a read_committed reader sees, looked up with the group's name.

        `NotPermitted` without Read on the topic.
        """
        return self._reader(group).visible(topic, offsets, idle_seconds=self._timeout_seconds)

    def _reader(self, group: str) -> GroupReader:
        if group not in self._readers:
            self._readers[group] = GroupReader.open(self._connection.settings, group)
        return self._readers[group]

    def topic_config(self, name: str, keys: Iterable[str]) -> dict[str, str | None]:
        """Values of the topic's settings, as text; None for each without permission to see them or without such a key."""
        return self._config(ConfigResource(ResourceType.TOPIC, name), KafkaRequest("DescribeConfigs", "topic", name), keys)

    def broker_config(self, keys: Iterable[str]) -> dict[str, str | None]:
        """The same of a broker's own settings, of the one that answers."""
        try:
            number = self._admin.list_topics(ANY_TOPIC, timeout=self._timeout_seconds).orig_broker_id
        except KafkaException as error:
            raise as_dayfold_error(error, self.settings) from error
        resource = ConfigResource(ResourceType.BROKER, str(number))
        return self._config(resource, KafkaRequest("DescribeConfigs", "cluster", "kafka-cluster"), keys)

    def _config(self, resource: ConfigResource, request: KafkaRequest, keys: Iterable[str]) -> dict[str, str | None]:
        try:
            (found,) = self._ask(lambda: self._admin.describe_configs([resource], request_timeout=self._timeout_seconds), request)
        except ConfigurationError:
            found = {}
        return {key: found[key].value if key in found else None for key in keys}

    def create_topic(self, name: str, partitions: int, replicas: int | None, config: Mapping[str, str]) -> bool:
        """Create a topic; False if there was one of that name. See `topics.create_topic`."""
        topic = topics.new_topic(name, partitions, replicas, config)
        return topics.create_topic(self._admin, self._connection.settings, topic, self._timeout_seconds)

    def replicas(self, name: str) -> int:
        """How many copies of each partition there are to be."""
        return min(len(partition.replicas) for partition in self._describe(name).partitions)

    def topic_rights(self, topics: Sequence[str]) -> dict[str, rights.Rights]:
        """What we may do with each topic; see `rights.topic_rights`."""
        return rights.topic_rights(self._admin, topics, seconds=self._timeout_seconds)

    def group_rights(self, group: str, topic: str) -> rights.Rights:
        """What we may do with the group; see `rights.group_rights`."""
        return rights.group_rights(self._connection.settings, group, topic, seconds=self._timeout_seconds)

    def find_group(self, name: str, *, seconds: float | None = None) -> group_kind.ConsumerGroup | None:
        """The group of this name and what it is; see `group_kind.find_group`."""
        try:
            return group_kind.find_group(self._admin, name, seconds=seconds or self._timeout_seconds)
        except KafkaException as error:
            raise as_dayfold_error(error, self.settings, KafkaRequest("Describe", "group", name)) from error

    def delete_group(self, name: str) -> None:
        """Delete a consumer group with its offsets; `ConfigurationError` while somebody is in it."""
        request = KafkaRequest("Delete", "group", name)
        self._ask(lambda: self._admin.delete_consumer_groups([name], request_timeout=self._timeout_seconds), request)

    def record_times(self, topic: str, offsets: Mapping[int, int]) -> dict[int, datetime]:
        """Per partition when the first record at the offset or after it was written; see `record_times.record_times`."""
        return record_times.record_times(self._connection.settings, topic, offsets, seconds=self._timeout_seconds)

    def find_cut(self, topic: str, positions: Mapping[int, epochs.Position]) -> dict[int, int]:
        """Partitions whose log is not the one any more that was read up to these positions; see `epochs.find_cut`."""
        return epochs.find_cut(self._connection.settings, topic, positions, seconds=self._timeout_seconds)

    def scan(
        self,
        topic: str,
        starts: Mapping[int, int],
        ends: Mapping[int, int],
        *,
        level: Level = "read_committed",
        idle_seconds: float = SCAN_IDLE_SECONDS,
    ) -> Iterator[Message]:
        """Visible records from `starts` to before `ends` per partition; see `scan.scan`."""
        spans = {number: (starts[number], end) for number, end in ends.items()}
        return scan.scan(self._connection.settings, topic, spans, level=level, idle_seconds=idle_seconds)

    def _describe(self, name: str) -> TopicDescription:
        request = KafkaRequest("Describe", "topic", name)
        wanted = TopicCollection([name])
        (found,) = self._ask(lambda: self._admin.describe_topics(wanted, request_timeout=self._timeout_seconds), request)
        leaderless = [str(one.id) for one in found.partitions if one.leader is None or one.leader.id < 0]
        if leaderless:
            raise TryAgain(f"topic {name}: partition {', '.join(leaderless)} has no leader; its broker is down or just starting")
        description: TopicDescription = found
        return description

    def _offsets(self, topic: str, wanted: Mapping[int, OffsetSpec], level: IsolationLevel) -> dict[int, int]:
        return {number: answer.offset for number, answer in self._answers(topic, wanted, level).items()}

    def _answers(self, topic: str, wanted: Mapping[int, OffsetSpec], level: IsolationLevel) -> dict[int, ListOffsetsResultInfo]:
        if not wanted:
            return {}
        specs = {TopicPartition(topic, number): spec for number, spec in wanted.items()}
        found: list[ListOffsetsResultInfo] = self._ask(
            lambda: self._admin.list_offsets(specs, isolation_level=level, request_timeout=self._timeout_seconds),
            KafkaRequest("Describe", "topic", topic),
        )
        # What librdkafka makes of a connection that fell silent: no error, and an offset that no broker sends.
        if any(answer.offset == OFFSET_INVALID for answer in found):
            raise self._connection.unreachable(self._timeout_seconds)
        return dict(zip(wanted, found, strict=True))

    def _ask(self, question: Callable[[], Mapping[Any, "Future[Any]"]], request: KafkaRequest) -> list[Any]:
        return self._connection.ask(question, request, self._timeout_seconds)


def _epoch(answer: ListOffsetsResultInfo) -> int | None:
    """The leader's epoch; brokers that are no Kafka may not say it."""
    epoch = answer.leader_epoch
    return None if epoch is None or epoch < 0 else int(epoch)
