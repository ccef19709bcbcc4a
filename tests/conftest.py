"""What tests of several folders share: one real broker for the whole run, and topics of their own on it."""

import re
import secrets
from collections.abc import Callable, Iterator

import pytest

from spark_jobs.local.kafka_server import BrokerOptions, RunningKafka, create_topics, start_kafka

# Housekeeping that tests wait for happens at once instead of after minutes.
IMPATIENT = BrokerOptions(
    settings={
        "log.initial.task.delay.ms": "100",
        "log.retention.check.interval.ms": "500",
        "log.segment.delete.delay.ms": "100",
        "transaction.abort.timed.out.transaction.cleanup.interval.ms": "500",
    }
)

NewTopic = Callable[..., str]


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningKafka]:
    """The broker of this test run; it does not outlive a killed pytest."""
    with start_kafka(tmp_path_factory.mktemp("kafka"), options=IMPATIENT, tied_to_us=True) as running:
        yield running


@pytest.fixture
def topic_names(request: pytest.FixtureRequest) -> Callable[[], str]:
    """Makes names that no other test has, with the test's name in them."""
    slug = re.sub(r"[^a-z0-9]+", "-", request.node.name.removeprefix("test_").lower()).strip("-")[:80]
    return lambda: f"{slug}-{secrets.token_hex(4)}"


@pytest.fixture
def new_topic(kafka: RunningKafka, topic_names: Callable[[], str]) -> NewTopic:
    """`new_topic(partitions=4, config=None)` creates a topic of its own for the test and returns its name."""

    def create(partitions: int = 4, config: dict[str, str] | None = None) -> str:
        name = topic_names()
        create_topics(kafka.bootstrap, {name: partitions}, config)
        return name

    return create
