"""Records of an output topic, read by a test and published by somebody else."""

from typing import Any

from confluent_kafka import Message, Producer

from spark_jobs.access.properties import load_kafka_settings
from spark_jobs.broker.cluster import connect
from tests.world import World


def visible(world: World, topic: str = "") -> list[Message]:
    """All that is visible on the topic, the pipeline's output if none is named."""
    with connect(load_kafka_settings(world.pipeline.kafka, {})) as broker:
        found = broker.topic(topic or world.pipeline.output_name)
        starts, ends = ({one.number: getattr(one, name) for one in found.partitions} for name in ("low", "stable"))
        return list(broker.scan(found.name, starts, ends))


def publish(world: World, topic: str, message: Message, partition: int | None = None, **changed: Any) -> None:
    """Publish a record as it is, or elsewhere, or with another value or headers."""
    producer = Producer({"bootstrap.servers": world.bootstrap})
    headers = {**dict(message.headers() or []), **changed.pop("headers", {})}
    where = int(message.partition() or 0) if partition is None else partition
    value = changed.pop("value", message.value())
    producer.produce(topic, value, message.key(), where, headers=list(headers.items()))
    assert producer.flush(20) == 0
