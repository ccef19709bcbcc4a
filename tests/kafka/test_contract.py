"""What the program relies on a cluster to do, asked of the real one and of the simulated one by the same tests."""

import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest
from confluent_kafka import KafkaException, Producer, TopicPartition

from spark_jobs.base import machine
from spark_jobs.base.errors import DayfoldError, Superseded, TopicMissing, TransactionOpen, TryAgain
from spark_jobs.broker.client_errors import as_dayfold_error
from spark_jobs.broker.clients import new_consumer, new_producer
from spark_jobs.broker.cluster import Broker, connect
from spark_jobs.broker.grants import is_restricted
from spark_jobs.broker.publisher import OutputRecord, Publisher, producer_settings
from spark_jobs.broker.scan import Level
from spark_jobs.local.kafka.server import RunningKafka
from tests.worlds.backends import Backend, RealBackend, SimulatedBackend

pytestmark = pytest.mark.group("SC")

COMMITTED: Level = "read_committed"
UNCOMMITTED: Level = "read_uncommitted"


@pytest.fixture(params=["real", "simulated"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Backend]:
    if request.param == "real":
        kafka: RunningKafka = request.getfixturevalue("kafka")
        yield RealBackend(kafka.bootstrap, tmp_path)
    else:
        simulated = SimulatedBackend(tmp_path)
        with simulated.reached():
            yield simulated


@pytest.fixture
def broker(place: Backend) -> Iterator[Broker]:
    with connect(place.settings) as connected:
        yield connected


@pytest.fixture
def topic(place: Backend) -> str:
    name = f"contract-{secrets.token_hex(4)}"
    place.create(name, 2)
    return name


@pytest.fixture
def group() -> str:
    return f"contract-{secrets.token_hex(4)}"


def producer_of(place: Backend, name: str, **settings: str) -> Producer:
    return new_producer(producer_settings({**place.settings.librdkafka(), **settings}, name))


def in_transaction(place: Backend, topic: str, *values: bytes, name: str = "") -> Producer:
    """A producer of an open transaction in which these records are delivered to partition 0."""
    producer = producer_of(place, name or secrets.token_hex(4))
    producer.init_transactions(20)
    producer.begin_transaction()
    for value in values:
        producer.produce(topic, value, b"key", 0, ignored)
    producer.flush(20)
    return producer


def ignored(*_: object) -> None:
    """Of a delivery that the test knows about."""


def until(holds: Callable[[], object], what: str) -> None:
    deadline = machine.monotonic() + 20
    while not holds():
        assert machine.monotonic() < deadline, what
        machine.sleep(0.01)


def seen(broker: Broker, topic: str, level: Level = COMMITTED) -> list[bytes | None]:
    partition = broker.topic(topic).partitions[0]
    end = partition.stable if level == COMMITTED else partition.high
    return [one.value() for one in broker.scan(topic, {0: partition.low}, {0: end}, level=level, idle_seconds=5)]


def error_of(call: Callable[[], object], place: Backend) -> DayfoldError:
    with pytest.raises(KafkaException) as raised:
        call()
    return as_dayfold_error(raised.value, place.settings)


def test_an_open_transaction_holds_back_what_stands_behind_it(place: Backend, broker: Broker, topic: str) -> None:
    place.write(topic, b"before")
    producer = in_transaction(place, topic, b"inside")
    place.write(topic, b"behind")
    one = broker.topic(topic).partitions[0]
    assert (one.low, one.stable, one.high) == (0, 1, 3)
    assert (seen(broker, topic), seen(broker, topic, UNCOMMITTED)) == ([b"before"], [b"before", b"inside", b"behind"])
    producer.commit_transaction(20)
    until(lambda: broker.topic(topic).partitions[0].stable == 4, "the marker")
    assert seen(broker, topic) == [b"before", b"inside", b"behind"]


def test_aborted_records_keep_their_offsets_and_are_shown_to_nobody_who_asks_for_committed_ones(
    place: Backend, broker: Broker, topic: str
) -> None:
    in_transaction(place, topic, b"aborted", b"too").abort_transaction(20)
    place.write(topic, b"after")
    until(lambda: broker.topic(topic).partitions[0].stable == 4, "the marker")
    assert (seen(broker, topic), seen(broker, topic, UNCOMMITTED)) == ([b"after"], [b"aborted", b"too", b"after"])


def test_a_transaction_without_records_in_a_partition_leaves_no_marker_there(place: Backend, broker: Broker, topic: str) -> None:
    in_transaction(place, topic, b"one").commit_transaction(20)
    until(lambda: broker.topic(topic).partitions[0].stable == 2, "the marker")
    assert [one.high for one in broker.topic(topic).partitions] == [2, 0]


def test_a_fence_aborts_what_an_older_producer_left_open_and_shuts_it_out(place: Backend, broker: Broker, topic: str) -> None:
    name = secrets.token_hex(4)
    older = in_transaction(place, topic, b"older", name=name)
    producer_of(place, name).init_transactions(20)
    assert isinstance(error_of(lambda: older.commit_transaction(20), place), Superseded)
    until(lambda: broker.topic(topic).partitions[0].stable == 2, "the marker")
    assert seen(broker, topic) == []


def test_a_fence_leaves_alone_what_was_committed(place: Backend, broker: Broker, topic: str) -> None:
    name = secrets.token_hex(4)
    in_transaction(place, topic, b"older", name=name).commit_transaction(20)
    producer_of(place, name).init_transactions(20)
    assert seen(broker, topic) == [b"older"]


def test_after_a_fence_the_last_transaction_has_ended_everywhere(place: Backend, broker: Broker, topic: str) -> None:
    name = secrets.token_hex(4)
    in_transaction(place, topic, b"older", name=name).commit_transaction(20)
    producer_of(place, name).init_transactions(20)
    assert broker.topic(topic).partitions[0].stable == 2


def publish(place: Backend, topic: str, group: str, offsets: Mapping[int, int]) -> None:
    publisher = Publisher.open(place.settings, group)
    publisher.fence()
    records = [OutputRecord(0, b"k", b"v", (("batch", b"7"),))]
    publisher.publish(topic, records, [TopicPartition(topic, number, end, metadata="b=7") for number, end in offsets.items()])
    assert publisher.last == {0: 0}


def test_offsets_of_a_transaction_are_there_with_their_metadata_once_it_is_committed(
    place: Backend, broker: Broker, topic: str, group: str
) -> None:
    assert broker.committed(group, topic, [0, 1]) == {}
    publish(place, topic, group, {0: 5, 1: 6})
    assert broker.committed(group, topic, [0, 1]) == {0: (5, "b=7"), 1: (6, "b=7")}
    assert broker.visible(group, topic, {0: 0}) == {0}


def test_offsets_of_an_open_transaction_are_waited_for(place: Backend, broker: Broker, topic: str, group: str) -> None:
    publish(place, topic, group, {0: 5})
    producer = in_transaction(place, topic, b"open", name=group)
    consumer = Publisher.open(place.settings, group)
    metadata = consumer._group.consumer_group_metadata()
    producer.send_offsets_to_transaction([TopicPartition(topic, 0, 9, metadata="b=8")], metadata, 20)
    with pytest.raises(TransactionOpen):
        broker.committed(group, topic, [0], seconds=1)
    producer.abort_transaction(20)
    assert broker.committed(group, topic, [0]) == {0: (5, "b=7")}


def test_a_group_that_is_deleted_has_no_offsets(place: Backend, broker: Broker, topic: str, group: str) -> None:
    publish(place, topic, group, {0: 5})
    assert broker.committed(group, topic, [0]) == {0: (5, "b=7")}
    found = broker.find_group(group)
    assert found is not None
    assert (found.is_of_consumers, found.is_in_use) == (True, False)
    broker.delete_group(group)
    assert (broker.committed(group, topic, [0]), broker.find_group(group)) == ({}, None)


def test_a_start_that_is_gone_is_an_error_and_no_jump(place: Backend, broker: Broker, topic: str) -> None:
    place.write(topic, b"0", b"1", b"2")
    place.delete_before(topic, 2)
    until(lambda: broker.topic(topic).partitions[0].low == 2, "the deletion")
    with pytest.raises(TryAgain):
        list(broker.scan(topic, {0: 0}, {0: 3}, idle_seconds=5))
    assert seen(broker, topic) == [b"2"]


def test_a_log_that_is_still_the_same_is_not_cut(place: Backend, broker: Broker, topic: str) -> None:
    place.write(topic, b"0", b"1")
    epoch = broker.topic(topic).partitions[0].epoch
    assert epoch is not None
    assert broker.find_cut(topic, {0: (2, epoch)}) == {}


def test_records_are_found_by_their_time(place: Backend, broker: Broker, topic: str) -> None:
    instant = machine.now()
    milliseconds = int(instant.timestamp() * 1000)
    place.write(topic, b"early", at=milliseconds - 1)
    place.write(topic, b"late", at=milliseconds + 1)
    assert broker.offsets_at(topic, [0, 1], instant) == {0: 1, 1: 0}
    assert broker.record_times(topic, {0: 0, 1: 0}).keys() == {0}


def test_a_topic_that_is_not_there_is_missing(broker: Broker) -> None:
    with pytest.raises(TopicMissing):
        broker.topic("no-such-topic")


def test_whoever_is_held_to_nothing_may_do_everything(broker: Broker, topic: str, group: str) -> None:
    rights = broker.topic_rights([topic])
    assert rights[topic] is not None
    assert not is_restricted(rights.values())
    assert broker.group_rights(group, topic) == frozenset({"Describe", "Read"})


def test_what_nobody_has_set_is_as_kafka_has_it(broker: Broker, topic: str) -> None:
    assert broker.topic_config(topic, ["cleanup.policy", "no.such.key"]) == {"cleanup.policy": "delete", "no.such.key": None}
    assert broker.broker_config(["transaction.max.timeout.ms"]) == {"transaction.max.timeout.ms": "900000"}


def test_a_transaction_that_lasts_too_long_is_ended_and_its_producer_shut_out(place: Backend, broker: Broker, topic: str) -> None:
    producer = producer_of(place, secrets.token_hex(4), **{"transaction.timeout.ms": "1000"})
    producer.init_transactions(20)
    producer.begin_transaction()
    producer.produce(topic, b"late", b"key", 0, ignored)
    producer.flush(20)
    until(lambda: broker.topic(topic).partitions[0].stable == 2, "the coordinator to abort")
    assert isinstance(error_of(lambda: producer.commit_transaction(20), place), Superseded)
    assert seen(broker, topic) == []


def test_a_record_of_a_producer_that_was_shut_out_is_not_delivered(place: Backend, broker: Broker, topic: str) -> None:
    name = secrets.token_hex(4)
    older = in_transaction(place, topic, b"before", name=name)
    producer_of(place, name).init_transactions(20)
    older.produce(topic, b"late", b"key", 0, ignored)
    # Either the delivery fails, or the client itself does.
    with suppress(KafkaException, SystemError):
        older.flush(20)
    until(lambda: broker.topic(topic).partitions[0].stable == 2, "the marker")
    assert seen(broker, topic, UNCOMMITTED) == [b"before"]


def test_each_fence_shuts_out_all_before_it(place: Backend, topic: str) -> None:
    name = secrets.token_hex(4)
    older = [in_transaction(place, topic, b"one", name=name) for _ in range(3)]
    for one in older[:2]:
        assert isinstance(error_of(partial(one.commit_transaction, 20), place), Superseded)
    older[2].commit_transaction(20)


def test_offsets_that_are_sent_again_in_a_transaction_take_the_place_of_those_before(
    place: Backend, broker: Broker, topic: str, group: str
) -> None:
    producer = in_transaction(place, topic, b"one", name=group)
    metadata = Publisher.open(place.settings, group)._group.consumer_group_metadata()
    for end in (4, 5, 5):
        producer.send_offsets_to_transaction([TopicPartition(topic, 0, end, metadata=f"b={end}")], metadata, 20)
    producer.commit_transaction(20)
    assert broker.committed(group, topic, [0]) == {0: (5, "b=5")}


def test_offsets_that_somebody_commits_by_hand_take_the_place_of_a_transactions(
    place: Backend, broker: Broker, topic: str, group: str
) -> None:
    publish(place, topic, group, {0: 5, 1: 6})
    assert broker.committed(group, topic, [0]) == {0: (5, "b=7")}
    consumer = new_consumer({**place.settings.librdkafka(), "group.id": group, "enable.auto.commit": False})
    consumer.commit(offsets=[TopicPartition(topic, 0, 3, metadata="b=6")], asynchronous=False)
    assert broker.committed(group, topic, [0, 1]) == {0: (3, "b=6"), 1: (6, "b=7")}
    consumer.close()


def test_two_transactions_hold_back_what_stands_behind_the_first_of_them(place: Backend, broker: Broker, topic: str) -> None:
    first, second = in_transaction(place, topic, b"first"), in_transaction(place, topic, b"second")
    second.commit_transaction(20)
    until(lambda: broker.topic(topic).partitions[0].high == 3, "the marker")
    assert broker.topic(topic).partitions[0].stable == 0
    first.abort_transaction(20)
    until(lambda: broker.topic(topic).partitions[0].stable == 4, "the marker")
    assert seen(broker, topic) == [b"second"]
