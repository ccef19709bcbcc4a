"""Spark's ports ask nobody who he is, so with a local master they are open to this machine alone."""

from typing import TYPE_CHECKING

import psutil
import pytest

from tests.listening import listening

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.mark.thorough
@pytest.mark.proves("F192")
def test_with_a_local_master_nothing_listens_beyond_loopback(spark: "SparkSession") -> None:
    spark.range(10).repartition(2).count()
    gateway = spark.sparkContext._gateway
    assert gateway is not None
    found = listening(psutil.Process(gateway.proc.pid))
    assert found <= {"127.0.0.1", "::1", "::ffff:127.0.0.1"}
    assert found, "the JVM of the session was not looked at"
