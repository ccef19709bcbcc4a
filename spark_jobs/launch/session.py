"""The SparkSession: what the job needs on top of what `spark-submit` was given."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from spark_jobs.base.errors import ConfigurationError
from spark_jobs.launch.spark_environment import LOOPBACK, SECRET_VARIABLE, is_local

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
    # What was read is not read on from: consumers and the messages they fetched last would lie in memory for minutes, of every
    # partition.
    "spark.kafka.consumer.cache.capacity": "8",
    "spark.kafka.consumer.fetchedData.cache.timeout": "1s",
    "spark.kafka.consumer.fetchedData.cache.evictorThreadRunInterval": "1s",
}


def cluster_login(environment: Mapping[str, str]) -> dict[str, str]:
    """Spark settings that prove to a standalone cluster who we are; none if the environment holds no secret.

    Set in the process, because every argument of `spark-submit` can be seen in `ps`.

    >>> cluster_login({}), sorted(cluster_login({"_SPARK_AUTH_SECRET": "x"}))
    ({}, ['spark.authenticate', 'spark.authenticate.secret'])
    """
    secret = environment.get(SECRET_VARIABLE)
    return {"spark.authenticate": "true", "spark.authenticate.secret": secret} if secret else {}


def addresses(master: str) -> dict[str, str]:
    """Where the driver listens. With a local master for itself alone: its ports ask nobody who he is.

    >>> addresses("local[2]")
    {'spark.driver.host': '127.0.0.1', 'spark.driver.bindAddress': '127.0.0.1'}
    >>> addresses("spark://host:7077")
    {}
    """
    return dict.fromkeys(("spark.driver.host", "spark.driver.bindAddress"), LOOPBACK) if is_local(master) else {}


def require_names(location: str) -> None:
    """Raise `ConfigurationError` if the JVM that `spark-submit` started reads other names of files than we do, because of its
    locale.

    `dayfold run` and the DAG set the locale; by hand it is the shell's. Only a name that is not ASCII asks the JVM.
    """
    if location.isascii() or "PYSPARK_GATEWAY_PORT" not in os.environ:
        return
    from pyspark import SparkContext

    SparkContext._ensure_initialized()
    jvm = cast(Any, SparkContext._jvm)  # It is there once it has been initialized.
    encoding = str(jvm.System.getProperty("sun.jnu.encoding"))
    if encoding != "UTF-8":
        raise ConfigurationError(
            f"Java reads names of files as {encoding} in this locale, and {location} has others than ASCII's characters: "
            "set LC_ALL=C.UTF-8 before spark-submit, or use `dayfold run`"
        )


def build_session(name: str) -> "SparkSession":
    """The session of this process: what correctness depends on is set whatever the submitter chose,
    the rest where nothing was.
    """
    from pyspark import SparkConf, SparkContext
    from pyspark.sql import SparkSession

    # What was submitted is known to the JVM, and without a connection to it a SparkConf is empty.
    SparkContext._ensure_initialized()
    submitted = SparkConf()
    tuned = {key: value for key, value in TUNED.items() if not submitted.contains(key)}
    spark = (
        SparkSession.builder.appName(f"dayfold {name}")
        .config(map={**tuned, **REQUIRED, **addresses(submitted.get("spark.master", "")), **cluster_login(os.environ)})
        .getOrCreate()
    )
    spark.sparkContext.setLogLevel("ERROR")
    return spark
