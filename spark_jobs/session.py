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


def build_session(name: str) -> "SparkSession":
    """The session of this process, with the settings that correctness depends on set whatever the submitter chose."""
    from pyspark.sql import SparkSession

    spark = SparkSession.builder.appName(f"dayfold {name}").config(map=REQUIRED).getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    return spark
