"""The register of what operators decided: every loss that was accepted, every topic and every change of the settings that was adopted,
and averages that were published again, straight from the checkpoints.

Needs no broker: a decision was written down when it was made. What is worked out here is only its shape, one entry a partition.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from spark_jobs.base.signature import signed_by
from spark_jobs.base.wording import counted
from spark_jobs.progress.checkpoints import Checkpoint
from spark_jobs.progress.definition import Change


@dataclass(frozen=True)
class LossEntry:
    """What one decision gave up of one partition: offsets `[start, end)` after `batch`; None where it is not known.

    `who` decided, in the run `run_id`.
    """

    at: datetime
    state: str
    who: str
    run_id: str
    batch: int
    partition: int
    start: int | None
    end: int | None
    count: int | None
    cause: str


@dataclass(frozen=True)
class DecisionEntry:
    """What was decided after `batch`, in words; it gave up no record."""

    at: datetime
    state: str
    who: str
    run_id: str
    batch: int
    what: str


def decisions_in(rows: Iterable[Checkpoint]) -> tuple[DecisionEntry, ...]:
    """Changes of the settings that were adopted and averages that were published again, oldest first."""
    told = ((row, _told(row)) for row in rows)
    return tuple(
        DecisionEntry(row.at, row.state, signed_by(row.details), row.run_id, row.batch, what) for row, what in told if what
    )


def _told(row: Checkpoint) -> str:
    if row.state == "REDEFINED":
        lines = [str(Change(**one)) for one in row.details["changes"]]
        if row.details["confirmed"]:
            lines.append(f"changes before, from batch {', '.join(map(str, row.details['confirmed']))} on, were meant")
        return "; ".join(lines)
    if row.state == "REPUBLISHED":
        days = row.details["days"]
        which = f"days {days[0]} to {days[1]}" if days else "all days"
        return f"{counted(row.details['count'], 'average')} published again to {row.details['output_topic']}, {which}"
    return ""


def losses_in(rows: Iterable[Checkpoint]) -> tuple[LossEntry, ...]:
    """The entries of a log's rows, oldest first."""
    return tuple(entry for row in rows for entry in _entries(row))


def _entries(row: Checkpoint) -> Iterator[LossEntry]:
    if row.state == "LOSS":
        for loss in row.details["losses"]:
            span = sorted((loss["from"], loss["to"]))
            yield _entry(row, loss["partition"], span[0], span[1], loss["cause"])
    if row.state == "ADOPTED":
        ends = row.details.get("ends_before", {})
        known = row.details.get("known_until", {})
        for number in sorted({*map(int, ends), *(one.partition for one in row.ranges)}):
            yield _entry(row, number, ends.get(str(number)), known.get(str(number)), _cause(row))


def _entry(row: Checkpoint, partition: int, start: int | None, end: int | None, cause: str) -> LossEntry:
    count = None if start is None or end is None else end - start
    return LossEntry(row.at, row.state, signed_by(row.details), row.run_id, row.batch, partition, start, end, count, cause)


def _cause(row: Checkpoint) -> str:
    start = row.details.get("start")
    return f"first run began at {start}" if start else f"topic created anew, was {row.details.get('before', '-')}"
