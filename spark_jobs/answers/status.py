"""Where a pipeline stands: checkpoint, consumer group and topic side by side, and what is about to go wrong.

Found without Spark and without writing anything; how it is printed is known in `reports.py`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from spark_jobs.base.errors import DecisionNeeded
from spark_jobs.base.lock import lock_owner
from spark_jobs.broker.cluster import Broker
from spark_jobs.lake.checkpoint_log import CheckpointLog
from spark_jobs.lake.rejected import Rejections, rejections_of
from spark_jobs.lake.stored import stored_lake
from spark_jobs.outlook import watch
from spark_jobs.outlook.evidence import Evidence, look
from spark_jobs.outlook.obstacles import find_problems
from spark_jobs.outlook.still_there import losses_of
from spark_jobs.outlook.topics import find_starts
from spark_jobs.outlook.watch import Expiry, HeldBack, Retention
from spark_jobs.pipeline.settings import Pipeline
from spark_jobs.progress.beginnings import beginning_notes
from spark_jobs.progress.drift import IN_TRANSACTION, GroupOffset, GroupVerdict, beside_loss, judge_group
from spark_jobs.progress.ledger import Done, Planned
from spark_jobs.progress.offsets import lag_of
from spark_jobs.progress.redefinition import start_note
from spark_jobs.progress.standing import Standing


@dataclass(frozen=True)
class PartitionStatus:
    """One partition: `stored` is the next offset to read, `group` the consumer group's, `lag` what a run could read now.

    `group` is None if it has none or while it is part of an open transaction, `expiry` if everything is read, `held` if no
    transaction holds records back.
    """

    partition: int
    stored: int | None
    group: int | None
    low: int
    stable: int
    high: int
    lag: int
    held: HeldBack | None
    expiry: Expiry | None
    verdict: GroupVerdict


@dataclass(frozen=True)
class Status:
    """Where a pipeline stands. `last_batch` is the last one planned, whatever became of it; `last_done` is None before the first
    batch; `owner` names a run that is going on. `problems` are what would stop the next run until an operator decides, `notes`
    what he should know. `standing` is that of the unfinished batch.
    """

    pipeline: str
    topic: str
    asked_at: datetime
    last_batch: int
    last_done: Done | None
    unfinished: Planned | None
    owner: str | None
    retention: Retention
    partitions: tuple[PartitionStatus, ...]
    problems: tuple[DecisionNeeded, ...]
    notes: tuple[str, ...] = ()
    rejected: Rejections = field(default_factory=Rejections)
    standing: Standing | None = None

    @property
    def age_seconds(self) -> float | None:
        """How long ago the last batch was done."""
        return (self.asked_at - self.last_done.at).total_seconds() if self.last_done else None

    def expiring_within(self, hours: float) -> tuple[str, ...]:
        """A sentence for each partition whose oldest unread record has fewer hours left."""
        expiries = [one.expiry for one in self.partitions if one.expiry]
        return tuple(one.sentence(self.topic) for one in expiries if one.is_under(hours))


def read_status(broker: Broker, pipeline: Pipeline, *, now: datetime) -> Status:
    """The status as of `now`."""
    lake = stored_lake(pipeline)
    log = CheckpointLog(lake)
    progress = log.progress
    found = look(broker, pipeline, progress)
    topic, note = found.topics.input, start_note(pipeline, progress)
    begun = beginning_notes(log.rows, pipeline.aggregates) if pipeline.aggregates else ()
    retention = watch.read_retention(broker, topic.name)
    return Status(
        pipeline=pipeline.name,
        topic=topic.name,
        asked_at=now,
        last_batch=progress.last_batch,
        last_done=progress.last_done,
        unfinished=log.unfinished_plan,
        standing=found.standing,
        owner=lock_owner(pipeline.lock),
        retention=retention,
        partitions=tuple(_partitions(broker, pipeline, found, (retention, now))),
        problems=find_problems(broker, pipeline, found),
        notes=(*((note,) if note else ()), *begun),
        rejected=rejections_of(lake),
    )


def _partitions(
    broker: Broker, pipeline: Pipeline, found: Evidence, kept: tuple[Retention, datetime]
) -> Iterator[PartitionStatus]:
    progress, reading, topic, group = found.progress, found.reading, found.topics.input, found.group
    # Stored offsets of a topic that was replaced say nothing about what is unread in the new one.
    starts = find_starts(broker, pipeline, reading, topic) if progress.topic_id in (None, topic.id) else {}
    expiries = watch.find_expiries(broker, topic, starts, *kept)
    held = {one.partition: one for one in watch.held_back(broker, topic)}
    losses = {loss.partition: loss for loss in losses_of(broker, reading, topic)} if starts else {}
    for one in topic.partitions:
        verdict = judge_group(progress, topic, one, group.get(one.number), reading.ends)
        yield PartitionStatus(
            partition=one.number,
            stored=progress.ends.get(one.number),
            group=_offset_of(group.get(one.number)),
            low=one.low,
            stable=one.stable,
            high=one.high,
            lag=lag_of(one, starts),
            held=held.get(one.number),
            expiry=expiries.get(one.number),
            verdict=beside_loss(verdict, losses.get(one.number)),
        )


def _offset_of(group: GroupOffset | None) -> int | None:
    return None if group is None or group is IN_TRANSACTION else group.offset
