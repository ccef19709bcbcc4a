"""Spark Structured Streaming as tutorials show it: availableNow, foreachBatch, a MERGE that adds to the averages. Default
settings.

Averages only; sums are doubles. A batch that is run again after a crash between MERGE and checkpoint is added twice.
"""

import argparse

from delta.tables import DeltaTable
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import DoubleType, StringType, StructField, StructType

MESSAGE = StructType([StructField("datetime", StringType()), StructField("voltage", DoubleType())])


def readings_of(messages: DataFrame) -> DataFrame:
    """Partition, date and voltage of each message."""
    reading = F.from_json(F.col("value").cast("string"), MESSAGE).alias("reading")
    date = F.to_date("reading.datetime", "dd/MM/yyyy HH:mm:ss").alias("date")
    return messages.select("partition", reading).select("partition", date, "reading.voltage")


def add_to_averages(location: str, batch: DataFrame) -> None:
    """MERGE what a batch adds."""
    added = batch.groupBy("partition", "date").agg(F.sum("voltage").alias("total"), F.count("voltage").alias("readings"))
    table = (
        DeltaTable.createIfNotExists(batch.sparkSession)
        .location(location)
        .addColumn("partition", "INT")
        .addColumn("date", "DATE")
        .addColumn("total", "DOUBLE")
        .addColumn("readings", "LONG")
        .addColumn("average", "DOUBLE")
        .execute()
    )
    total, readings = "old.total + new.total", "old.readings + new.readings"
    (
        table.alias("old")
        .merge(
            added.withColumn("average", F.expr("total / readings")).alias("new"),
            "old.partition = new.partition AND old.date = new.date",
        )
        .whenMatchedUpdate(set={"total": total, "readings": readings, "average": f"({total}) / ({readings})"})
        .whenNotMatchedInsertAll()
        .execute()
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("bootstrap", "topic", "output", "folder"):
        parser.add_argument(name)
    asked = parser.parse_args()
    spark = SparkSession.builder.appName("daily averages").getOrCreate()
    messages = (
        spark.readStream.format("kafka")
        .option("kafka.bootstrap.servers", asked.bootstrap)
        .option("subscribe", asked.topic)
        .option("startingOffsets", "earliest")
        .load()
    )
    query = (
        readings_of(messages)
        .writeStream.foreachBatch(lambda batch, _: add_to_averages(f"{asked.folder}/averages", batch))
        .option("checkpointLocation", f"{asked.folder}/checkpoint")
        .trigger(availableNow=True)
        .start()
    )
    query.awaitTermination()
    spark.stop()


if __name__ == "__main__":
    main()
