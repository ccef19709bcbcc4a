"""Offsets of a consumer group, committed as another consumer with its name does, or somebody with Kafka's own tools."""

from collections.abc import Mapping, Sequence

from confluent_kafka import Consumer, TopicPartition

from tests.world import World


def commit_as(bootstrap: str, group: str, offsets: Sequence[TopicPartition]) -> None:
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": group, "enable.auto.commit": False})
    try:
        consumer.commit(offsets=list(offsets), asynchronous=False)
    finally:
        consumer.close()


def move_group(world: World, offsets: Mapping[int, int], metadata: str = "") -> None:
    """The pipeline's group to these offsets of the input's partitions; no metadata of ours is a proof of a batch."""
    topic = world.pipeline.input.topic
    moved = [TopicPartition(topic, partition, offset, metadata=metadata) for partition, offset in offsets.items()]
    commit_as(world.bootstrap, world.pipeline.name, moved)
