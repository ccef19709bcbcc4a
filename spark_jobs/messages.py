"""Spark's batch read of Kafka: exactly the planned ranges, nothing left to Spark or to a user's settings to decide."""

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from spark_jobs.offsets import OffsetRange

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_CONSUMER = {
    # Visible records only; the plan's ends were resolved at the same level.
    "kafka.isolation.level": "read_committed",
    # Larger fetches than the client's defaults, for ranges that are read once and whole.
    "kafka.max.poll.records": "20000",
    "kafka.max.partition.fetch.bytes": str(32 * 1024 * 1024),
    "kafka.fetch.max.bytes": str(64 * 1024 * 1024),
    "kafka.receive.buffer.bytes": str(4 * 1024 * 1024),
    # Fail within seconds, not minutes, when the broker is gone.
    "kafka.default.api.timeout.ms": "15000",
    "kafka.request.timeout.ms": "10000",
    "fetchOffset.numRetries": "1",
    "kafkaConsumer.pollTimeoutMs": "30000",
    # A hole that the plan did not foresee must fail the run: skipping it would be a silent loss.
    "failOnDataLoss": "true",
}


def read_messages(spark: "SparkSession", topic: str, ranges: Iterable[OffsetRange], java: Mapping[str, str]) -> "DataFrame":
    """Kafka source frame of the ranges, one row per visible record; `java` are the client settings without prefix."""
    options = {**{f"kafka.{name}": value for name, value in java.items()}, **_CONSUMER, **range_options(topic, ranges)}
    return spark.read.format("kafka").options(**options).load()


def holes_of(messages: "DataFrame") -> "DataFrame":
    """Where offsets jump: `partition`, `start` and `end` (exclusive) of each hole between two visible records."""
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    before = F.lag("offset").over(Window.partitionBy("partition").orderBy("offset"))
    neighbours = messages.select("partition", before.alias("before"), "offset").where(F.col("offset") > F.col("before") + 1)
    return neighbours.select("partition", (F.col("before") + 1).alias("start"), F.col("offset").alias("end"))


def range_options(topic: str, ranges: Iterable[OffsetRange]) -> dict[str, str]:
    """Numeric starts and ends of every partition that has something to read.

    >>> range_options("t", [OffsetRange(0, 5, 9), OffsetRange(1, 7, 7)])["endingOffsets"]
    '{"t": {"0": 9}}'
    """
    read = [one for one in ranges if one.span]
    return {
        "assign": json.dumps({topic: [one.partition for one in read]}),
        "startingOffsets": json.dumps({topic: {str(one.partition): one.start for one in read}}),
        "endingOffsets": json.dumps({topic: {str(one.partition): one.end for one in read}}),
    }
