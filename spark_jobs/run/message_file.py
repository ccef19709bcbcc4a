"""The messages of ranges in a file that Spark can read, for what its own Kafka source refuses.

Killed or failed meanwhile: a file in the folder of `records` that no version names, litter as the files of an attempt are.
"""

import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import pyarrow as pa
import pyarrow.parquet as pq
from confluent_kafka import Message

from spark_jobs.broker.cluster import Broker
from spark_jobs.broker.record_times import instant_of
from spark_jobs.broker.scan import headers_of
from spark_jobs.lake.schemas import RECORDS
from spark_jobs.lake.storage import files_below
from spark_jobs.lake.tables import Lake
from spark_jobs.progress.offsets import OffsetRange

_MESSAGES = pa.schema(
    [
        pa.field("partition", pa.int32(), nullable=False),
        pa.field("offset", pa.int64(), nullable=False),
        ("timestamp", pa.timestamp("us", tz="UTC")),
        ("key", pa.binary()),
        ("value", pa.binary()),
        ("headers", pa.list_(pa.struct([("key", pa.string()), ("value", pa.binary())]))),
    ]
)
ROWS, BYTES = 50_000, 32 * 2**20
"""Messages, and bytes of them, that are held in memory before they are written."""


@contextmanager
def written_messages(broker: Broker, topic: str, ranges: Sequence[OffsetRange], lake: Lake) -> Iterator[str]:
    """A file of the messages, while they are needed, where executors can read."""
    name = f"messages-{uuid.uuid4().hex}.parquet"
    storage = files_below(lake.location(RECORDS))
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
        "headers": [{"key": name, "value": value} for name, value in headers_of(message)],
    }
