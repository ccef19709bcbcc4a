"""The transaction itself, on the real broker: what goes wrong inside it, and what a consumer sees of that."""

import secrets
from collections.abc import Callable

import pytest
from confluent_kafka import TopicPartition

from spark_jobs.base.errors import ConfigurationError
from spark_jobs.broker.cluster import Broker
from spark_jobs.broker.publisher import OutputRecord, Publisher
from spark_jobs.local.kafka.server import RunningKafka
from tests.kafka.conftest import NewSettings

SMALL_RECORD_BYTES = 400

NewTopic = Callable[..., str]


def average(size: int) -> OutputRecord:
    return OutputRecord(0, b"2006-12-16", secrets.token_bytes(size), (("batch", b"1"),))


@pytest.fixture
def publisher(kafka: RunningKafka, new_settings: NewSettings, topic_names: Callable[[], str]) -> Publisher:
    fenced = Publisher.open(new_settings(kafka.bootstrap), topic_names())
    fenced.fence()
    return fenced


@pytest.mark.group("BF")
@pytest.mark.proves("F37", "F38")
def test_an_average_that_was_not_delivered_is_told_and_none_of_the_others_is_seen(
    publisher: Publisher, broker: Broker, new_topic: NewTopic
) -> None:
    topic = new_topic(1, {"max.message.bytes": str(SMALL_RECORD_BYTES)})
    with pytest.raises(ConfigurationError, match=rf"[12] of 2 averages .* {topic} .* raise its max\.message\.bytes"):
        publisher.publish(topic, [average(10), average(10 * SMALL_RECORD_BYTES)], [TopicPartition(topic, 0, 1)])
    (partition,) = broker.topic(topic).partitions
    assert list(broker.scan(topic, {0: 0}, {0: partition.stable})) == []
