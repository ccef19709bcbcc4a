"""Spark's own opinion of each zone that Python knows."""

from zoneinfo import available_timezones

import pytest
from pyspark.errors import DateTimeException
from pyspark.sql import SparkSession

from spark_jobs.launch.java import find_java
from spark_jobs.launch.java_zones import read_zones


@pytest.mark.thorough
@pytest.mark.proves("F170")
def test_spark_takes_exactly_the_zones_that_are_let_through(spark: SparkSession) -> None:
    jvm = spark._jvm
    assert jvm is not None
    refused = set()
    names = sorted(available_timezones() | {"America/Coyhaique", "right/UTC", "posixrules"})
    for name in names:
        try:
            jvm.org.apache.spark.sql.catalyst.util.DateTimeUtils.getZoneId(name)
        except DateTimeException:
            refused.add(name)
    zones = read_zones(find_java())
    assert {name for name in names if zones.trouble(name)} == refused
