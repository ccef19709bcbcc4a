"""Spark Structured Streaming with the same deliverables as ours: every record in a table, exact averages, an output topic.

Records are appended with the batch's number, so a repeated batch adds none; the averages' MERGE and the output are at least once.
"""

import argparse

from delta.tables import DeltaTable
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructField, StructType

MESSAGE = StructType([StructField("datetime", StringType()), StructField("voltage", StringType())])
VALUE, SUM = "decimal(18,6)", "decimal(38,6)"


def records_of(messages: DataFrame) -> DataFrame:
    """One record per message; date and value are null, and raw is kept, where it is no reading."""
    reading = F.from_json(F.col("value").cast("string"), MESSAGE)
    event_time = F.try_to_timestamp("reading.datetime", F.lit("dd/MM/yyyy HH:mm:ss"))
    records = messages.select(
        "partition", "offset", "timestamp", "key", F.col("value").alias("raw"), reading.alias("reading")
    ).select(
        "partition",
        "offset",
        F.col("timestamp").alias("kafka_timestamp"),
        "key",
        event_time.alias("event_time"),
        event_time.cast("date").alias("date"),
        F.col("reading.voltage").try_cast(VALUE).alias("value"),
        "raw",
    )
    return records.withColumn("raw", F.when(F.col("date").isNull() | F.col("value").isNull(), F.col("raw")))


def save_batch(asked: argparse.Namespace, records: DataFrame, number: int) -> None:
    """Append the records, MERGE what they add, publish the days that they touched."""
    records = records.withColumn("batch", F.lit(number).cast("long")).persist()
    added = added_by(records).persist()
    records.write.format("delta").mode("append").option("txnAppId", asked.topic).option("txnVersion", number).save(
        f"{asked.folder}/records"
    )
    merge(f"{asked.folder}/averages", added)
    averages = records.sparkSession.read.format("delta").load(f"{asked.folder}/averages")
    publish(averages.join(added.select("partition", "date"), ["partition", "date"], "left_semi"), asked)
    added.unpersist()
    records.unpersist()


def added_by(records: DataFrame) -> DataFrame:
    """Exact sums per partition and day."""
    readings = records.where("date IS NOT NULL AND value IS NOT NULL")
    return readings.groupBy("partition", "date").agg(
        F.sum("value").cast(SUM).alias("value_sum"),
        F.count("value").alias("value_count"),
        F.min("value").alias("value_min"),
        F.max("value").alias("value_max"),
    )


def merge(location: str, added: DataFrame) -> None:
    """Add a batch's sums to the stored ones and divide again."""
    table = DeltaTable.createIfNotExists(added.sparkSession).location(location)
    for column, kind in (("partition", "INT"), ("date", "DATE"), ("value_sum", SUM), ("value_count", "LONG")):
        table = table.addColumn(column, kind)
    for column in ("value_min", "value_max", "average"):
        table = table.addColumn(column, VALUE)
    total, count = f"CAST(old.value_sum + new.value_sum AS {SUM})", "old.value_count + new.value_count"
    changes: dict[str, str | Column] = {
        "value_sum": total,
        "value_count": count,
        "value_min": "least(old.value_min, new.value_min)",
        "value_max": "greatest(old.value_max, new.value_max)",
        "average": f"CAST({total} / ({count}) AS {VALUE})",
    }
    with_average = added.withColumn("average", F.expr(f"CAST(value_sum / value_count AS {VALUE})"))
    same_day = "old.partition = new.partition AND old.date = new.date"
    merging = table.execute().alias("old").merge(with_average.alias("new"), same_day)
    merging.whenMatchedUpdate(set=changes).whenNotMatchedInsertAll().execute()


def publish(averages: DataFrame, asked: argparse.Namespace) -> None:
    """One message a day, to the partition that its readings came from."""
    date = F.col("date").cast("string")
    messages = averages.select(
        "partition", date.alias("key"), F.to_json(F.struct(date.alias("date"), F.col("average").alias("voltage"))).alias("value")
    )
    messages.write.format("kafka").option("kafka.bootstrap.servers", asked.bootstrap).option("topic", asked.output).save()


def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("bootstrap", "topic", "output", "folder"):
        parser.add_argument(name)
    asked = parser.parse_args()
    spark = SparkSession.builder.appName("records and daily averages").getOrCreate()
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
