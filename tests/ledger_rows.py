"""Rows of the checkpoints: as their table holds them, for tests of rows that no writer of today writes and of what lacks facts;
and the row of a finished batch.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from spark_jobs.progress.ledger import Done, LedgerRow
from spark_jobs.progress.row_codec import row_of

AT = datetime(2026, 1, 1, 12, tzinfo=UTC)


def stored_row(state: str, details: Mapping[str, Any] | str, **columns: Any) -> LedgerRow:
    """What is read of a row with these details, and with these columns where they are given."""
    row = {"batch": 1, "state": state, "run_id": "run", "at": AT, "topic_id": "topic-1", "ranges": (), "counts": (), **columns}
    lists = {name: [vars(one) for one in row[name]] for name in ("ranges", "counts")}
    return row_of({**row, **lists, "details": details if isinstance(details, str) else json.dumps(details)})


def done_row(batch: int, **facts: Any) -> Done:
    """That a batch is done, with these facts; without any it was empty."""
    return Done(**{"batch": batch, "run_id": "run", "at": AT, "topic_id": "topic-1", "ranges": (), "counts": (), **facts})
