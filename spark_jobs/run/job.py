"""What the steps of one run share: settings, clients, tables, what was asked for, and the clock."""

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Protocol

import pyarrow as pa

from spark_jobs.access.properties import KafkaSettings
from spark_jobs.aggregates.aggregate import Aggregate
from spark_jobs.base import machine
from spark_jobs.broker.cluster import Broker
from spark_jobs.lake.checkpoint_log import CheckpointLog
from spark_jobs.lake.standing import stand
from spark_jobs.lake.tables import Lake
from spark_jobs.outlook.proof import Answer
from spark_jobs.pipeline.settings import Pipeline
from spark_jobs.progress.ledger import Planned
from spark_jobs.progress.offsets import OffsetRange, Plan
from spark_jobs.progress.standing import Standing

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunRequest:
    """What the operator asked of this run, besides the pipeline's settings."""

    run_id: str
    accept_loss: bool = False
    adopt_topic: bool = False
    adopt_definition: bool = False
    abandon: bool = False
    published: Answer | None = None
    rebuild: str | None = None


AddUp = Callable[[Aggregate], pa.Table]
"""How to get what a batch adds to an aggregate, in the columns of its contributions."""


class Engine(Protocol):
    """What a run leaves to Spark: all that grows with the number of messages. It commits nothing."""

    def write_records(self, job: "Job", plan: Plan, *, only_rejected: bool) -> str:
        """Read the batch from Kafka and write its records as Parquet files; their folder below that of the table."""

    def add_up_stored(self, job: "Job", plan: Plan, aggregate: Aggregate) -> pa.Table:
        """What the accepted ones of the batch's stored records, or of those that it rebuilds from, add to an aggregate;
        the columns of its contributions.
        """

    def add_up(self, job: "Job", plan: Plan) -> pa.Table:
        """Read a batch whose records are not kept from Kafka and add it up; the columns of `aggregates.adding_up.sums_of`."""

    def find_holes(self, job: "Job", ranges: Iterable[OffsetRange]) -> pa.Table:
        """Read ranges from Kafka for their offsets alone; the columns of `readings.messages.holes_of`."""


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
    engine: Engine
    resumed: Planned | None = None
    seconds: dict[str, float] = field(default_factory=dict)

    def of(self, plan: Plan) -> "Job":
        """The same with the tables that a plan fills, which may be others than those of the settings."""
        return replace(self, lake=self.lake.filled_by(plan))

    def standing(self, plan: Plan) -> Standing:
        """Where an unfinished batch stands now."""
        return stand(self.lake, plan, self.checkpoints.progress.counted)


@contextmanager
def step(job: Job, plan: Plan, name: str) -> Iterator[None]:
    """Time a step of a batch, for the log and for the checkpoint's details."""
    begun = machine.monotonic()
    yield
    job.seconds[name] = round(machine.monotonic() - begun, 3)
    log.info("%-8s batch %d: %.1f s", name, plan.batch, job.seconds[name])
