"""A run's figures for StatsD or OpenTelemetry, by Airflow's own settings (`[metrics]`); where they are off, nothing is sent or
asked.

Named `dayfold.PIPELINE.WHAT`. What adds up is a counter, what stands somewhere a gauge, and how long a step took a timer.
"""

import logging
import os
from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING

from airflow.sdk.configuration import conf
from airflow.sdk.observability import stats

from spark_jobs.base.errors import DayfoldError
from spark_jobs.pipeline.settings import Pipeline

if TYPE_CHECKING:
    from spark_jobs.progress.ledger import Done

log = logging.getLogger("dayfold")

SWITCHES = ("statsd_on", "statsd_datadog_enabled", "otel_on")
COUNTED = ("read", "accepted", "rejected", "filtered", "gaps")


def send_lag_before(pipeline: Pipeline, offsets: int) -> None:
    """How many offsets a run found to read."""
    _gauge(pipeline, "lag_before", offsets)


def send_figures(pipeline: Pipeline, done: Iterable["Done"]) -> None:
    """What the batches of a run came to, by their DONE rows, and how much has arrived meanwhile."""
    if not any(conf.getboolean("metrics", switch) for switch in SWITCHES):
        return
    for row in done:
        _count(pipeline, "batches", 1)
        for name in COUNTED:
            what = name if name == "gaps" else f"records_{name}"
            _count(pipeline, what, sum(getattr(one, name) for one in row.counts))
        for step, seconds in row.seconds.items():
            stats.timing(_name(pipeline, f"step.{step}"), timedelta(seconds=seconds), tags={"pipeline": pipeline.name})
    _send_lag_after(pipeline)


def _send_lag_after(pipeline: Pipeline) -> None:
    """The batches are done: a broker that does not answer now is no reason to fail."""
    from spark_jobs.outlook.lookahead import find_lag

    try:
        _gauge(pipeline, "lag_after", find_lag(pipeline, os.environ))
    except DayfoldError as error:
        log.warning("the lag after this run is not known: %s", error)


def _count(pipeline: Pipeline, what: str, number: int) -> None:
    stats.incr(_name(pipeline, what), number, tags={"pipeline": pipeline.name})


def _gauge(pipeline: Pipeline, what: str, number: int) -> None:
    stats.gauge(_name(pipeline, what), number, tags={"pipeline": pipeline.name})


def _name(pipeline: Pipeline, what: str) -> str:
    return f"dayfold.{pipeline.name}.{what}"
