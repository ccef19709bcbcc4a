"""A batch's messages for Spark: from Spark's own Kafka source, or, where that refuses one of them, from the other client by way
of a file.

Spark turns the Kafka timestamp of every record into microseconds, whether anybody wants it or not, and ends the task where that
overflows: nanoseconds in place of milliseconds do, and a producer may send any number (seen with Spark 4.2: neither its options
nor a plan without the column avoid it). No rerun would ever get past such a record, and it holds up the partitions beside it. So
the whole batch is then read by librdkafka, to which a timestamp is a number, at a fraction of Spark's speed.

Killed or failed meanwhile: a file of messages in the folder of `records` that no version names, litter as the files of an attempt
are.
"""

import logging
import os
import re
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

import pyarrow as pa
import pyarrow.fs as pa_fs
import pyarrow.parquet as pq
from confluent_kafka import Message
from deltalake.fs import DeltaStorageHandler

from spark_jobs.access.java_secrets import secrets_file
from spark_jobs.broker.cluster import Broker
from spark_jobs.broker.record_times import instant_of
from spark_jobs.lake.schemas import RECORDS
from spark_jobs.lake.tables import Lake
from spark_jobs.outlook.still_there import require_not_replaced
from spark_jobs.progress.offsets import OffsetRange, Plan
from spark_jobs.run.job import Job

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

log = logging.getLogger(__name__)

T = TypeVar("T")

_REFUSED = re.compile(r"Record at topic \S+ partition \d+ offset \d+ has timestamp value -?\d+(?= that overflows)")

_MESSAGES = pa.schema(
    [
        pa.field("partition", pa.int32(), nullable=False),
        pa.field("offset", pa.int64(), nullable=False),
        ("timestamp", pa.timestamp("us", tz="UTC")),
        ("key", pa.binary()),
        ("value", pa.binary()),
    ]
)
_FOR_SPARK = "partition int, offset bigint, timestamp timestamp, key binary, value binary"
ROWS, BYTES = 50_000, 32 * 2**20
"""Messages, and bytes of them, that are held in memory before they are written."""


def reading(job: Job, ranges: Iterable[OffsetRange], use: Callable[["DataFrame"], T]) -> T:
    """What `use` makes of the visible messages of these ranges, one row each;
    it may be called a second time and must act on all of them.
    """
    from py4j.protocol import Py4JJavaError
    from pyspark.errors import PySparkException

    ranges = tuple(ranges)
    spark = job.spark()
    secrets = secrets_file(job.pipeline, spark.conf.get("spark.master") or "", os.environ)
    java = job.kafka.java(secrets)
    job.kafka.write_java_secrets(secrets)
    try:
        return use(job.read(spark, job.pipeline.input.topic, ranges, java))
    except (Py4JJavaError, PySparkException) as error:
        refused = _REFUSED.search(str(error))
        if refused is None:
            raise
    log.warning(
        "Spark cannot read this batch (%s, which is no time in milliseconds): it is read by the other client, which takes "
        "longer; see to the producer",
        refused[0],
    )
    with _written(job.broker, job.pipeline.input.topic, ranges, job.lake) as place:
        return use(spark.read.schema(_FOR_SPARK).parquet(place))


def reading_planned(job: Job, plan: Plan, use: Callable[["DataFrame"], T]) -> T:
    """The same of a batch's ranges; raises if the topic was created again or lost its end meanwhile,
    so that others may have been read.
    """
    found = reading(job, plan.ranges, use)
    require_not_replaced(job.broker, plan, job.broker.topic(job.pipeline.input.topic))
    return found


@contextmanager
def _written(broker: Broker, topic: str, ranges: Iterable[OffsetRange], lake: Lake) -> Iterator[str]:
    """A file of the messages, while they are needed, where executors can read."""
    name = f"messages-{uuid.uuid4().hex}.parquet"
    storage = pa_fs.PyFileSystem(DeltaStorageHandler(lake.location(RECORDS)))
    starts, ends = {one.partition: one.start for one in ranges}, {one.partition: one.end for one in ranges}
    with pq.ParquetWriter(name, _MESSAGES, filesystem=storage, compression="zstd") as file:
        for part in parts_of(broker.scan(topic, starts, ends)):
            file.write_table(part)
    yield f"{lake.location(RECORDS)}/{name}"
    storage.delete_file(name)


def parts_of(messages: Iterable[Message]) -> Iterator[pa.Table]:
    """The messages in their order, cut where they would take too much memory."""
    rows, size = [], 0
    for message in messages:
        rows.append(_row(message))
        size += len(message)
        if len(rows) >= ROWS or size >= BYTES:
            yield pa.Table.from_pylist(rows, _MESSAGES)
            rows, size = [], 0
    yield pa.Table.from_pylist(rows, _MESSAGES)


def _row(message: Message) -> dict[str, object]:
    _, milliseconds = message.timestamp()
    return {
        "partition": message.partition(),
        "offset": message.offset(),
        "timestamp": instant_of(milliseconds),
        "key": message.key(),
        "value": message.value(),
    }
