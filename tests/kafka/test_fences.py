"""What the coordinator forgets or runs out of: the producer's epoch after 32,767 fences,
the transactional id after days without a run.
"""

import secrets
import socket
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka import TopicPartition

from spark_jobs.base.errors import DayfoldError
from spark_jobs.broker.cluster import Broker, connect
from spark_jobs.broker.publisher import OutputRecord, Publisher
from spark_jobs.local.kafka.server import BrokerOptions, RunningKafka, create_topics, start_kafka
from tests.conftest import IMPATIENT
from tests.kafka.conftest import NewSettings
from tests.submitted import wait_until

pytestmark = [pytest.mark.group("BF"), pytest.mark.thorough, pytest.mark.proves("F148")]

INIT_PRODUCER_ID, DESCRIBE_TRANSACTIONS = 22, 65
CONCURRENT_TRANSACTIONS, TRANSACTIONAL_ID_NOT_FOUND = 51, 105
LAST_EPOCH = 32_767

FORGETFUL = BrokerOptions(
    settings={
        **IMPATIENT.settings,
        "transactional.id.expiration.ms": "1000",
        "transaction.remove.expired.transaction.cleanup.interval.ms": "200",
    }
)


def asked(connection: socket.socket, key: int, version: int, rest: bytes) -> bytes:
    """The body of an answer, behind its correlation id, to a request without a client's name."""
    frame = struct.pack(">hhih", key, version, 1, -1) + rest
    connection.sendall(struct.pack(">i", len(frame)) + frame)
    (size,) = struct.unpack(">i", received(connection, 4))
    return received(connection, size)[4:]


def received(connection: socket.socket, size: int) -> bytes:
    whole = b""
    while len(whole) < size:
        whole += connection.recv(size - len(whole))
    return whole


def fenced(connection: socket.socket, name: str) -> tuple[int, int]:
    """Producer id and epoch after one more fence, as cheap as it gets."""
    text = name.encode()
    while True:
        answer = asked(connection, INIT_PRODUCER_ID, 1, struct.pack(">h", len(text)) + text + struct.pack(">i", 60_000))
        error, producer, epoch = struct.unpack(">hqh", answer[4:16])
        if error != CONCURRENT_TRANSACTIONS:
            assert error == 0
            return producer, epoch


def published(publisher: Publisher, topic: str, batch: int) -> None:
    one = OutputRecord(0, b"2006-12-16", b"{}", (("batch", str(batch).encode()),))
    publisher.publish(topic, [one], [TopicPartition(topic, 0, batch, metadata=f"b={batch}")])


def visible(broker: Broker, topic: str) -> list[int]:
    (one,) = broker.topic(topic).partitions
    return [int(dict(message.headers() or [])["batch"] or b"") for message in broker.scan(topic, {0: one.low}, {0: one.high})]


def test_publishing_goes_on_where_the_epoch_runs_out(
    kafka: RunningKafka, broker: Broker, new_settings: NewSettings, new_topic: Callable[..., str]
) -> None:
    name, topic, settings = f"p{secrets.token_hex(4)}", new_topic(1), new_settings(kafka.bootstrap)
    # Creates what the coordinator keeps its transactions in.
    Publisher.open(settings, name).fence()
    with socket.create_connection(("127.0.0.1", kafka.port)) as connection:
        first, epoch = fenced(connection, name)
        while epoch < LAST_EPOCH - 4:
            producer, epoch = fenced(connection, name)
            assert producer == first
        for batch in range(1, 7):
            publisher = Publisher.open(settings, name)
            publisher.fence()
            published(publisher, topic, batch)
        assert fenced(connection, name)[0] != first
    assert visible(broker, topic) == [1, 2, 3, 4, 5, 6]
    assert broker.committed(name, topic, [0]) == {0: (6, "b=6")}


@pytest.fixture
def forgetful(tmp_path: Path) -> Iterator[RunningKafka]:
    with start_kafka(tmp_path / "kafka", options=FORGETFUL, tied_to_us=True) as running:
        yield running


def is_forgotten(kafka: RunningKafka, name: str) -> bool:
    text = name.encode()
    with socket.create_connection(("127.0.0.1", kafka.port)) as connection:
        answer = asked(connection, DESCRIBE_TRANSACTIONS, 0, b"\0\2" + bytes([len(text) + 1]) + text + b"\0")
    (error,) = struct.unpack(">h", answer[6:8])
    return bool(error == TRANSACTIONAL_ID_NOT_FOUND)


@pytest.mark.parametrize("newer", [True, False], ids=["a newer run published meanwhile", "nobody published meanwhile"])
def test_a_run_that_slept_until_its_id_was_forgotten_publishes_nothing(
    forgetful: RunningKafka, new_settings: NewSettings, newer: bool
) -> None:
    name, topic, settings = f"p{secrets.token_hex(4)}", "averages", new_settings(forgetful.bootstrap)
    create_topics(forgetful.bootstrap, {topic: 1})
    older = Publisher.open(settings, name)
    older.fence()
    wait_until(lambda: is_forgotten(forgetful, name), "the transactional id to be forgotten", 60)
    if newer:
        publisher = Publisher.open(settings, name)
        publisher.fence()
        published(publisher, topic, 2)
    with pytest.raises(DayfoldError) as stop:
        published(older, topic, 1)
    assert stop.value.exit_code in (75, 76)
    with connect(settings) as broker:
        assert visible(broker, topic) == ([2] if newer else [])
        publisher = Publisher.open(settings, name)
        publisher.fence()
        published(publisher, topic, 3)
        assert visible(broker, topic)[-1] == 3
