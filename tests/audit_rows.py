"""Rows of the checkpoints as an audit wants them, about one partition, and the ledger that it reads from them."""

from collections.abc import Mapping, Sequence
from typing import Any

from spark_jobs.audit.ledger import Ledger
from spark_jobs.audit.ledger_fold import read_ledger
from spark_jobs.progress.counts import Counts
from spark_jobs.progress.ledger import LedgerRow
from spark_jobs.progress.offsets import OffsetRange
from tests.ledger_rows import stored_row

_HELD: Mapping[str, Mapping[str, Any]] = {
    "PLANNED": {"output_starts": {"0": 0}, "table_ids": {}},
    "COUNTED": {"rounded": 0, "gaps": {}},
}
"""What an audit wants of such rows."""


def row(batch: int, state: str, start: int, end: int, topic: str = "t1", **details: Any) -> LedgerRow:
    """A row about partition 0 alone; all that was read was accepted."""
    counts = (Counts(0, end - start, end - start, 0, 0),) if state in ("COUNTED", "DONE") else ()
    return stored_row(
        state,
        {**_HELD.get(state, {}), **details},
        batch=batch,
        topic_id=topic,
        ranges=(OffsetRange(0, start, end),),
        counts=counts,
    )


def done(batch: int, start: int, end: int, topic: str = "t1") -> list[LedgerRow]:
    return [row(batch, "PLANNED", start, end, topic), row(batch, "DONE", start, end, topic)]


def ledger_of(rows: Sequence[LedgerRow], last_sequence: int | None = None) -> Ledger:
    return read_ledger(range(1, len(rows) + 1), rows, len(rows) if last_sequence is None else last_sequence)
