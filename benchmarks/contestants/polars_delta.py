"""librdkafka, Polars and delta-rs in one process: what one would pick instead of Spark on a single machine.

Every record in a table, exact averages, an output topic. Progress is the consumer group's, committed at the end: at least once. A
message that is not UTF-8 ends the run, which Polars does not let one avoid without decoding in Python.
"""

import argparse
from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import polars as pl
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition
from deltalake import DeltaTable

CHUNK = 500_000
VALUE, SUM = pl.Decimal(18, 6), pl.Decimal(38, 6)
DAY = ["partition", "date"]


def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("bootstrap", "topic", "output", "folder"):
        parser.add_argument(name)
    asked = parser.parse_args()
    consumer = Consumer(
        {
            "bootstrap.servers": asked.bootstrap,
            "group.id": asked.topic + asked.folder.replace("/", "."),
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
            "fetch.max.bytes": 64 * 1024 * 1024,
            "queued.min.messages": 500_000,
        }
    )
    added = [added_by(save_records(records, asked.folder)) for records in map(records_of, chunks(consumer, asked.topic))]
    if added:
        publish(save_averages(pl.concat(added), asked.folder), asked)
        consumer.commit(offsets=consumer.position(consumer.assignment()), asynchronous=False)
    consumer.close()


def chunks(consumer: Consumer, topic: str) -> Iterator[list[Message]]:
    """Messages from the committed offsets to the end of each partition."""
    partitions = [TopicPartition(topic, number) for number in consumer.list_topics(topic, 10).topics[topic].partitions]
    committed = consumer.committed(partitions, timeout=10)
    consumer.assign([TopicPartition(topic, one.partition, max(0, one.offset)) for one in committed])
    left, chunk = len(partitions), list[Message]()
    while left:
        for message in consumer.consume(50_000, timeout=0.1):
            error = message.error()
            if error is None:
                chunk.append(message)
            elif error.code() == KafkaError._PARTITION_EOF:
                left -= 1
            else:
                raise KafkaException(error)
        if len(chunk) >= CHUNK or (not left and chunk):
            yield chunk
            chunk = []


def records_of(messages: list[Message]) -> pl.DataFrame:
    """One record per message; date and value are null, and raw is kept, where it is no reading."""
    raw = pl.DataFrame(
        {
            "partition": [one.partition() for one in messages],
            "offset": [one.offset() for one in messages],
            "kafka_timestamp": [one.timestamp()[1] for one in messages],
            "key": [one.key() for one in messages],
            "raw": [one.value() for one in messages],
        },
        schema={
            "partition": pl.Int32,
            "offset": pl.Int64,
            "kafka_timestamp": pl.Datetime("ms", "UTC"),
            "key": pl.Binary,
            "raw": pl.Binary,
        },
    )
    text = pl.col("raw").cast(pl.String, strict=False)
    # As text, because the JSON parser of Polars reads numbers as doubles.
    value = text.str.extract(r'"voltage"\s*:\s*(-?[0-9.]+)').cast(VALUE, strict=False)
    moment = text.str.extract(r'"datetime"\s*:\s*"([^"]*)"').str.to_datetime("%d/%m/%Y %H:%M:%S", strict=False)
    parsed = raw.with_columns(event_time=moment, date=moment.dt.date(), value=value)
    return parsed.with_columns(raw=pl.when(pl.col("date").is_null() | pl.col("value").is_null()).then("raw"))


def save_records(records: pl.DataFrame, folder: str) -> pl.DataFrame:
    """Append records to their table."""
    records.write_delta(f"{folder}/records", mode="append")
    return records


def added_by(records: pl.DataFrame) -> pl.DataFrame:
    """Exact sums per partition and day."""
    readings = records.drop_nulls(["date", "value"])
    return readings.group_by(DAY).agg(value_sum=pl.col("value").cast(SUM).sum(), value_count=pl.len().cast(pl.Int64))


def save_averages(added: pl.DataFrame, folder: str) -> pl.DataFrame:
    """Add sums to the stored ones; the averages of the days that changed."""
    location = f"{folder}/averages"
    columns = [*DAY, "value_sum", "value_count"]
    old = pl.read_delta(location).select(columns) if DeltaTable.is_deltatable(location) else added.clear()
    summed = pl.concat([old, added.select(columns)]).group_by(DAY).agg(pl.col("value_sum").sum(), pl.col("value_count").sum())
    averages = [quotient(total, count) for total, count in summed.select("value_sum", "value_count").iter_rows()]
    stored = summed.with_columns(pl.Series("average", averages, VALUE)).sort(DAY)
    Path(folder).mkdir(parents=True, exist_ok=True)
    stored.write_delta(location, mode="overwrite")
    return stored.join(added, DAY, "semi")


def quotient(total: Decimal, count: int) -> Decimal:
    """Rounded half up to six places."""
    return (total / count).quantize(Decimal("0.000001"), ROUND_HALF_UP)


def publish(averages: pl.DataFrame, asked: argparse.Namespace) -> None:
    """One message a day, to the partition that its readings came from."""
    producer = Producer({"bootstrap.servers": asked.bootstrap, "enable.idempotence": True, "linger.ms": 20})
    for partition, date, average in averages.select(*DAY, "average").iter_rows():
        producer.produce(asked.output, f'{{"date": "{date}", "voltage": {average}}}', str(date), partition=partition)
    if producer.flush(60):
        raise SystemExit("averages were not delivered within 60 s")


if __name__ == "__main__":
    main()
