"""What `plan`, `status` and `losses` tell, as plain values for JSON and as tables for a terminal. Finds out nothing itself."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

from rich import box
from rich.table import Table

from spark_jobs.losses import LossEntry
from spark_jobs.planning import Preview
from spark_jobs.status import PartitionStatus, Status
from spark_jobs.watch import Expiry, in_utc


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
    """The status as plain values; ages in seconds, what is left in hours."""
    hours = status.retention.hours
    return {
        "pipeline": status.pipeline,
        "topic": status.topic,
        "last_batch": status.last_batch,
        "last_done": status.last_done,
        "age_seconds": status.age_seconds,
        "unfinished": status.unfinished,
        "owner": status.owner,
        "retention": {
            "hours": None if hours in (None, math.inf) else hours,
            "forever": hours == math.inf,
            "bytes": status.retention.max_bytes,
        },
        "partitions": [_partition_report(one) for one in status.partitions],
        "problems": [str(problem) for problem in status.problems],
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

    >>> [expires(one) for one in (None, Expiry(0, None, None), Expiry(0, None, math.inf), Expiry(0, None, 3.25), Expiry(0, None, -1))]
    ['-', 'unknown', 'never', 'in 3.2 h', 'any moment']
    """
    if expiry is None:
        return "-"
    if expiry.hours_left is None:
        return "unknown"
    if expiry.hours_left == math.inf:
        return "never"
    return f"in {expiry.hours_left:,.1f} h" if expiry.hours_left > 0 else "any moment"


def status_table(status: Status) -> Table:
    """The status for a terminal; `status_notes` go below it."""
    table = _narrow(_headline(status))
    for name in ("partition", "next\noffset", "group", "stable\nend", "high\nwatermark", "lag", "expires"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("verdict", overflow="fold")
    for one in status.partitions:
        numbers = (one.partition, one.stored, one.group, one.stable, one.high, one.lag)
        wrong = f"{one.verdict.cause}, {one.verdict.wrong} wrong" if one.verdict.wrong else one.verdict.cause
        table.add_row(*("-" if number is None else f"{number:,}" for number in numbers), expires(one.expiry), wrong)
    return table


def _narrow(title: str) -> Table:
    """A table for many columns: on a terminal of 80 signs, offsets are still shown whole."""
    return Table(title=title, title_justify="left", box=box.SIMPLE, padding=(0, 1, 0, 0), pad_edge=False)


def status_notes(status: Status) -> tuple[str, ...]:
    """A sentence for everything in the table that asks for one."""
    return tuple(_notes(status))


def _notes(status: Status) -> Iterator[str]:
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


def _headline(status: Status) -> str:
    parts = [f"{status.pipeline} reads {status.topic}"]
    if status.last_done is None:
        parts.append("no batch has been finished yet")
    else:
        parts.append(f"batch {status.last_batch}, last done {in_utc(status.last_done)} ({status.age_seconds:,.0f} s ago)")
    if status.unfinished is not None:
        parts.append(f"batch {status.unfinished} is unfinished and will be resumed")
    if status.owner:
        parts.append(f"running now: {status.owner}")
    return "\n".join(parts)


def losses_report(entries: Iterable[LossEntry]) -> dict[str, Any]:
    """The register of losses as plain values; `to` is the first offset that was not given up."""
    return {"losses": [{_JSON_NAMES.get(name, name): value for name, value in asdict(one).items()} for one in entries]}


_JSON_NAMES = {"start": "from", "end": "to"}


def losses_table(pipeline: str, entries: Iterable[LossEntry]) -> Table:
    """The register of losses for a terminal."""
    table = _narrow(f"{pipeline}: losses accepted and topics adopted")
    for name in ("when", "who", "run", "what"):
        table.add_column(name, overflow="fold")
    for name in ("batch", "partition", "from", "to", "count"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("cause", overflow="fold")
    for one in entries:
        numbers = (one.batch, one.partition, one.start, one.end, one.count)
        texts = ("-" if number is None else f"{number:,}" for number in numbers)
        table.add_row(in_utc(one.at), one.who, one.run_id, one.state, *texts, one.cause)
    return table
