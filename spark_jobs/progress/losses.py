"""The register of what operators decided: every loss that was accepted, every topic and every change of the settings that was
adopted, and averages that were published again, straight from the checkpoints.

Needs no broker: a decision was written down when it was made. What is worked out here is only its shape, one entry a partition.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from spark_jobs.base.signature import signed_by
from spark_jobs.base.wording import counted
from spark_jobs.progress.ledger import Adopted, LedgerRow, Lost, Redefined, Republished, Unreadable


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


def decisions_in(rows: Iterable[LedgerRow]) -> tuple[DecisionEntry, ...]:
    """Changes of the settings that were adopted and averages that were published again, oldest first."""
    told = ((row, _told(row)) for row in rows)
    return tuple(DecisionEntry(row.at, row.state, signed_by(row.by), row.run_id, row.batch, what) for row, what in told if what)


def _told(row: LedgerRow) -> str:
    match row:
        case Redefined():
            lines = [str(one) for one in row.changes]
            if row.confirmed:
                lines.append(f"changes before, from batch {', '.join(map(str, row.confirmed))} on, were meant")
            return "; ".join(lines)
        case Republished():
            which = f"days {row.days[0]} to {row.days[1]}" if row.days else "all days"
            return f"{counted(row.count, 'average')} published again to {row.output_topic}, {which}"
        case Unreadable() if row.kind in (Redefined, Republished):
            raise row.damage
        case _:
            return ""


def losses_in(rows: Iterable[LedgerRow]) -> tuple[LossEntry, ...]:
    """The entries of a log's rows, oldest first."""
    return tuple(entry for row in rows for entry in _entries(row))


def _entries(row: LedgerRow) -> Iterator[LossEntry]:
    match row:
        case Lost():
            for loss in row.losses:
                yield _entry(row, loss.partition, (min(loss.stored, loss.resume), max(loss.stored, loss.resume)), loss.cause)
        case Adopted():
            for number in sorted({*row.ends_before, *row.starts}):
                yield _entry(row, number, (row.ends_before.get(number), row.known_until.get(number)), _cause(row))
        case Unreadable() if row.kind in (Lost, Adopted):
            raise row.damage


def _entry(row: Lost | Adopted, partition: int, lost: tuple[int | None, int | None], cause: str) -> LossEntry:
    start, end = lost
    count = None if start is None or end is None else end - start
    return LossEntry(row.at, row.state, signed_by(row.by), row.run_id, row.batch, partition, start, end, count, cause)


def _cause(row: Adopted) -> str:
    return f"first run began at {row.start}" if row.start else f"topic created again, was {row.before or '-'}"
