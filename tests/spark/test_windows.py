"""Windows in Spark, against the plain Python that the unit tests hold to the clocks of ten zones."""

from typing import TYPE_CHECKING

import pytest
from pyspark.sql import functions as F

from spark_jobs.aggregates.windows import window_of
from tests.window_cases import WINDOWS, ZONES, instants

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.mark.parametrize("zone", ZONES)
def test_spark_finds_the_window_that_the_clock_shows(spark: "SparkSession", zone: str) -> None:
    found = sorted(set(instants(zone)))
    windows = {f"w{number}": window_of(text, zone) for number, text in enumerate(WINDOWS)}
    frame = spark.createDataFrame([(one,) for one in found], "t timestamp")
    columns = [window.of_column(F.col("t")).alias(name) for name, window in windows.items()]
    rows = frame.select("t", *columns).toArrow()
    for name, window in windows.items():
        assert rows[name].cast(window.type).to_pylist() == [window.of(one) for one in rows["t"].to_pylist()], window
