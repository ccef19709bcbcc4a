"""The SparkSession: what the job needs on top of what `spark-submit` was given."""

import os
from collections.abc import Mapping
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
    # What was read is not read on from: consumers and the messages they fetched last would lie in memory for minutes, of every partition.
    "spark.kafka.consumer.cache.capacity": "8",
    "spark.kafka.consumer.fetchedData.cache.timeout": "1s",
    "spark.kafka.consumer.fetchedData.cache.evictorThreadRunInterval": "1s",
}


SECRET_VARIABLE = "_SPARK_AUTH_SECRET"
"""Environment variable with the secret that a standalone cluster asks for; Spark's own daemons and executors read the same one."""


def cluster_login(environment: Mapping[str, str]) -> dict[str, str]:
    """Spark settings that prove to a standalone cluster who we are; none if the environment holds no secret.

    Set in the process, because every argument of `spark-submit` can be seen in `ps`.

    >>> cluster_login({}), sorted(cluster_login({"_SPARK_AUTH_SECRET": "x"}))
    ({}, ['spark.authenticate', 'spark.authenticate.secret'])
    """
    secret = environment.get(SECRET_VARIABLE)
    return {"spark.authenticate": "true", "spark.authenticate.secret": secret} if secret else {}


def build_session(name: str) -> "SparkSession":
    """The session of this process: what correctness depends on is set whatever the submitter chose, the rest where nothing was."""
    from pyspark import SparkConf
    from pyspark.sql import SparkSession

    submitted = SparkConf()
    tuned = {key: value for key, value in TUNED.items() if not submitted.contains(key)}
    spark = (
        SparkSession.builder.appName(f"dayfold {name}")
        .config(map={**tuned, **REQUIRED, **cluster_login(os.environ)})
        .getOrCreate()
    )
    spark.sparkContext.setLogLevel("ERROR")
    return spark
