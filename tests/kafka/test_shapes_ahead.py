"""The shapes of a large batch, learned from its first messages on a real broker."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from confluent_kafka import Producer

from spark_jobs.broker.cluster import Broker, connect
from spark_jobs.local.kafka.server import RunningKafka
from spark_jobs.outlook.shapes_ahead import LEAST_OFFSETS, find_shapes
from spark_jobs.pipeline.record_rules import RecordRules
from spark_jobs.pipeline.rules import DeclaredRules
from tests.kafka.conftest import NewSettings
from tests.plans import plan_of

RULES = DeclaredRules(
    time_field="ts",
    time_format=("iso8601",),
    timezone="UTC",
    earliest=datetime(2020, 1, 1, tzinfo=UTC),
    latest=datetime(2030, 1, 1, tzinfo=UTC),
    records=RecordRules(fields=()),
    aggregates=(),
)


@pytest.fixture
def broker(kafka: RunningKafka, new_settings: NewSettings) -> Iterator[Broker]:
    with connect(new_settings(kafka.bootstrap)) as found:
        yield found


@pytest.fixture
def topic(kafka: RunningKafka, new_topic: Callable[..., str]) -> str:
    """Two partitions whose producers name the fields in other orders; the second has a tombstone first."""
    name = new_topic(partitions=2)
    producer = Producer({"bootstrap.servers": kafka.bootstrap})
    values: dict[int, list[bytes | None]] = {0: [b'{"ts": 1, "cost": 2}'] * 30, 1: [None, *[b'{"cost": 2, "ts": 1}'] * 10]}
    for partition, messages in values.items():
        for value in messages:
            producer.produce(name, value, key=b"k", partition=partition)
    assert producer.flush(20) == 0
    return name


def test_the_first_messages_of_each_partition_teach_their_shapes(broker: Broker, topic: str) -> None:
    plan = plan_of(1, (0, 0, LEAST_OFFSETS), (1, 0, 11), rules=RULES)
    assert find_shapes(broker, topic, plan) == ('{"ts":null,"cost":null}', '{"cost":null,"ts":null}')


def test_what_a_batch_does_not_read_teaches_it_nothing(broker: Broker, topic: str) -> None:
    plan = plan_of(1, (0, 5, LEAST_OFFSETS + 5), (1, 11, 11), rules=RULES)
    assert find_shapes(broker, topic, plan) == ('{"ts":null,"cost":null}',)


def test_a_small_batch_and_one_of_a_single_value_learn_no_shapes(broker: Broker, topic: str) -> None:
    assert find_shapes(broker, topic, plan_of(1, (0, 0, 30), rules=RULES)) == ()
    assert find_shapes(broker, topic, plan_of(1, (0, 0, LEAST_OFFSETS))) == ()


def test_messages_that_cannot_be_had_teach_nothing_and_stop_nothing(broker: Broker, topic: str) -> None:
    assert find_shapes(broker, topic, plan_of(1, (0, 10, LEAST_OFFSETS + 10), rules=RULES)) == ('{"ts":null,"cost":null}',)
    assert find_shapes(broker, topic, plan_of(1, (0, 30, LEAST_OFFSETS + 30), rules=RULES)) == ()
