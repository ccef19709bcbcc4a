"""What `plan`, `status` and `losses` report, as plain values for JSON and as tables for a terminal. Finds out nothing itself."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Group

from spark_jobs.answers.status import PartitionStatus, Status
from spark_jobs.base.plain_tables import WIDE, Cell, number, numbers, plain_table, texts, times
from spark_jobs.base.times import in_utc
from spark_jobs.base.wording import counted
from spark_jobs.lake.rejected import Rejections
from spark_jobs.outlook.planning import Preview
from spark_jobs.outlook.watch import Expiry
from spark_jobs.progress.history import planned_by
from spark_jobs.progress.losses import DecisionEntry, LossEntry
from spark_jobs.progress.run_told import reasons_text
from spark_jobs.progress.standing import Step, next_step


def plan_report(found: Preview) -> dict[str, Any]:
    """The preview as plain values."""
    return {
        "batch": found.batch,
        "unfinished": found.unfinished,
        "count": found.count,
        "partitions": [{**asdict(one), "count": one.count} for one in found.partitions],
        "problems": [str(problem) for problem in found.problems],
        "notes": list(found.notes),
    }


def plan_table(pipeline: str, found: Preview) -> Group:
    """The preview for a terminal."""
    what = "unfinished, will be resumed" if found.unfinished else "next"
    title = f"{pipeline}: batch {found.batch} ({what}), {counted(found.count, 'offset')} to read"
    rows = (
        (*map(number, (one.partition, one.start, one.end, one.count, one.held_back)), "new" if one.is_new else "")
        for one in found.partitions
    )
    return plain_table(title, (*numbers("partition", "start", "end", "count", "held back"), *texts("")), rows)


def status_report(status: Status) -> dict[str, Any]:
    """The status as plain values; ages in seconds, what is left in hours."""
    hours = status.retention.hours
    return {
        "pipeline": status.pipeline,
        "topic": status.topic,
        "last_batch": status.last_batch,
        "last_done": status.last_done.at if status.last_done else None,
        "last_done_batch": status.last_done.batch if status.last_done else None,
        "age_seconds": status.age_seconds,
        "unfinished": status.unfinished.batch if status.unfinished else None,
        "next_step": next_step(status.standing).name.lower() if status.standing else None,
        "rejected": asdict(status.rejected),
        "owner": status.owner,
        "retention": {
            "hours": None if hours in (None, math.inf) else hours,
            "forever": hours == math.inf,
            "bytes": status.retention.max_bytes,
        },
        "partitions": [_partition_report(one) for one in status.partitions],
        "problems": [str(problem) for problem in status.problems],
        "notes": list(status.notes),
    }


def _partition_report(one: PartitionStatus) -> dict[str, Any]:
    left = one.expiry.hours_left if one.expiry else None
    return {
        "partition": one.partition,
        "stored": one.stored,
        "group": one.group,
        "low": one.low,
        "stable": one.stable,
        "high": one.high,
        "lag": one.lag,
        "held_back": one.high - one.stable,
        "held_back_since": one.held.since if one.held else None,
        "oldest_unread": one.expiry.oldest if one.expiry else None,
        "hours_left": None if left == math.inf else left,
        "expires": expires(one.expiry),
        **asdict(one.verdict),
    }


def expires(expiry: Expiry | None) -> str:
    """When the oldest unread record is deleted, for people.

    >>> [expires(one) for one in (None, *(Expiry(0, None, hours) for hours in (None, math.inf, 3.25, -1)))]
    ['-', 'unknown', 'never', 'in 3.2 h', 'any moment']
    """
    if expiry is None:
        return "-"
    if expiry.hours_left is None:
        return "unknown"
    if expiry.hours_left == math.inf:
        return "never"
    return f"in {expiry.hours_left:,.1f} h" if expiry.hours_left > 0 else "any moment"


def status_table(status: Status) -> Group:
    """The status for a terminal; `status_notes` go below it."""
    columns = numbers("partition", "next\noffset", "group", "stable\nend", "high\nwatermark", "lag", "expires")
    rows = (
        (
            *map(number, (one.partition, one.stored, one.group, one.stable, one.high, one.lag)),
            expires(one.expiry),
            f"{one.verdict.cause}, {one.verdict.wrong} wrong" if one.verdict.wrong else one.verdict.cause,
        )
        for one in status.partitions
    )
    return plain_table(tuple(_headline(status)), (*columns, *texts("verdict")), rows)


def status_notes(status: Status) -> tuple[str, ...]:
    """A sentence for everything in the table that asks for one."""
    return tuple(_notes(status))


def _notes(status: Status) -> Iterator[str]:
    yield from status.notes
    for one in status.partitions:
        if one.verdict.sentence:
            yield f"partition {one.partition}: {one.verdict.sentence}"
        if one.held:
            yield one.held.sentence(status.topic, status.asked_at)
    if status.retention.hours is None:
        yield f"how long {status.topic} keeps its records is not known: DescribeConfigs on the topic is not permitted"
    if status.retention.max_bytes is not None:
        yield (
            f"{status.topic} also deletes by size (retention.bytes={status.retention.max_bytes} per partition), "
            "which may be earlier than by time"
        )


def _headline(status: Status) -> Iterator[str]:
    yield f"{status.pipeline} reads {status.topic}"
    if status.last_done is None:
        yield "no batch has been finished yet"
    else:
        yield f"last done: batch {status.last_done.batch}, {in_utc(status.last_done.at)} ({status.age_seconds:,.0f} s ago)"
    if status.unfinished is not None:
        yield f"unfinished: batch {status.unfinished.batch}, {planned_by(status.unfinished)}; the next run {_goes_on(status)}"
    if status.rejected.count:
        yield rejected_text(status.rejected)
    if status.owner:
        yield f"running now: {status.owner}"


def _goes_on(status: Status) -> str:
    step = next_step(status.standing) if status.standing else None
    return f"resumes it and {step.value}" if isinstance(step, Step) else "stops at it"


def rejected_text(found: Rejections) -> str:
    """How many messages were rejected since when and why, in one line."""
    why = reasons_text(found.reasons, found.count)
    since = f" since batch {found.first_batch}, {in_utc(found.since)}" if found.since else ""
    last = f"{found.last:,}" if found.last else "none"
    return f"rejected: {counted(found.count, 'message')}{since}{f' ({why})' if why else ''}; {last} by the last batch"


def losses_report(entries: Iterable[LossEntry], decisions: Iterable[DecisionEntry]) -> dict[str, Any]:
    """The register of losses as plain values; `to` is the first offset that was not given up."""
    losses = [{_JSON_NAMES.get(name, name): value for name, value in asdict(one).items()} for one in entries]
    return {"losses": losses, "decisions": [asdict(one) for one in decisions]}


_JSON_NAMES = {"start": "from", "end": "to"}


def losses_table(pipeline: str, entries: Sequence[LossEntry], width: int = WIDE) -> Group:
    """The register of losses for a terminal."""
    what = "losses accepted and topics adopted" if entries else "no loss was accepted, and no topic adopted"
    offsets = numbers("batch", "partition", "from", "to", "count")
    if width >= WIDE:
        rows = [(in_utc(one.at), one.who, one.run_id, one.state, *_given_up(one), one.cause) for one in entries]
        return plain_table(f"{pipeline}: {what}", (*times("when"), *texts("who", "run", "what"), *offsets, *texts("cause")), rows)
    stacked: list[Sequence[Cell]] = [
        (tuple(in_utc(one.at).split(" ", 1)), (one.who, one.run_id), (one.state, one.cause), *_given_up(one)) for one in entries
    ]
    return plain_table(f"{pipeline}: {what}", (*times("when"), *texts("who\nrun", "what\ncause"), *offsets), stacked)


def _given_up(one: LossEntry) -> tuple[str, ...]:
    return tuple(map(number, (one.batch, one.partition, one.start, one.end, one.count)))


def decisions_table(pipeline: str, entries: Sequence[DecisionEntry]) -> Group:
    """What was decided and gave up nothing, for a terminal."""
    columns = (*texts("when", "who", "run"), *numbers("after batch"), *texts("what"))
    rows = ((in_utc(one.at), one.who, one.run_id, number(one.batch), one.what) for one in entries)
    return plain_table(f"{pipeline}: changed settings adopted and averages published again", columns, rows)
