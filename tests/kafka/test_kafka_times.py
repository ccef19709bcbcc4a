"""Since when records wait: the time of the first record at an offset, whatever its transaction has come to."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from spark_jobs.access.properties import KafkaSettings
from spark_jobs.broker.cluster import Broker
from spark_jobs.broker.record_times import record_times
from tests.kafka.conftest import Writer

NewTopic = Callable[..., str]

NOON = datetime(2006, 12, 23, 12, tzinfo=UTC)
NOON_MS = int(NOON.timestamp() * 1000)
HOUR = timedelta(hours=1)
HOUR_MS = 3_600_000


def test_each_partition_answers_with_the_record_at_its_offset(broker: Broker, new_topic: NewTopic, writer: Writer) -> None:
    topic = new_topic(4)
    for number in (0, 1, 3):
        writer.send(topic, number, "a", timestamp_ms=NOON_MS)
        writer.send(topic, number, "b", timestamp_ms=NOON_MS + (number + 1) * HOUR_MS)
    assert broker.record_times(topic, {0: 0, 1: 1, 2: 0, 3: 1}) == {0: NOON, 1: NOON + 2 * HOUR, 3: NOON + 4 * HOUR}


def test_a_marker_is_no_record_and_the_next_one_answers(broker: Broker, new_topic: NewTopic, writer: Writer) -> None:
    topic = new_topic(1)
    writer.committed(topic, 0, "a")
    writer.send(topic, 0, "b", timestamp_ms=NOON_MS)
    assert broker.record_times(topic, {0: 1}) == {0: NOON}


@pytest.mark.parametrize("ending", ["open", "aborted"])
def test_records_that_no_reader_of_batches_sees_answer_as_well(
    broker: Broker, new_topic: NewTopic, writer: Writer, ending: str
) -> None:
    topic = new_topic(1)
    writer.send(topic, 0, "a")
    with writer.transaction(topic, 0, "b", timestamp_ms=NOON_MS) as producer:
        if ending == "aborted":
            producer.abort_transaction(20)
        assert broker.record_times(topic, {0: 1}) == {0: NOON}


@pytest.mark.parametrize("offset", [0, 2, 9], ids=["deleted", "end", "beyond the end"])
def test_where_there_is_no_record_there_is_no_answer_and_no_error(
    broker: Broker, new_topic: NewTopic, writer: Writer, offset: int
) -> None:
    topic = new_topic(1)
    writer.send(topic, 0, "a", "b")
    admin = AdminClient({"bootstrap.servers": writer.bootstrap})
    for done in admin.delete_records([TopicPartition(topic, 0, 1)]).values():
        done.result()
    assert broker.record_times(topic, {0: offset}) == {}


def test_partitions_with_many_records_do_not_wait_for_one_another(new_topic: NewTopic, writer: Writer) -> None:
    topic = new_topic(8)
    for number in range(8):
        writer.send(topic, number, *("a" * 50 for _ in range(1_000)), timestamp_ms=NOON_MS)
    # Each waits half a second for the next one where they wait for one another, and who has not answered in time is left out.
    settings = KafkaSettings(Path("kafka.properties"), {"bootstrap.servers": writer.bootstrap})
    assert record_times(settings, topic, dict.fromkeys(range(8), 0), seconds=3) == dict.fromkeys(range(8), NOON)


def test_nobody_is_asked_about_nothing(broker: Broker) -> None:
    assert broker.record_times("no-such-topic", {}) == {}
