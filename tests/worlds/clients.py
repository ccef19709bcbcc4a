"""librdkafka's three clients, as far as the program uses them, upon a simulated cluster.

They are made like the real ones and answer with the real values and errors, so that everything above them is the program's own
code. Before each request the host may let time pass, let others act, or end the run; it says what becomes of the request.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from enum import Enum
from functools import partial
from types import SimpleNamespace
from typing import Any, Protocol, TypeVar

from confluent_kafka import OFFSET_INVALID, IsolationLevel, KafkaError, KafkaException, Message, TopicPartition
from confluent_kafka.admin import (
    AclOperation,
    ConfigResource,
    ListOffsetsResultInfo,
    NewTopic,
    OffsetSpec,
    ResourceType,
    TopicDescription,
)

from spark_jobs.broker.clients import Clients
from tests.worlds.cluster import NO_EPOCH, Cluster, Log, Refused, Transaction

T = TypeVar("T")

BROKER = SimpleNamespace(id=1, host="simulated", port=9092)
UNKNOWN_TOPIC = KafkaError.UNKNOWN_TOPIC_OR_PART
ALL = [AclOperation.READ, AclOperation.WRITE, AclOperation.DESCRIBE, AclOperation.DESCRIBE_CONFIGS, AclOperation.ALTER]
BUSY_SECONDS = 0.05
"""How long a client waits before it asks again whether a transaction has ended."""


class Fate(Enum):
    """What becomes of a request."""

    ANSWERED = "answered"
    LOST = "lost on the way to the broker"
    UNANSWERED = "carried out, its answer lost"
    LATE = "carried out later, without an answer"
    REPEATED = "carried out twice, the second time later"
    IMAGINED = "confirmed, and not carried out"
    TORN = "carried out, in some places the other way round"
    BLURRED = "carried out, and answered with an error that says nothing"


class Host(Protocol):
    """The machine that a client runs on."""

    cluster: Cluster

    def request(self, what: str, /) -> Fate:
        """Before a request; it may end the run."""

    def wait(self, seconds: float, /) -> None:
        """Nothing happens here for so long."""

    def delay(self) -> float:
        """After how many seconds a late request arrives."""

    def some(self, places: list[object], /) -> set[object]:
        """Places where a transaction that is torn gets the other marker."""


def clients_on(host: Host) -> Clients:
    """What makes clients on this machine."""
    made: tuple[Any, ...] = (partial(SimulatedAdmin, host), partial(SimulatedConsumer, host), partial(SimulatedProducer, host))
    return Clients(*made)


def refusal(code: int, text: str = "", *, retriable: bool = False, abort: bool = False) -> KafkaException:
    """What a client raises."""
    return KafkaException(KafkaError(code, text or None, False, retriable, abort))


class _Client:
    def __init__(self, host: Host, settings: Mapping[str, Any], **_: object) -> None:
        self._host = host
        self._settings = settings

    @property
    def _cluster(self) -> Cluster:
        return self._host.cluster

    def _ask(self, what: str, seconds: float, answer: Callable[[], T]) -> T:
        """One request that changes nothing; raises `_TIMED_OUT` where it stays without an answer."""
        if self._host.request(what) is not Fate.ANSWERED:
            self._host.wait(seconds)
            raise refusal(KafkaError._TIMED_OUT, f"{what} timed out")
        try:
            return answer()
        except Refused as refused:
            raise refusal(refused.code, refused.text) from None

    def list_topics(self, topic: str, timeout: float = 10) -> SimpleNamespace:
        return self._ask("metadata", timeout, partial(self._metadata, topic))

    def _metadata(self, topic: str) -> SimpleNamespace:
        found = self._cluster.topics.get(topic)
        error = self._trouble_with(topic)
        partitions = {log.number: log for log in found.logs} if found else {}
        topics = {topic: SimpleNamespace(topic=topic, error=error, partitions=partitions)}
        return SimpleNamespace(cluster_id=self._cluster.id, orig_broker_id=BROKER.id, topics=topics)

    def _trouble_with(self, topic: str) -> KafkaError | None:
        """What stands against reading or writing it."""
        if topic not in self._cluster.topics:
            return KafkaError(UNKNOWN_TOPIC)
        return KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED) if topic in self._cluster.denied else None


class SimulatedAdmin(_Client):
    """`AdminClient`."""

    def poll(self, timeout: float = 0) -> int:
        self._host.wait(timeout)
        return 0

    def describe_topics(
        self, topics: Any, *, include_authorized_operations: bool = False, request_timeout: float = 10
    ) -> dict[str, "Future[Any]"]:
        return {
            name: self._future("describe topic", request_timeout, partial(self._described, name, include_authorized_operations))
            for name in topics.topic_names
        }

    def _described(self, name: str, operations: bool) -> TopicDescription:
        found = self._cluster.topic(name, UNKNOWN_TOPIC)
        partitions: Any = [SimpleNamespace(id=log.number, leader=BROKER, replicas=[BROKER], isr=[BROKER]) for log in found.logs]
        allowed = [AclOperation.DESCRIBE] if name in self._cluster.denied else ALL
        return TopicDescription(name, found.id, False, partitions, list(allowed) if operations else None)  # type: ignore[arg-type]

    def list_offsets(
        self, specs: Mapping[TopicPartition, OffsetSpec], *, isolation_level: IsolationLevel, request_timeout: float = 10
    ) -> dict[TopicPartition, "Future[ListOffsetsResultInfo]"]:
        if self._host.request("list offsets") is not Fate.ANSWERED:
            self._host.wait(request_timeout)
            # As librdkafka answers, without an error.
            return {one: settled(lambda: ListOffsetsResultInfo(OFFSET_INVALID, -1, -1)) for one in specs}
        committed = isolation_level == IsolationLevel.READ_COMMITTED
        return {one: settled(partial(self._offset, one, spec, committed)) for one, spec in specs.items()}

    def _offset(self, place: TopicPartition, spec: OffsetSpec, committed: bool) -> ListOffsetsResultInfo:
        log = self._cluster.log(place.topic, place.partition, UNKNOWN_TOPIC)
        end = log.stable if committed else log.high
        if spec is OffsetSpec.earliest():  # type: ignore[no-untyped-call]
            return ListOffsetsResultInfo(log.low, -1, log.epoch)
        if spec is OffsetSpec.latest():  # type: ignore[no-untyped-call]
            return ListOffsetsResultInfo(end, -1, log.epoch)
        late = (one.offset for one in log.shown(log.low, end, committed=False) if one.timestamp >= spec._value)
        return ListOffsetsResultInfo(next(late, -1), -1, log.epoch)

    def describe_configs(self, resources: Sequence[ConfigResource], *, request_timeout: float = 10) -> dict[Any, "Future[Any]"]:
        return {one: self._future("describe configs", request_timeout, partial(self._config, one)) for one in resources}

    def _config(self, resource: ConfigResource) -> dict[str, SimpleNamespace]:
        defaults = {
            "cleanup.policy": "delete",
            "retention.ms": "-1",
            "retention.bytes": "-1",
            "transaction.max.timeout.ms": "900000",
        }
        own = self._cluster.topic(resource.name, UNKNOWN_TOPIC).config if resource.restype == ResourceType.TOPIC else {}
        return {name: SimpleNamespace(value=value) for name, value in (defaults | own).items()}

    def create_topics(self, topics: Sequence[NewTopic], **timeouts: float) -> dict[str, "Future[None]"]:
        return {
            one.topic: self._future("create topic", timeouts["request_timeout"], partial(self._create, one)) for one in topics
        }

    def _create(self, topic: NewTopic) -> None:
        if topic.topic in self._cluster.topics:
            raise Refused(KafkaError.TOPIC_ALREADY_EXISTS)
        self._cluster.create(topic.topic, topic.num_partitions)

    def delete_consumer_groups(self, names: Sequence[str], *, request_timeout: float = 10) -> dict[str, "Future[None]"]:
        return {one: self._future("delete group", request_timeout, partial(self._delete_group, one)) for one in names}

    def _delete_group(self, name: str) -> None:
        if self._cluster.groups.pop(name, None) is None:
            raise Refused(KafkaError.GROUP_ID_NOT_FOUND)

    def list_groups(self, name: str, timeout: float) -> list[SimpleNamespace]:
        return self._ask("list groups", timeout, partial(self._groups, name))

    def _groups(self, name: str) -> list[SimpleNamespace]:
        if name in self._cluster.not_of_consumers:
            return [SimpleNamespace(id=name, state="Dead")]
        return [SimpleNamespace(id=name, state="Empty")] if name in self._cluster.groups else []

    def list_consumer_groups(self, *, request_timeout: float = 10) -> "Future[SimpleNamespace]":
        """Share and streams groups are not among them; silence is an error beside an empty list."""
        names = sorted(self._cluster.groups.keys() - self._cluster.not_of_consumers)
        try:
            found = self._ask("list consumer groups", request_timeout, lambda: names)
        except KafkaException as error:
            silence = error
            return settled(lambda: SimpleNamespace(valid=[], errors=[silence]))
        listed = [SimpleNamespace(group_id=one, state=SimpleNamespace(name="EMPTY")) for one in found]
        return settled(lambda: SimpleNamespace(valid=listed, errors=[]))

    def _future(self, what: str, seconds: float, answer: Callable[[], T]) -> "Future[T]":
        return settled(partial(self._ask, what, seconds, answer))


def settled(answer: Callable[[], T]) -> "Future[T]":
    """A future that has its answer."""
    future: Future[T] = Future()
    try:
        future.set_result(answer())
    except KafkaException as error:
        return failed(error)
    except Refused as refused:
        return failed(refusal(refused.code, refused.text))
    return future


def failed(error: KafkaException) -> "Future[Any]":
    """A future that has failed."""
    future: Future[Any] = Future()
    future.set_exception(error)
    return future


@dataclass
class _Place:
    """Where a consumer stands in a partition; `checked` until its epoch was compared with the leader's."""

    log: Log
    position: int
    epoch: int = -1
    checked: bool = True
    ended: int = -1
    paused: bool = False


class SimulatedConsumer(_Client):
    """`Consumer`: what is fetched is what the log shows at the moment it is polled."""

    def __init__(self, host: Host, settings: Mapping[str, Any], **_: object) -> None:
        super().__init__(host, settings)
        self._committed_only = settings.get("isolation.level", "read_committed") == "read_committed"
        self._places: dict[int, _Place] = {}
        self._topic = ""
        self._ready: Iterator[Message] | None = None
        self._callbacks: list[Callable[[], object]] = []

    def assign(self, places: Sequence[TopicPartition]) -> None:
        self._places = {}
        for one in places:
            self._topic = one.topic
            topic = self._cluster.topics.get(one.topic)
            if topic and one.partition < len(topic.logs):
                epoch = -1 if one.leader_epoch is None else one.leader_epoch
                self._places[one.partition] = _Place(topic.logs[one.partition], one.offset, epoch, checked=epoch < 0)

    def unassign(self) -> None:
        self._places = {}

    def pause(self, places: Sequence[TopicPartition]) -> None:
        self._set_paused(places, True)

    def resume(self, places: Sequence[TopicPartition]) -> None:
        self._set_paused(places, False)

    def _set_paused(self, places: Sequence[TopicPartition], paused: bool) -> None:
        for one in places:
            if one.partition in self._places:
                self._places[one.partition].paused = paused

    def close(self) -> None:
        self._places = {}

    def poll(self, timeout: float = 0) -> Message | None:
        while self._callbacks:
            self._callbacks.pop(0)()
        asked = False
        for number, place in self._places.items():
            if place.paused:
                continue
            if not asked and self._host.request("fetch") is not Fate.ANSWERED:
                break
            asked = True
            found = self._fetch(number, place)
            if found is not None:
                return found
        self._host.wait(timeout)
        return None

    def _fetch(self, number: int, place: _Place) -> Message | None:
        log = place.log
        if self._topic in self._cluster.denied:
            return self._error(number, place.position, KafkaError.TOPIC_AUTHORIZATION_FAILED)
        if not place.checked:
            place.checked = True
            end = log.end_of_epoch(place.epoch)
            if end < place.position:
                return self._error(
                    number, place.position, KafkaError._AUTO_OFFSET_RESET, f"offset is gone: broker end offset is {end}"
                )
        if not log.low <= place.position <= log.high:
            return self._error(number, place.position, KafkaError._AUTO_OFFSET_RESET, "Broker: Offset out of range")
        end = log.stable if self._committed_only else log.high
        found = log.next_shown(place.position, end, committed=self._committed_only)
        if found is not None:
            place.position = found.offset + 1
            return Message(
                topic=self._topic,
                partition=number,
                offset=found.offset,
                key=found.key,
                value=found.value,
                headers=list(found.headers),
                timestamp=(1, found.timestamp),
            )
        place.position = max(place.position, end)
        if place.ended == place.position:
            return None
        place.ended = place.position
        return self._error(number, place.position, KafkaError._PARTITION_EOF)

    def _error(self, number: int, offset: int, code: int, text: str = "") -> Message:
        return Message(topic=self._topic, partition=number, offset=offset, error=KafkaError(code, text or None))

    def committed(self, places: Sequence[TopicPartition], timeout: float = 10) -> list[TopicPartition]:
        return self._ask("committed offsets", timeout, partial(self._stored, places, timeout))

    def _stored(self, places: Sequence[TopicPartition], timeout: float) -> list[TopicPartition]:
        group, waited = self._settings["group.id"], 0.0
        if group in self._cluster.denied:
            raise Refused(KafkaError.GROUP_AUTHORIZATION_FAILED)
        while self._committed_only and any(self._cluster.is_pending(group, one.topic, one.partition) for one in places):
            if waited >= timeout:
                raise Refused(KafkaError._TIMED_OUT, "offsets are pending")
            self._host.wait(BUSY_SECONDS)
            waited += BUSY_SECONDS
        found = [(one, self._cluster.committed(group, one.topic, one.partition)) for one in places]
        return [
            TopicPartition(one.topic, one.partition, offset[0], metadata=offset[1])
            if offset
            else TopicPartition(one.topic, one.partition, -1001)
            for one, offset in found
        ]

    def commit(self, offsets: Sequence[TopicPartition], *, asynchronous: bool) -> None:
        """Only what asks whether it would be allowed, of partitions that do not exist, is asked for by the program."""
        fate = self._host.request("commit offsets")
        if not asynchronous:
            places = {(one.topic, one.partition): (one.offset, one.metadata or "") for one in offsets}
            self._cluster.groups.setdefault(self._settings["group.id"], {}).update(places)
            return
        answer = KafkaError(UNKNOWN_TOPIC if fate is Fate.ANSWERED else KafkaError._TIMED_OUT)
        self._callbacks.append(partial(self._settings["on_commit"], answer, offsets))

    def consumer_group_metadata(self) -> str:
        return str(self._settings["group.id"])


class SimulatedProducer(_Client):
    """`Producer` with a transactional id.

    A fenced one fails for good. A call that got no answer may be repeated, and finds done what was done.
    """

    def __init__(self, host: Host, settings: Mapping[str, Any], **_: object) -> None:
        super().__init__(host, settings)
        self._name: str = settings["transactional.id"]
        self._claim = (0, NO_EPOCH)
        self._callbacks: list[Callable[[], object]] = []
        self._fatal: KafkaError | None = None
        self._failed = False

    def init_transactions(self, patience: float) -> None:
        waited = 0.0
        while True:
            fate = self._host.request("init producer")
            timeout = int(self._settings["transaction.timeout.ms"]) / 1000
            claim = None if fate is Fate.LOST else self._cluster.begin_epoch(self._name, timeout)
            if claim is not None and fate is Fate.ANSWERED:
                self._claim = claim
                return
            pause = BUSY_SECONDS if fate is Fate.ANSWERED else self._silence
            self._host.wait(pause)
            waited += pause
            if waited >= patience:
                raise refusal(KafkaError._TIMED_OUT, "init_transactions timed out", retriable=True)

    @property
    def _silence(self) -> float:
        """How long the client waits for an answer before it asks again."""
        return int(self._settings["socket.timeout.ms"]) / 1000

    def begin_transaction(self) -> None:
        self._require_usable()

    def produce(
        self, topic: str, value: bytes, key: bytes, partition: int, on_delivery: Callable[..., object], *, headers: Any = ()
    ) -> None:
        self._require_usable()
        fate = self._host.request("produce")
        if self._is_fenced():
            self._deliver(on_delivery, KafkaError.INVALID_PRODUCER_EPOCH, topic, partition)
            return
        if (trouble := self._trouble_with(topic)) is not None or partition >= len(self._cluster.topics[topic].logs):
            self._failed = True
            self._deliver(on_delivery, trouble.code() if trouble else UNKNOWN_TOPIC, topic, partition)
            return
        log = self._cluster.topics[topic].logs[partition]
        transaction = self._cluster.transaction(self._name)
        write = partial(self._write, log, key, value, tuple(headers))
        if fate in (Fate.LOST, Fate.LATE):
            # Given up after its time; the transaction can only be aborted from now on. It has the partition already.
            transaction.unmarked[log] = None
            if fate is Fate.LATE:
                self._cluster.later(self._host.delay(), partial(self._cluster.write_late, log, transaction, write))
            self._host.wait(self._silence)
            self._failed = True
            self._deliver(on_delivery, KafkaError._MSG_TIMED_OUT, topic, partition)
            return
        offset = write(transaction)
        if fate is Fate.UNANSWERED:
            # Sent again, and recognized by its sequence number.
            self._host.wait(self._silence)
        delivered = Message(topic=topic, partition=partition, offset=offset, key=key, value=value)
        self._callbacks.append(partial(on_delivery, None, delivered))

    def _write(self, log: Log, key: bytes, value: bytes, headers: tuple[tuple[str, bytes], ...], transaction: Transaction) -> int:
        return log.append(key, value, headers, self._cluster.milliseconds, transaction)

    def _deliver(self, on_delivery: Callable[..., object], code: int, topic: str, partition: int) -> None:
        self._callbacks.append(
            partial(on_delivery, KafkaError(code), Message(topic=topic, partition=partition, error=KafkaError(code)))
        )

    def poll(self, timeout: float = 0) -> int:
        count = len(self._callbacks)
        while self._callbacks:
            self._callbacks.pop(0)()
        if timeout and not count:
            self._host.wait(timeout)
        return count

    def flush(self, _: float = 0) -> int:
        self.poll()
        return 0

    def send_offsets_to_transaction(self, places: Sequence[TopicPartition], group: str, _: float) -> None:
        if group in self._cluster.denied:
            raise refusal(KafkaError.GROUP_AUTHORIZATION_FAILED, abort=True)
        offsets = {(one.topic, one.partition): (one.offset, one.metadata or "") for one in places}
        self._call("send offsets", lambda: self._cluster.add_offsets(self._name, group, offsets))

    def commit_transaction(self, _: float) -> None:
        self._end("committed")

    def abort_transaction(self, _: float) -> None:
        self._failed = False
        self._end("aborted")

    def _end(self, outcome: str) -> None:
        self.poll()
        self._call(f"end transaction: {outcome}", partial(self._cluster.end, self._name, outcome))

    def _call(self, what: str, act: Callable[[], None]) -> None:
        """A request to the coordinator; what got no answer may be asked for again."""
        self._require_usable()
        fate = self._host.request(what)
        if self._is_fenced():
            raise KafkaException(self._fatal)
        if fate is Fate.TORN:
            transaction = self._cluster.transaction(self._name)
            transaction.torn = self._host.some(list(transaction.unmarked))
        if fate not in (Fate.LOST, Fate.LATE, Fate.IMAGINED):
            act()
        if fate is Fate.BLURRED:
            raise refusal(KafkaError._FAIL, f"{what}: something went wrong")
        if fate in (Fate.LATE, Fate.REPEATED):
            self._cluster.later(self._host.delay(), lambda: act() if self._cluster.holds(self._name, self._claim) else None)
        if fate in (Fate.LOST, Fate.UNANSWERED, Fate.LATE):
            self._host.wait(self._silence)
            raise refusal(KafkaError._TIMED_OUT, f"{what}: no answer", retriable=True)

    def _is_fenced(self) -> bool:
        if not self._cluster.holds(self._name, self._claim):
            self._fatal = self._fatal or KafkaError(KafkaError._FENCED, "fenced by a newer producer", True)
        return self._fatal is not None

    def _require_usable(self) -> None:
        if self._fatal is not None:
            raise KafkaException(self._fatal)
        if self._failed:
            raise refusal(KafkaError._STATE, "the transaction failed and can only be aborted", abort=True)
