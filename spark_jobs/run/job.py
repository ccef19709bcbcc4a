"""What the steps of one run share: settings, clients, tables, what was asked for, and the clock."""

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from spark_jobs.access.properties import KafkaSettings
from spark_jobs.broker.cluster import Broker
from spark_jobs.lake.checkpoint_log import CheckpointLog
from spark_jobs.lake.standing import stand
from spark_jobs.lake.tables import Lake
from spark_jobs.outlook.proof import Answer
from spark_jobs.pipeline.settings import Pipeline
from spark_jobs.progress.ledger import Planned
from spark_jobs.progress.offsets import OffsetRange, Plan
from spark_jobs.progress.standing import Standing

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

log = logging.getLogger(__name__)

Reader = Callable[["SparkSession", str, Iterable[OffsetRange], Mapping[str, str]], "DataFrame"]
"""How Spark reads the visible messages of a topic's ranges: `read_messages`, or in a test a reader that sees other things."""


@dataclass(frozen=True)
class RunRequest:
    """What the operator asked of this run, besides the pipeline's settings."""

    run_id: str
    accept_loss: bool = False
    adopt_topic: bool = False
    adopt_definition: bool = False
    abandon: bool = False
    published: Answer | None = None


@dataclass(frozen=True)
class Job:
    """Everything that the steps of one run share; `seconds` collects how long each took.

    `resumed` is the plan that another run, or this one before it died, had left unfinished.
    """

    pipeline: Pipeline
    request: RunRequest
    kafka: KafkaSettings
    broker: Broker
    lake: Lake
    checkpoints: CheckpointLog
    spark: Callable[[], "SparkSession"]
    read: Reader
    resumed: Planned | None = None
    seconds: dict[str, float] = field(default_factory=dict)

    def standing(self, plan: Plan) -> Standing:
        """Where an unfinished batch stands now."""
        return stand(self.lake, plan, self.checkpoints.progress.counted)


@contextmanager
def step(job: Job, plan: Plan, name: str) -> Iterator[None]:
    """Time a step of a batch, for the log and for the checkpoint's details."""
    begun = time.monotonic()
    yield
    job.seconds[name] = round(time.monotonic() - begun, 3)
    log.info("%-8s batch %d: %.1f s", name, plan.batch, job.seconds[name])


def now() -> datetime:
    """The clock of the run, for what is written down; never for what is decided."""
    return datetime.now(UTC)
