"""The SparkSession: what the job needs on top of what `spark-submit` was given."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

REQUIRED = {
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    # Dates and instants must not depend on the host's zone.
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.legacy.timeParserPolicy": "CORRECTED",
    "spark.sql.ansi.enabled": "true",
    # Late attempts of a task must not read Kafka a second time.
    "spark.speculation": "false",
}

TUNED = {
    # The batch's data has few and small shuffles, and a table's log is folded faster in one piece than in fifty.
    "spark.sql.shuffle.partitions": "2",
    "spark.databricks.delta.snapshotPartitions": "1",
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
