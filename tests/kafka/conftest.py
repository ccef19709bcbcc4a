"""What the tests of the broker's answers share: settings as a user writes them, and a writer that plays the outside world."""

import secrets
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient

from spark_jobs.access.properties import KafkaSettings, load_kafka_settings
from spark_jobs.broker.cluster import Broker, connect
from spark_jobs.local.kafka.server import RunningKafka, create_topics, start_kafka
from tests import log_ends
from tests.kafka.secured import AWKWARD, Authority, secured_options
from tests.kafka.secured_cluster import PEM_PAIR, PLAIN, READINGS, Login, Secured, give_permissions

NewSettings = Callable[..., KafkaSettings]


class Writer:
    """Sends records to explicit partitions, outside or inside transactions."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap

    def send(self, topic: str, partition: int, *values: str, timestamp_ms: int = 0) -> None:
        _deliver(
            Producer({"bootstrap.servers": self.bootstrap, "enable.idempotence": "true"}), topic, partition, values, timestamp_ms
        )

    @contextmanager
    def transaction(self, topic: str, partition: int, *values: str, timestamp_ms: int = 0) -> Iterator[Producer]:
        """The records delivered in a transaction that the test ends; aborted if it does not."""
        producer = Producer({"bootstrap.servers": self.bootstrap, "transactional.id": uuid.uuid4().hex, "log_level": 0})
        producer.init_transactions(20)
        producer.begin_transaction()
        _deliver(producer, topic, partition, values, timestamp_ms)
        yield producer

    def committed(self, topic: str, partition: int, *values: str) -> None:
        with self.transaction(topic, partition, *values) as producer:
            producer.commit_transaction(20)
        self.wait_until_stable(topic, partition)

    def aborted(self, topic: str, partition: int, *values: str) -> None:
        with self.transaction(topic, partition, *values) as producer:
            producer.abort_transaction(20)
        self.wait_until_stable(topic, partition)

    def wait_until_stable(self, topic: str, partition: int) -> None:
        """Until no transaction is open on the partition: Kafka writes a marker a little after it has answered the commit."""
        log_ends.wait_until_stable(AdminClient({"bootstrap.servers": self.bootstrap}), topic, partition)


def _deliver(producer: Producer, topic: str, partition: int, values: tuple[str, ...], timestamp_ms: int) -> None:
    for value in values:
        producer.produce(topic, value.encode(), partition=partition, timestamp=timestamp_ms)
    assert producer.flush(20) == 0


@pytest.fixture
def new_settings(tmp_path: Path) -> NewSettings:
    """`new_settings(servers, *lines)` writes a properties file and loads it."""

    def load(servers: str, *lines: str) -> KafkaSettings:
        path = tmp_path / f"{uuid.uuid4().hex}.properties"
        path.touch(mode=0o600)
        path.write_text("\n".join([f"bootstrap.servers={servers}", *lines]))
        return load_kafka_settings(path, {})

    return load


@pytest.fixture(scope="session")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    """`alice` (PLAIN) and `sally` (SCRAM) may do what the job needs; `bob` may look at the topic, `eve` may do nothing.

    What `job` may do is said by each test. Tests that ask for this broker are of one xdist group, so that there is only one.
    """
    folder, authority = tmp_path_factory.mktemp("secured"), Authority()
    plain = {name: secrets.token_urlsafe(12) + AWKWARD + "." for name in ("broker", "alice", "bob", "eve", "job")}
    scram = {"sally": secrets.token_urlsafe(12)}
    options = secured_options(folder, authority, plain, scram)
    with start_kafka(folder / "kafka", options=options, tied_to_us=True) as kafka:
        found = Secured(kafka, authority, plain | scram, options.client)
        create_topics(kafka.bootstrap, {READINGS: 2}, client=options.client)
        found.send(READINGS, b"a", b"b")
        give_permissions(found.admin)
        yield found


@pytest.fixture
def login(secured: Secured, tmp_path: Path) -> Login:
    """`login(user, mechanism)` writes the settings of a user and loads them; everything about it can be made wrong."""

    def load(
        user: str,
        mechanism: str = PLAIN,
        *,
        authority: Authority | None = None,
        certificate: int | None = PEM_PAIR,
        **instead: str,
    ) -> KafkaSettings:
        lines = secured.lines(tmp_path, user, mechanism, certificate)
        (tmp_path / "ca.pem").write_text((authority or secured.authority).pem)
        own = {"servers": "bootstrap.servers", "password": "sasl.password"}
        for name, value in instead.items():
            lines = [f"{own[name]}={value}" if line.startswith(f"{own[name]}=") else line for line in lines]
        path = tmp_path / "kafka.properties"
        path.touch(mode=0o600)
        path.write_text("\n".join(lines))
        return load_kafka_settings(path, {})

    return load


@pytest.fixture
def broker(kafka: RunningKafka, new_settings: NewSettings) -> Iterator[Broker]:
    with connect(new_settings(kafka.bootstrap)) as connected:
        yield connected


@pytest.fixture
def writer(kafka: RunningKafka) -> Writer:
    return Writer(kafka.bootstrap)
