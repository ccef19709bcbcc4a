"""What a real broker answers, with everything that other clients may do to a topic."""

import secrets
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from spark_jobs.access.embedded import cluster_id
from spark_jobs.access.properties import KafkaSettings
from spark_jobs.base.errors import BrokerUnreachable, ConfigurationError, TryAgain
from spark_jobs.broker.client_errors import CONNECT
from spark_jobs.broker.cluster import Broker, connect
from spark_jobs.broker.connection import AdminConnection
from spark_jobs.broker.scan import Level
from spark_jobs.local.free_ports import free_ports
from spark_jobs.local.kafka.server import RunningKafka, create_topics, start_kafka
from spark_jobs.progress.offsets import Partition
from tests.kafka.conftest import NewSettings, Writer

NewTopic = Callable[..., str]
ANSWER_SECONDS = 15.0
"""Within this a user must know what is wrong."""

LEVELS: tuple[Level, ...] = ("read_committed", "read_uncommitted")
NOON = datetime(2006, 12, 23, 12, tzinfo=UTC)
NOON_MS = int(NOON.timestamp() * 1000)


@pytest.fixture
def admin(kafka: RunningKafka) -> AdminClient:
    return AdminClient({"bootstrap.servers": kafka.bootstrap})


def delete_before(admin: AdminClient, topic: str, offset: int) -> None:
    for done in admin.delete_records([TopicPartition(topic, 0, offset)]).values():
        done.result()


def answers(broker: Broker, topic: str) -> bool:
    """Whether all leaders are at work already; a topic has them in its metadata a little earlier."""
    try:
        return bool(broker.topic(topic))
    except TryAgain:
        return False


def values(
    broker: Broker, topic: str, starts: dict[int, int], ends: dict[int, int], idle_seconds: float = 20
) -> list[bytes | None]:
    return [record.value() for record in broker.scan(topic, starts, ends, idle_seconds=idle_seconds)]


def write_offsets(producer: Producer, kafka: RunningKafka, group: str, offsets: Iterable[TopicPartition]) -> None:
    consumer = Consumer({"bootstrap.servers": kafka.bootstrap, "group.id": group})
    try:
        producer.send_offsets_to_transaction(list(offsets), consumer.consumer_group_metadata(), 20)
    finally:
        consumer.close()


def test_the_clusters_id_is_the_one_its_storage_was_formatted_with(broker: Broker, kafka: RunningKafka) -> None:
    assert broker.cluster_id() == cluster_id(kafka.folder)


def test_a_new_topic_has_all_its_partitions_at_offset_0(broker: Broker, new_topic: NewTopic) -> None:
    name = new_topic(3)
    topic = broker.topic(name)
    assert topic.name == name
    assert topic.partitions == (Partition(0, 0, 0, 0), Partition(1, 0, 0, 0), Partition(2, 0, 0, 0))


def test_records_outside_transactions_are_stable_at_once(broker: Broker, new_topic: NewTopic, writer: Writer) -> None:
    topic = new_topic(2)
    writer.send(topic, 1, "a", "b")
    assert broker.topic(topic).partitions == (Partition(0, 0, 0, 0), Partition(1, 0, 2, 2))


def test_an_open_transaction_holds_back_what_is_behind_its_first_record(
    broker: Broker, new_topic: NewTopic, writer: Writer
) -> None:
    topic = new_topic(1)
    writer.send(topic, 0, "before")
    with writer.transaction(topic, 0, "inside") as producer:
        writer.send(topic, 0, "behind")
        (partition,) = broker.topic(topic).partitions
        assert partition == Partition(0, 0, 1, 3)
        producer.commit_transaction(20)
    writer.wait_until_stable(topic, 0)
    assert broker.topic(topic).partitions == (Partition(0, 0, 4, 4),)


def test_an_aborted_transaction_occupies_offsets_that_nobody_sees(broker: Broker, new_topic: NewTopic, writer: Writer) -> None:
    topic = new_topic(1)
    writer.aborted(topic, 0, "never", "seen")
    assert broker.topic(topic).partitions == (Partition(0, 0, 3, 3),)
    assert list(broker.scan(topic, {0: 0}, {0: 3})) == []


def test_deleted_records_move_the_first_offset(broker: Broker, new_topic: NewTopic, writer: Writer, admin: AdminClient) -> None:
    topic = new_topic(1)
    writer.send(topic, 0, "a", "b", "c")
    delete_before(admin, topic, 2)
    assert broker.topic(topic).partitions == (Partition(0, 2, 3, 3),)


def test_a_topic_created_again_has_another_id(
    broker: Broker, new_topic: NewTopic, admin: AdminClient, kafka: RunningKafka
) -> None:
    name = new_topic(1)
    first = broker.topic(name).id
    for done in admin.delete_topics([name], operation_timeout=20).values():
        done.result()
    create_topics(kafka.bootstrap, {name: 1})
    again = broker.topic(name).id
    assert again != first
    assert len(again) == len(first) == 22


def test_added_partitions_are_found(broker: Broker, new_topic: NewTopic, admin: AdminClient) -> None:
    from confluent_kafka.admin import NewPartitions

    name = new_topic(1)
    assert broker.topic(name).numbers == (0,)
    for done in admin.create_partitions([NewPartitions(name, 3)]).values():
        done.result()
    deadline = time.monotonic() + 20
    while len(admin.list_topics(name, timeout=10).topics[name].partitions) < 3:
        assert time.monotonic() < deadline
    assert broker.topic(name).numbers == (0, 1, 2)


def test_512_partitions_are_asked_for_in_a_few_requests(broker: Broker, new_topic: NewTopic) -> None:
    topic = new_topic(512)
    deadline = time.monotonic() + 60
    while not answers(broker, topic):
        assert time.monotonic() < deadline
    started = time.monotonic()
    assert broker.topic(topic).numbers == tuple(range(512))
    assert time.monotonic() - started < 5


def test_an_unknown_topic_is_named(broker: Broker, kafka: RunningKafka) -> None:
    with pytest.raises(ConfigurationError, match=f"^nowhere is no topic of {kafka.bootstrap}; create it or correct the name$"):
        broker.topic("nowhere")


def test_a_name_that_no_topic_can_have_is_told(broker: Broker) -> None:
    with pytest.raises(ConfigurationError, match=r"^'no/where' cannot be the name of a topic:"):
        broker.topic("no/where")


def test_a_time_is_the_first_offset_that_is_not_earlier(broker: Broker, new_topic: NewTopic, writer: Writer) -> None:
    topic = new_topic(3)
    for second in range(3):
        writer.send(topic, 0, f"{second}", timestamp_ms=NOON_MS + second * 1000)
    writer.send(topic, 1, "early", timestamp_ms=NOON_MS - 1)
    at = [NOON - timedelta(days=1), NOON, NOON + timedelta(seconds=1), NOON + timedelta(seconds=1, microseconds=1)]
    found = [broker.offsets_at(topic, [0, 1, 2], instant) for instant in at]
    assert found == [{0: 0, 1: 0, 2: 0}, {0: 0, 1: 1, 2: 0}, {0: 1, 1: 1, 2: 0}, {0: 2, 1: 1, 2: 0}]


def test_a_time_later_than_all_records_is_the_end_that_readers_see(broker: Broker, new_topic: NewTopic, writer: Writer) -> None:
    topic = new_topic(1)
    writer.send(topic, 0, "a", timestamp_ms=NOON_MS)
    with writer.transaction(topic, 0, "held back", timestamp_ms=NOON_MS + 5000):
        assert broker.offsets_at(topic, [0], NOON + timedelta(seconds=1)) == {0: 1}


def test_a_time_before_1970_is_the_beginning(broker: Broker, new_topic: NewTopic, writer: Writer) -> None:
    topic = new_topic(1)
    writer.send(topic, 0, "a", timestamp_ms=NOON_MS)
    assert broker.offsets_at(topic, [0], datetime(1960, 1, 1, tzinfo=UTC)) == {0: 0}


def test_a_group_that_never_committed_has_no_offsets(broker: Broker, new_topic: NewTopic) -> None:
    assert broker.committed(f"group-{secrets.token_hex(4)}", new_topic(2), [0, 1]) == {}


def test_offsets_committed_in_a_transaction_come_back_with_their_metadata(
    broker: Broker, new_topic: NewTopic, writer: Writer, kafka: RunningKafka
) -> None:
    topic, group = new_topic(3), f"group-{secrets.token_hex(4)}"
    with writer.transaction(topic, 0, "a") as producer:
        write_offsets(producer, kafka, group, [TopicPartition(topic, 0, 7, "b=1"), TopicPartition(topic, 2, 0, "")])
        producer.commit_transaction(20)
    assert broker.committed(group, topic, [0, 1, 2]) == {0: (7, "b=1"), 2: (0, "")}


def test_offsets_of_an_open_transaction_are_waited_for_and_then_named(
    kafka: RunningKafka, new_settings: NewSettings, new_topic: NewTopic, writer: Writer
) -> None:
    topic, group = new_topic(1), f"group-{secrets.token_hex(4)}"
    with writer.transaction(topic, 0, "a") as producer, connect(new_settings(kafka.bootstrap), timeout_seconds=1) as broker:
        write_offsets(producer, kafka, group, [TopicPartition(topic, 0, 7, "b=1")])
        with pytest.raises(TryAgain, match=f"group {group}: its offsets of {topic} are part of an open transaction"):
            broker.committed(group, topic, [0])


@pytest.mark.parametrize("commit", [True, False])
def test_offsets_of_a_transaction_that_ends_meanwhile_are_read_after_its_end(
    broker: Broker, new_topic: NewTopic, writer: Writer, kafka: RunningKafka, commit: bool
) -> None:
    topic, group = new_topic(1), f"group-{secrets.token_hex(4)}"
    with writer.transaction(topic, 0, "a") as producer, ThreadPoolExecutor() as pool:
        write_offsets(producer, kafka, group, [TopicPartition(topic, 0, 7, "b=1")])
        asked = pool.submit(broker.committed, group, topic, [0])
        (producer.commit_transaction if commit else producer.abort_transaction)(20)
        assert asked.result(20) == ({0: (7, "b=1")} if commit else {})


def test_the_topics_settings_can_be_looked_at(broker: Broker, new_topic: NewTopic) -> None:
    topic = new_topic(1, {"cleanup.policy": "compact"})
    assert broker.topic_config(topic, ["cleanup.policy", "no.such.key"]) == {"cleanup.policy": "compact", "no.such.key": None}


def test_a_scan_ends_at_the_given_offsets_and_not_at_the_logs_end(broker: Broker, new_topic: NewTopic, writer: Writer) -> None:
    topic = new_topic(2)
    writer.send(topic, 0, "a", "b", "c", "d")
    writer.send(topic, 1, "e", "f")
    assert sorted(map(str, values(broker, topic, {0: 1, 1: 0}, {0: 3, 1: 1}))) == ["b'b'", "b'c'", "b'e'"]


def test_a_scan_sees_committed_records_and_ends_behind_trailing_markers(
    broker: Broker, new_topic: NewTopic, writer: Writer
) -> None:
    topic = new_topic(1)
    writer.aborted(topic, 0, "never")
    writer.committed(topic, 0, "seen")
    writer.aborted(topic, 0, "neither")
    (partition,) = broker.topic(topic).partitions
    assert (partition.stable, partition.high) == (6, 6)
    assert values(broker, topic, {0: 0}, {0: 6}) == [b"seen"]


def test_a_scan_of_an_empty_range_asks_nobody(broker: Broker) -> None:
    assert values(broker, "nowhere", {0: 5}, {0: 5}) == []


def test_only_what_was_aborted_is_told_from_markers_by_a_reader_that_sees_it(
    broker: Broker, new_topic: NewTopic, writer: Writer
) -> None:
    topic = new_topic(1)
    writer.committed(topic, 0, "record 0, its marker 1")
    writer.aborted(topic, 0, "record 2, its marker 3")
    writer.committed(topic, 0, "record 4, its marker 5")
    seen = {level: [one.offset() for one in broker.scan(topic, {0: 0}, {0: 6}, level=level)] for level in LEVELS}
    assert seen == {"read_committed": [0, 4], "read_uncommitted": [0, 2, 4]}
    assert list(broker.scan(topic, {0: 1}, {0: 4})) == []


def test_a_scan_held_back_by_an_open_transaction_says_so(broker: Broker, new_topic: NewTopic, writer: Writer) -> None:
    topic = new_topic(1)
    writer.send(topic, 0, "a")
    with writer.transaction(topic, 0, "b"), pytest.raises(TryAgain, match=r"partition 0 up to offset 2.*an open transaction"):
        values(broker, topic, {0: 0}, {0: 2}, idle_seconds=1)


def test_a_scan_never_jumps_over_deleted_records(broker: Broker, new_topic: NewTopic, writer: Writer, admin: AdminClient) -> None:
    topic = new_topic(1)
    writer.send(topic, 0, "a", "b", "c")
    delete_before(admin, topic, 2)
    with pytest.raises(TryAgain, match=f"{topic}: records were deleted while they were being read"):
        values(broker, topic, {0: 0}, {0: 3})


def test_a_scan_of_an_unknown_topic_names_it(broker: Broker) -> None:
    with pytest.raises(ConfigurationError, match="nowhere is no topic of"):
        values(broker, "nowhere", {0: 0}, {0: 1})


def connecting_fails(settings: KafkaSettings, error: type[Exception]) -> str:
    started = time.monotonic()
    with pytest.raises(error) as caught:
        connect(settings)
    assert time.monotonic() - started < ANSWER_SECONDS
    return str(caught.value)


def test_a_closed_port_is_an_unreachable_broker_and_nothing_else_is_printed(
    new_settings: NewSettings, capfd: pytest.CaptureFixture[str]
) -> None:
    (port,) = free_ports([None])
    sentence = connecting_fails(new_settings(f"127.0.0.1:{port}"), BrokerUnreachable)
    assert sentence == (
        f"no Kafka broker answered at 127.0.0.1:{port} within 10 s (Connect to 127.0.0.1:{port} failed: Connection refused); "
        "is it running and reachable?"
    )
    assert capfd.readouterr() == ("", "")


def test_a_name_that_does_not_exist_is_told_at_once(new_settings: NewSettings) -> None:
    settings = new_settings("no-such-host.invalid:9092")
    sentence = connecting_fails(settings, ConfigurationError)
    assert sentence == (
        f"the name of the Kafka broker no-such-host.invalid:9092 cannot be resolved; check bootstrap.servers in {settings.path}"
    )


def test_one_wrong_server_among_several_does_no_harm(kafka: RunningKafka, new_settings: NewSettings) -> None:
    (port,) = free_ports([None])
    with connect(new_settings(f"no-such-host.invalid:9092,127.0.0.1:{port},{kafka.bootstrap}")) as broker:
        assert broker.cluster_id() == cluster_id(kafka.folder)


def test_a_login_that_the_port_does_not_take_is_told(kafka: RunningKafka, new_settings: NewSettings) -> None:
    login = ["security.protocol=SASL_PLAINTEXT", "sasl.mechanism=PLAIN", "sasl.username=a", "sasl.password=b"]
    sentence = connecting_fails(new_settings(kafka.bootstrap, *login), ConfigurationError)
    assert sentence == f"the Kafka broker {kafka.bootstrap} does not take logins by PLAIN, but none on this port"


def test_a_port_without_tls_is_told_with_the_protocol_that_it_speaks(kafka: RunningKafka, new_settings: NewSettings) -> None:
    settings = new_settings(kafka.bootstrap, "security.protocol=ssl")
    sentence = connecting_fails(settings, ConfigurationError)
    assert (
        f"the Kafka broker {kafka.bootstrap} speaks PLAINTEXT on this port, but security.protocol is SSL in {settings.path}"
        in sentence
    )


def test_a_setting_that_librdkafka_does_not_take_is_told(kafka: RunningKafka, new_settings: NewSettings) -> None:
    settings = new_settings(kafka.bootstrap, "compression.type=shrink")
    assert connecting_fails(settings, ConfigurationError).startswith(f"{settings.path}: Kafka does not take these settings: ")


def test_a_broker_that_dies_later_is_told_in_time(tmp_path: Path, new_settings: NewSettings) -> None:
    with start_kafka(tmp_path / "kafka", tied_to_us=True) as kafka:
        create_topics(kafka.bootstrap, {"readings": 1})
        with connect(new_settings(kafka.bootstrap), timeout_seconds=2) as broker:
            assert broker.topic("readings").numbers == (0,)
            kafka.kill()
            started = time.monotonic()
            with pytest.raises(TryAgain, match=f"no Kafka broker answered at {kafka.bootstrap}"):
                broker.topic("readings")
            with pytest.raises(TryAgain, match="did not answer"):
                values(broker, "readings", {0: 0}, {0: 1}, idle_seconds=1)
            assert time.monotonic() - started < ANSWER_SECONDS


@pytest.mark.parametrize(
    "code", [KafkaError._TRANSPORT, KafkaError._TIMED_OUT, KafkaError._ALL_BROKERS_DOWN, KafkaError._DESTROY_BROKER]
)
def test_all_ways_to_lose_a_broker_end_in_the_same_sentence(code: int, new_settings: NewSettings) -> None:
    (port,) = free_ports([None])
    lost: Future[None] = Future()
    lost.set_exception(KafkaException(KafkaError(code)))
    with pytest.raises(BrokerUnreachable, match=f"no Kafka broker answered at 127.0.0.1:{port}"):
        AdminConnection.open(new_settings(f"127.0.0.1:{port}")).ask(lambda: {"one": lost}, CONNECT, timeout_seconds=1)
