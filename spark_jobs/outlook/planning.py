"""Planning a batch: what the next run would read and do, and the plan that it stores. Needs no Spark and writes nothing."""

import secrets
from dataclasses import dataclass
from datetime import datetime

from spark_jobs.base.errors import DecisionNeeded
from spark_jobs.broker.cluster import Broker
from spark_jobs.outlook.evidence import look
from spark_jobs.outlook.obstacles import find_problems
from spark_jobs.outlook.output_owner import require_own_output
from spark_jobs.outlook.topics import Topics, find_starts
from spark_jobs.pipeline.settings import Pipeline
from spark_jobs.progress.checkpoints import Progress
from spark_jobs.progress.definition import silent_bounds
from spark_jobs.progress.offsets import OffsetRange, Plan
from spark_jobs.progress.redefinition import start_note


def make_plan(pipeline: Pipeline, progress: Progress, topics: Topics, ranges: tuple[OffsetRange, ...], now: datetime) -> Plan:
    """The next batch's plan, without the tables' ids, which are known once they exist."""
    return Plan(
        batch=progress.last_batch + 1,
        topic_id=topics.input.id,
        ranges=ranges,
        rules=pipeline.rules(now),
        output_topic_id=topics.output.id,
        output_starts={partition.number: partition.stable for partition in topics.output.partitions},
        table_ids={},
        nonce=secrets.token_hex(8),
        keeps_records=pipeline.records,
        silent=silent_bounds(pipeline.input.time),
        input_topic=topics.input.name,
        output_topic=topics.output.name,
        input_start=str(pipeline.input.start) if progress.is_first_run else progress.input_start,
        revisions_after=progress.revisions_after,
        epochs={one.number: one.epoch for one in topics.input.partitions if one.epoch is not None},
    )


@dataclass(frozen=True)
class PartitionPreview:
    """What the next run would read of one partition: `[start, end)`; `held_back` offsets wait for an open transaction."""

    partition: int
    start: int
    end: int
    is_new: bool
    held_back: int

    @property
    def count(self) -> int:
        return self.end - self.start


@dataclass(frozen=True)
class Preview:
    """What the next run would do, found without writing anything.

    `problems` are what an operator has to decide first, `notes` what cannot be known before a run, `idle_setting` one that
    changes nothing any more.
    """

    batch: int
    unfinished: bool
    first_run: bool
    partitions: tuple[PartitionPreview, ...]
    problems: tuple[DecisionNeeded, ...]
    notes: tuple[str, ...] = ()
    idle_setting: str | None = None

    @property
    def count(self) -> int:
        """Offsets to read, visible records and gaps together."""
        return sum(one.count for one in self.partitions)

    def has_work(self, pipeline: Pipeline) -> bool:
        """Whether a run would do anything; a first run that starts elsewhere than at the beginning stores at least where."""
        must_remember = self.first_run and pipeline.input.start != "earliest"
        return self.unfinished or self.count > 0 or bool(self.problems) or must_remember


def preview_run(broker: Broker, pipeline: Pipeline, progress: Progress) -> Preview:
    """The next run's work as it stands now."""
    found = look(broker, pipeline, progress)
    topics = found.topics
    require_own_output(broker, pipeline.name, topics.output)
    problems = find_problems(broker, pipeline, found)
    starts = find_starts(broker, pipeline, progress, topics.input)
    unfinished = {one.partition: one for one in progress.unfinished.ranges} if progress.unfinished else {}
    return Preview(
        batch=progress.unfinished.batch if progress.unfinished else progress.last_batch + 1,
        unfinished=progress.unfinished is not None,
        first_run=progress.is_first_run,
        partitions=tuple(
            PartitionPreview(
                partition=one.number,
                start=unfinished[one.number].start if one.number in unfinished else starts[one.number],
                end=max(starts[one.number], one.stable),
                is_new=not progress.is_first_run and one.number not in progress.ends,
                held_back=one.held_back,
            )
            for one in topics.input.partitions
        ),
        problems=problems,
        idle_setting=start_note(pipeline, progress),
    )
