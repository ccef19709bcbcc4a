"""That a group goes where Kafka's clients send the same key: librdkafka's partitioner of Java's kind, upon the real broker."""

import random
import secrets

from confluent_kafka import KafkaError, Message, Producer

from spark_jobs.aggregates.messages import partition_of
from spark_jobs.local.kafka.server import RunningKafka, create_topics

PARTITIONS = 7


def test_a_key_goes_to_the_partition_that_other_clients_choose(kafka: RunningKafka) -> None:
    topic = f"placing-{secrets.token_hex(4)}"
    create_topics(kafka.bootstrap, {topic: PARTITIONS})
    chosen = random.Random(5)
    keys = {chosen.randbytes(chosen.randint(1, 40)) for _ in range(300)} | {
        "caf\u00e9 \U0001f600".encode(),
        b"mail",
        b'["a",null]',
    }
    placed: dict[bytes, int | None] = {}

    def delivered(error: KafkaError | None, message: Message) -> None:
        assert error is None
        placed[bytes(message.key() or b"")] = message.partition()

    producer = Producer({"bootstrap.servers": kafka.bootstrap, "partitioner": "murmur2_random"})
    for key in keys:
        producer.produce(topic, b"{}", key, on_delivery=delivered)
    assert producer.flush(30) == 0
    assert placed == {key: partition_of(key, PARTITIONS) for key in keys}
