"""Spark starts while the run waits for Kafka, where there is something to read.

A guess that decides nothing but time: the run finds out by itself what it reads, and makes the session where none was begun.
"""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import TYPE_CHECKING

from spark_jobs.outlook.lookahead import find_lag
from spark_jobs.pipeline.settings import Pipeline

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

END_SECONDS = 5.0
"""How long a run that ends waits for a session that is being made: the JVM complains if it has to end meanwhile."""

Make = Callable[[], "SparkSession"]


@contextmanager
def early_session(pipeline: Pipeline, make: Make) -> Iterator[Make]:
    """What gives the session when it is asked for: the one that was begun aside, or else one that is made then."""
    aside = ThreadPoolExecutor(1, "session")
    begun: Future[SparkSession | None] = aside.submit(lambda: make() if find_lag(pipeline, os.environ) else None)
    try:
        yield lambda: _made(begun) or make()
    finally:
        wait([begun], END_SECONDS)
        aside.shutdown(wait=False)


def _made(begun: "Future[SparkSession | None]") -> "SparkSession | None":
    """None as well if it went wrong: who makes it then says why."""
    return None if begun.exception() else begun.result()
