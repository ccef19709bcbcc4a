"""A floor: our session and our reading options, but everything that is read is thrown away. Says how many records there were."""

import json
import os
import sys

from confluent_kafka import Consumer, TopicPartition
from pyspark.sql import Observation
from pyspark.sql import functions as F

from spark_jobs.launch.session import build_session
from spark_jobs.progress.offsets import OffsetRange
from spark_jobs.readings.messages import read_messages


def main(bootstrap: str, topic: str, starts: str) -> None:
    """Read from the starts (JSON, partition to offset) to the end."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "floor"})
    numbers = consumer.list_topics(topic, 10).topics[topic].partitions
    ends = {number: consumer.get_watermark_offsets(TopicPartition(topic, number), 10)[1] for number in numbers}
    consumer.close()
    wanted = [OffsetRange(number, json.loads(starts).get(str(number), 0), end) for number, end in ends.items()]
    read = Observation()
    messages = read_messages(build_session("floor"), topic, wanted, {"bootstrap.servers": bootstrap})
    messages.observe(read, F.count(F.lit(1)).alias("records")).write.format("noop").mode("overwrite").save()
    print("records", read.get["records"], flush=True)
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[5])
