"""What a read_committed consumer sees on an output topic."""

from collections.abc import Iterator

from confluent_kafka import Consumer, TopicPartition


def visible_values(bootstrap: str, topic: str, partitions: int) -> Iterator[tuple[int, bytes]]:
    """The partition and the value of each message, from the beginning of the topic to its end."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "oracle",
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
        }
    )
    try:
        consumer.assign([TopicPartition(topic, number, 0) for number in range(partitions)])
        left = partitions
        while left:
            # One by one: asked for more, the consumer waits for them until the timeout.
            message = consumer.poll(30)
            if message is None:
                raise TimeoutError(f"{topic} was not read to its end within 30 s")
            if message.error():
                left -= 1
                continue
            yield message.partition() or 0, message.value() or b""
    finally:
        consumer.close()
