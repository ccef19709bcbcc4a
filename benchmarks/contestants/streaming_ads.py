"""Spark Structured Streaming: totals of hours and days with exact numbers of different users, by availableNow and foreachBatch.

What a user saw in an hour and a channel is a row of the Delta table `seen`, to which each batch adds by a MERGE. It is the only
state: totals of the hours and days that a batch touches are worked out from it and replace the old ones. So there is one large
MERGE for both aggregates. Two stateful operators in a row, as exact numbers of different users would need, are not to be had in
Spark without dropping what comes late.

With `--everything` it also appends every record to a table, and sends the touched totals to the output topic. All is at least
once: a batch that is run again after a crash between MERGE and checkpoint is added twice.
"""

import argparse

from delta.tables import DeltaTable
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import DecimalType, StringType, StructField, StructType, TimestampType

COST, SUM = DecimalType(12, 6), "decimal(38,6)"
EVENT = StructType(
    [
        StructField("ts", TimestampType()),
        StructField("user", StringType()),
        StructField("channel", StringType()),
        StructField("cost", COST),
    ]
)
SEEN = {"window_start": "TIMESTAMP", "channel": "STRING", "user": "STRING", "events": "LONG", "cost": SUM}
TOTALS = {"channel": "STRING", "events": "LONG", "cost": SUM, "users": "LONG"}
WINDOWS = {"hourly": "window_start", "daily": "date"}
TYPES = {"window_start": "TIMESTAMP", "date": "DATE"}


def records_of(messages: DataFrame) -> DataFrame:
    """One record per message; its fields are null, and raw is kept, where it is no event."""
    event = F.from_json(F.col("value").cast("string"), EVENT).alias("event")
    records = messages.select("partition", "offset", F.col("timestamp").alias("kafka_timestamp"), "key", "value", event)
    fields = [F.col(f"event.{name}") for name in EVENT.fieldNames()]
    raw = F.when(F.col("event.ts").isNull() | F.col("event.cost").isNull(), F.col("value")).alias("raw")
    return records.select("partition", "offset", "kafka_timestamp", "key", *fields, raw)


def save_batch(asked: argparse.Namespace, records: DataFrame, number: int) -> None:
    """Add what users saw, replace the totals that this touches; and the records and the output, if they are asked for."""
    if asked.everything:
        records = records.persist()
        kept = records.withColumn("batch", F.lit(number).cast("long")).write.format("delta").mode("append")
        kept.option("txnAppId", asked.topic).option("txnVersion", number).save(f"{asked.folder}/records")
    added = seen_in(records).persist()
    add_to_seen(f"{asked.folder}/seen", added)
    touched = added.select("window_start", "channel").distinct().persist()
    seen = records.sparkSession.read.format("delta").load(f"{asked.folder}/seen")
    for name, window in WINDOWS.items():
        totals = totals_of(seen, touched, name).persist()
        replace_totals(f"{asked.folder}/{name}", totals, window)
        if asked.everything:
            publish(totals, name, asked)
        totals.unpersist()
    for one in (added, touched, records):
        one.unpersist()


def seen_in(records: DataFrame) -> DataFrame:
    """One row per hour, channel and user."""
    events = records.where("ts IS NOT NULL AND cost IS NOT NULL").withColumn("window_start", F.date_trunc("hour", "ts"))
    added = [F.count("*").alias("events"), F.sum("cost").cast(SUM).alias("cost")]
    return events.groupBy("window_start", "channel", "user").agg(*added)


def add_to_seen(location: str, added: DataFrame) -> None:
    """MERGE by adding; the bounds of the hours let files be skipped."""
    table = created(added.sparkSession, location, SEEN)
    first, last = added.agg(F.min("window_start").cast("string"), F.max("window_start").cast("string")).first() or (None, None)
    same = "old.window_start = new.window_start AND old.channel = new.channel AND old.user = new.user"
    within = f"old.window_start BETWEEN TIMESTAMP'{first}' AND TIMESTAMP'{last}'"
    changes = {"events": "old.events + new.events", "cost": f"CAST(old.cost + new.cost AS {SUM})"}
    merging = table.alias("old").merge(added.alias("new"), f"{same} AND {within}")
    merging.whenMatchedUpdate(set=dict(changes)).whenNotMatchedInsertAll().execute()


def totals_of(seen: DataFrame, touched: DataFrame, name: str) -> DataFrame:
    """All that was seen in the touched windows of an aggregate, added up."""
    window = F.col("window_start") if name == "hourly" else F.col("window_start").cast("date")
    keys = touched.select(window.alias(WINDOWS[name]), "channel").distinct()
    columns = [F.sum("events").alias("events"), F.sum("cost").cast(SUM).alias("cost"), users_of(name).alias("users")]
    rows = seen.select(window.alias(WINDOWS[name]), "channel", "user", "events", "cost")
    there = rows.join(F.broadcast(keys), [WINDOWS[name], "channel"], "left_semi")
    return there.groupBy(WINDOWS[name], "channel").agg(*columns)


def users_of(name: str) -> Column:
    """In an hour everybody is one row; in a day as many as there are hours in which they saw something."""
    return F.count("*") if name == "hourly" else F.countDistinct("user")


def replace_totals(location: str, totals: DataFrame, window: str) -> None:
    """MERGE by replacing."""
    table = created(totals.sparkSession, location, {window: TYPES[window], **TOTALS})
    merging = table.alias("old").merge(totals.alias("new"), f"old.{window} = new.{window} AND old.channel = new.channel")
    merging.whenMatchedUpdateAll().whenNotMatchedInsertAll().execute()


def created(spark: SparkSession, location: str, columns: dict[str, str]) -> DeltaTable:
    """The table, which is made if it is missing."""
    table = DeltaTable.createIfNotExists(spark).location(location)
    for name, kind in columns.items():
        table = table.addColumn(name, kind)
    return table.execute()


def publish(totals: DataFrame, name: str, asked: argparse.Namespace) -> None:
    """One message for each total."""
    window = F.col(WINDOWS[name])
    shown = F.date_format(window, "yyyy-MM-dd'T'HH:mm:ssXXX") if name == "hourly" else window.cast("string")
    group = [F.lit(name).alias("aggregate"), shown.alias(WINDOWS[name]), F.col("channel")]
    key, value = F.to_json(F.struct(*group)), F.to_json(F.struct(*group, "events", "cost", "users"))
    messages = totals.select(key.alias("key"), value.alias("value"))
    messages.write.format("kafka").option("kafka.bootstrap.servers", asked.bootstrap).option("topic", asked.output).save()


def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("bootstrap", "topic", "output", "folder"):
        parser.add_argument(name)
    parser.add_argument("--everything", action="store_true", help="records and output topic, too")
    asked = parser.parse_args()
    spark = SparkSession.builder.appName("advertising").config("spark.sql.session.timeZone", "UTC").getOrCreate()
    messages = (
        spark.readStream.format("kafka")
        .option("kafka.bootstrap.servers", asked.bootstrap)
        .option("subscribe", asked.topic)
        .option("startingOffsets", "earliest")
        .load()
    )
    query = (
        records_of(messages)
        .writeStream.foreachBatch(lambda batch, number: save_batch(asked, batch, number))
        .option("checkpointLocation", f"{asked.folder}/checkpoint")
        .trigger(availableNow=True)
        .start()
    )
    query.awaitTermination()
    spark.stop()


if __name__ == "__main__":
    main()
