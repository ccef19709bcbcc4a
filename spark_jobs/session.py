"""The SparkSession: what the job needs on top of what `spark-submit` was given."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

REQUIRED = {
    # Dates and instants must not depend on the host's zone.
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.legacy.timeParserPolicy": "CORRECTED",
    "spark.sql.ansi.enabled": "true",
    # The table's type; Spark's own default is one that carries no statistics.
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    # Late attempts of a task must not read Kafka a second time.
    "spark.speculation": "false",
}

TUNED = {
    # The batch's data has few and small shuffles.
    "spark.sql.shuffle.partitions": "2",
    # Remembering which Python line made each expression costs two of three calls between Python and the JVM.
    "spark.python.sql.dataFrameDebugging.enabled": "false",
    "spark.sql.dataFrameQueryContext.enabled": "false",
}


def build_session(name: str) -> "SparkSession":
    """The session of this process: what correctness depends on is set whatever the submitter chose, the rest where nothing was."""
    from pyspark import SparkConf
    from pyspark.sql import SparkSession

    submitted = SparkConf()
    tuned = {key: value for key, value in TUNED.items() if not submitted.contains(key)}
    spark = SparkSession.builder.appName(f"dayfold {name}").config(map={**tuned, **REQUIRED}).getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    return spark
