"""The rows of the checkpoints as their table holds them, and back.

A row that cannot be understood becomes `Unreadable`: what follows from that is for those who need what it says. What is stored
keeps its form to the byte. The keys of the column `details` are known in `row_details.py` alone. Knows no table.
"""

import json
from collections.abc import Mapping
from datetime import UTC
from typing import Any

from spark_jobs.progress.counts import Counts
from spark_jobs.progress.ledger import (
    Abandoned,
    Adopted,
    Counted,
    Done,
    LedgerRow,
    Lost,
    Planned,
    Redefined,
    Republished,
    Shared,
    Unreadable,
)
from spark_jobs.progress.offsets import OffsetRange
from spark_jobs.progress.row_details import READERS, Body, details_of, signature_in
from spark_jobs.progress.stored_plans import UNREADABLE, details_in


def columns_of(row: LedgerRow) -> dict[str, Any]:
    """What the table holds of a row, apart from its place in the log."""
    return {
        "batch": row.batch,
        "state": row.state,
        "run_id": row.run_id,
        "at": row.at,
        "topic_id": row.topic_id,
        "ranges": [vars(one) for one in _ranges(row)],
        "counts": [vars(one) for one in _counts(row)],
        "details": json.dumps(details_of(row), sort_keys=True),
    }


def _ranges(row: LedgerRow) -> tuple[OffsetRange, ...]:
    match row:
        case Planned() | Counted() | Done() | Abandoned():
            return row.ranges
        case Lost():
            return tuple(OffsetRange(one.partition, *sorted((one.stored, one.resume))) for one in row.losses)
        case Adopted():
            return tuple(OffsetRange(number, start, start) for number, start in sorted(row.starts.items()))
        case Redefined() | Republished() | Unreadable():
            return ()


def _counts(row: LedgerRow) -> tuple[Counts, ...]:
    match row:
        case Counted():
            return row.tally.counts
        case Done():
            return row.counts
        case _:
            return ()


def row_of(columns: Mapping[str, Any]) -> LedgerRow:
    """The row that these columns hold; one of `UNREADABLE` is raised if they do not even say where it stands."""
    details = details_in(columns["details"])
    shared: Shared = {
        "batch": columns["batch"],
        "run_id": columns["run_id"],
        "at": columns["at"].astimezone(UTC),
        "topic_id": columns["topic_id"],
        "by": signature_in(details),
    }
    ranges = tuple(OffsetRange(one["partition"], one["start"], one["end"]) for one in columns["ranges"])
    body = Body(ranges, tuple(Counts(**one) for one in columns["counts"]), details)
    try:
        return _understood(columns["state"], shared, body)
    except UNREADABLE as error:
        return Unreadable(**shared, stored_state=columns["state"], error=error)


def _understood(state: str, shared: Shared, body: Body) -> LedgerRow:
    if state not in READERS:
        raise ValueError("this version knows no such state")
    return READERS[state](shared, body)
