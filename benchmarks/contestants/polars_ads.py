"""librdkafka, Polars and delta-rs in one process: totals of hours and days with exact numbers of different users.

Every record in a table, what each user saw in an hour as the state, totals, an output topic. Progress is the consumer group's,
committed at the end: at least once.
"""

import argparse
from collections.abc import Iterator

import polars as pl
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition
from deltalake import DeltaTable

CHUNK = 500_000
COST, SUM = pl.Decimal(12, 6), pl.Decimal(38, 6)
SEEN = ["window_start", "channel", "user"]
WINDOWS = {"hourly": "window_start", "daily": "date"}


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
    added = [seen_in(save_records(records, asked.folder)) for records in map(records_of, chunks(consumer, asked.topic))]
    if added:
        new = pl.concat(added)
        seen = save_seen(new, asked.folder)
        for name in WINDOWS:
            publish(save_totals(seen, new, name, asked.folder), name, asked)
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
    """One record per message; its fields are null, and raw is kept, where it is no event."""
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
    parsed = raw.with_columns(
        event_time=text.str.extract(r'"ts"\s*:\s*"([^"]*)Z"').str.to_datetime("%Y-%m-%dT%H:%M:%S%.3f", strict=False),
        user=text.str.extract(r'"user"\s*:\s*"([^"]*)"'),
        channel=text.str.extract(r'"channel"\s*:\s*"([^"]*)"'),
        cost=text.str.extract(r'"cost"\s*:\s*(-?[0-9.]+)').cast(COST, strict=False),
    )
    return parsed.with_columns(raw=pl.when(pl.col("event_time").is_null() | pl.col("cost").is_null()).then("raw"))


def save_records(records: pl.DataFrame, folder: str) -> pl.DataFrame:
    """Append records to their table."""
    records.write_delta(f"{folder}/records", mode="append")
    return records


def seen_in(records: pl.DataFrame) -> pl.DataFrame:
    """What each user saw in an hour and a channel."""
    hour = pl.col("event_time").dt.truncate("1h").dt.replace_time_zone("UTC").alias("window_start")
    events = records.drop_nulls(["event_time", "cost"]).with_columns(hour)
    return events.group_by(SEEN).agg(events=pl.len().cast(pl.Int64), cost=pl.col("cost").cast(SUM).sum())


def save_seen(added: pl.DataFrame, folder: str) -> pl.DataFrame:
    """Add to what was seen before; all of it."""
    location = f"{folder}/seen"
    old = pl.read_delta(location).select(added.columns) if DeltaTable.is_deltatable(location) else added.clear()
    seen = pl.concat([old.cast(added.schema), added]).group_by(SEEN).agg(pl.col("events").sum(), pl.col("cost").sum())
    seen.write_delta(location, mode="overwrite")
    return seen


def save_totals(seen: pl.DataFrame, added: pl.DataFrame, name: str, folder: str) -> pl.DataFrame:
    """All totals of an aggregate, written again; those that changed."""
    window = pl.col("window_start") if name == "hourly" else pl.col("window_start").dt.date().alias("date")
    keys = [WINDOWS[name], "channel"]
    totals = (
        seen.with_columns(window)
        .group_by(keys)
        .agg(pl.col("events").sum(), pl.col("cost").sum(), users=pl.col("user").n_unique().cast(pl.Int64))
    )
    totals.write_delta(f"{folder}/{name}", mode="overwrite")
    return totals.join(added.select(window, "channel").unique(), keys, "semi")


def publish(totals: pl.DataFrame, name: str, asked: argparse.Namespace) -> None:
    """One message for each total."""
    producer = Producer({"bootstrap.servers": asked.bootstrap, "enable.idempotence": True, "linger.ms": 20})
    for window, channel, events, cost, users in totals.select(WINDOWS[name], "channel", "events", "cost", "users").iter_rows():
        group = f'"aggregate": "{name}", "{WINDOWS[name]}": "{window.isoformat()}", "channel": "{channel}"'
        producer.produce(asked.output, f'{{{group}, "events": {events}, "cost": {cost}, "users": {users}}}', f"{{{group}}}")
    if producer.flush(60):
        raise SystemExit("totals were not delivered within 60 s")


if __name__ == "__main__":
    main()
