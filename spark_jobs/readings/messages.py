"""Spark's batch read of Kafka: exactly the planned ranges, nothing left to Spark or to a user's settings to decide."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from spark_jobs.progress.offsets import OffsetRange

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
    # The client asks for more as soon as it has been answered. At the end of a range there is no more, and what it asks next
    # waits behind that: half a second of every partition, unless nothing is an answer too. A shorter `fetch.max.wait.ms` would
    # help as much, but harm tiered storage, where brokers before 3.8 take it for the time that a remote read may last.
    "kafka.fetch.min.bytes": "0",
    # Nobody reads the metrics of a consumer that lives for a second; they would cost it a request and a registration each. (The
    # clients of Kafka 4 know the second only as an empty `metric.reporters`.)
    "kafka.enable.metrics.push": "false",
    "kafka.auto.include.jmx.reporter": "false",
    # Fail within seconds, not minutes, when the broker is gone.
    "kafka.default.api.timeout.ms": "15000",
    "kafka.request.timeout.ms": "10000",
    "fetchOffset.numRetries": "1",
    "kafkaConsumer.pollTimeoutMs": "30000",
    # A hole that the plan did not foresee must fail the run: skipping it would be a silent loss.
    "failOnDataLoss": "true",
}


LEAST_RECORDS = 100_000
"""Offsets that are worth a task, and a file, of their own."""


@dataclass(frozen=True)
class Tasks:
    """How a read is divided. Partitions with more than `most_records` are cut into pieces, and pieces are combined into
    `combined` tasks, none if each is a task of its own.
    """

    most_records: int
    combined: int | None


def tasks_for(spans: Sequence[int], cores: int, least: int = LEAST_RECORDS) -> Tasks:
    """Tasks for partitions with so many offsets to read, none of which is 0.

    Where one partition holds most of it, all cores read it. Where many hold little, a task reads several of them: each would cost
    more as a task and a file of its own than its records do.

    >>> tasks_for([4_000_000, 10, 10], cores=4)
    Tasks(most_records=1000005, combined=None)
    >>> tasks_for([10] * 512, cores=2)
    Tasks(most_records=100000, combined=4)
    """
    total = sum(spans)
    wanted = max(2 * cores, -(-total // least))
    if len(spans) <= wanted:
        return Tasks(max(least, -(-total // cores)), None)
    # Smaller pieces, for they are combined by number, not by size.
    return Tasks(max(least, -(-total // wanted)), wanted)


def read_messages(
    spark: "SparkSession",
    topic: str,
    ranges: Iterable[OffsetRange],
    client: Mapping[str, str],
    divide: Callable[[Sequence[int], int], Tasks] = tasks_for,
) -> "DataFrame":
    """Kafka source frame of the ranges, one row per visible record; `client` are options for the source's client."""
    read = [one for one in ranges if one.span]
    tasks = divide([one.span for one in read], spark.sparkContext.defaultParallelism)
    options = {**client, **_CONSUMER, **range_options(topic, read), "maxRecordsPerPartition": str(tasks.most_records)}
    messages = spark.read.format("kafka").options(**options).load()
    return messages if tasks.combined is None else messages.coalesce(tasks.combined)


def holes_of(messages: "DataFrame") -> "DataFrame":
    """Where offsets jump: `partition`, `start` and `end` (exclusive) of each hole between two visible records."""
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    before = F.lag("offset").over(Window.partitionBy("partition").orderBy("offset"))
    neighbours = messages.select("partition", before.alias("before"), "offset").where(F.col("offset") > F.col("before") + 1)
    return neighbours.select("partition", (F.col("before") + 1).alias("start"), F.col("offset").alias("end"))


def range_options(topic: str, ranges: Sequence[OffsetRange]) -> dict[str, str]:
    """Numeric starts and ends of every partition; all have something to read.

    >>> range_options("t", [OffsetRange(0, 5, 9)])["endingOffsets"]
    '{"t": {"0": 9}}'
    """
    return {
        "assign": json.dumps({topic: [one.partition for one in ranges]}),
        "startingOffsets": json.dumps({topic: {str(one.partition): one.start for one in ranges}}),
        "endingOffsets": json.dumps({topic: {str(one.partition): one.end for one in ranges}}),
    }
