"""A floor: librdkafka reading the topic from its beginning to its end, and nothing done with it.
Says how many records there were.
"""

import sys

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition


def main(bootstrap: str, topic: str) -> None:
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "floor",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "fetch.max.bytes": 64 * 1024 * 1024,
            "queued.min.messages": 500_000,
        }
    )
    partitions = list(consumer.list_topics(topic, 10).topics[topic].partitions)
    consumer.assign([TopicPartition(topic, number, 0) for number in partitions])
    count, left = 0, len(partitions)
    while left:
        for message in consumer.consume(50_000, timeout=0.1):
            error = message.error()
            if error is None:
                count += 1
            elif error.code() == KafkaError._PARTITION_EOF:
                left -= 1
            else:
                raise KafkaException(error)
    consumer.close()
    print("records", count)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
