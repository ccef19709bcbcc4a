"""Spark's own opinion of each zone that Python knows."""

from zoneinfo import available_timezones

import pytest
from py4j.protocol import Py4JJavaError
from pyspark.sql import SparkSession

from spark_jobs.java_zones import zone_trouble


@pytest.mark.proves("F170")
def test_spark_takes_exactly_the_zones_that_are_let_through(spark: SparkSession) -> None:
    jvm = spark._jvm
    assert jvm is not None
    refused = set()
    names = sorted(available_timezones() | {"America/Coyhaique", "right/UTC", "posixrules"})
    for name in names:
        try:
            jvm.org.apache.spark.sql.catalyst.util.DateTimeUtils.getZoneId(name)
        except Py4JJavaError:
            refused.add(name)
    assert {name for name in names if zone_trouble(name)} == refused
