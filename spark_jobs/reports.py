"""What `plan` and `status` tell, as plain values for JSON and as tables for a terminal. Writes nothing."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from rich.table import Table

from spark_jobs.broker import Broker
from spark_jobs.checkpoints import CheckpointLog, Progress
from spark_jobs.config import Pipeline
from spark_jobs.lake import Lake
from spark_jobs.lock import lock_owner
from spark_jobs.planning import Preview, look_at_topics


@dataclass(frozen=True)
class PartitionStatus:
    """One partition: `stored` is the next offset to read, `group` the consumer group's, `lag` what a run could read now."""

    partition: int
    stored: int | None
    group: int | None
    stable: int
    high: int
    lag: int


@dataclass(frozen=True)
class Status:
    """Where a pipeline stands. `last_done` is None before the first batch; `owner` names a run that is going on."""

    pipeline: str
    topic: str
    last_batch: int
    last_done: datetime | None
    age_seconds: float | None
    unfinished: int | None
    owner: str | None
    partitions: tuple[PartitionStatus, ...]


def read_status(broker: Broker, pipeline: Pipeline, *, now: datetime) -> Status:
    """Checkpoints, consumer group and topic side by side."""
    progress = CheckpointLog(Lake(pipeline.lake, pipeline.name)).progress
    topic = look_at_topics(broker, pipeline).input
    group = broker.committed(pipeline.name, topic.name, list(topic.numbers))
    done = progress.last_done.at if progress.last_done else None
    return Status(
        pipeline=pipeline.name,
        topic=topic.name,
        last_batch=progress.last_batch,
        last_done=done,
        age_seconds=(now - done).total_seconds() if done else None,
        unfinished=progress.unfinished.batch if progress.unfinished else None,
        owner=lock_owner(pipeline.lock),
        partitions=tuple(
            PartitionStatus(
                partition=one.number,
                stored=progress.ends.get(one.number),
                group=group[one.number][0] if one.number in group else None,
                stable=one.stable,
                high=one.high,
                lag=max(0, one.stable - _next_offset(progress, one.number, one.low)),
            )
            for one in topic.partitions
        ),
    )


def _next_offset(progress: Progress, number: int, low: int) -> int:
    return progress.ends.get(number, low)


def plan_report(found: Preview) -> dict[str, Any]:
    """The preview as plain values."""
    return {
        "batch": found.batch,
        "unfinished": found.unfinished,
        "count": found.count,
        "partitions": [{**asdict(one), "count": one.count} for one in found.partitions],
        "problems": [str(problem) for problem in found.problems],
    }


def plan_table(pipeline: str, found: Preview) -> Table:
    """The preview for a terminal."""
    what = "unfinished, will be resumed" if found.unfinished else "next"
    table = Table(title=f"{pipeline}: batch {found.batch} ({what}), {found.count:,} offsets to read", title_justify="left")
    for name in ("partition", "start", "end", "count", "held back"):
        table.add_column(name, justify="right")
    table.add_column("")
    for one in found.partitions:
        numbers = (one.partition, one.start, one.end, one.count, one.held_back)
        table.add_row(*(f"{number:,}" for number in numbers), "new" if one.is_new else "")
    return table


def status_report(status: Status) -> dict[str, Any]:
    """The status as plain values; the age in seconds."""
    return asdict(status)


def status_table(status: Status) -> Table:
    """The status for a terminal."""
    table = Table(title=_headline(status), title_justify="left")
    for name in ("partition", "next offset", "group", "stable end", "high watermark", "lag"):
        table.add_column(name, justify="right")
    for one in status.partitions:
        numbers = (one.partition, one.stored, one.group, one.stable, one.high, one.lag)
        table.add_row(*("-" if number is None else f"{number:,}" for number in numbers))
    return table


def _headline(status: Status) -> str:
    parts = [f"{status.pipeline} reads {status.topic}"]
    if status.last_done is None:
        parts.append("no batch has been finished yet")
    else:
        parts.append(
            f"batch {status.last_batch}, last done {status.last_done:%Y-%m-%d %H:%M:%S} UTC ({status.age_seconds:,.0f} s ago)"
        )
    if status.unfinished is not None:
        parts.append(f"batch {status.unfinished} is unfinished and will be resumed")
    if status.owner:
        parts.append(f"running now: {status.owner}")
    return "\n".join(parts)
