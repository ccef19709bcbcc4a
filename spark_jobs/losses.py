"""The register of what was lost: every loss that was accepted and every topic that was adopted, straight from the checkpoints.

Needs no broker: a decision was written down when it was made. What is worked out here is only its shape, one entry a partition.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from spark_jobs.checkpoints import Checkpoint


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
    return LossEntry(row.at, row.state, _who(row), row.run_id, row.batch, partition, start, end, count, cause)


def _cause(row: Checkpoint) -> str:
    start = row.details.get("start")
    return f"first run began at {start}" if start else f"topic created anew, was {row.details.get('before', '-')}"


def _who(row: Checkpoint) -> str:
    """Rows of before decisions were signed name nobody."""
    by = row.details.get("by")
    if not by:
        return "-"
    user = f"{by['user']}@{by['host']}"
    return f"{by['triggered_by']} ({user})" if by.get("triggered_by") else user
