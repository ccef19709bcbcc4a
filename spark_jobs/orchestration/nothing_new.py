"""Why a run finds nothing to do: who has read what was new. Rows of the checkpoints in, sentences and plain values out."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from spark_jobs.base.wording import counted, printable
from spark_jobs.pipeline.settings import Pipeline

if TYPE_CHECKING:
    from spark_jobs.progress.ledger import LedgerRow

log = logging.getLogger("dayfold")

MOST = 5
"""Runs that are named: of a topic that is read every minute many may have come before."""

SKIPPED = "the other tasks have nothing to do and are skipped (pink in Airflow); the run is a success"


@dataclass(frozen=True)
class Reader:
    """A run that finished batches one after the other: `first` to `last`, the last of them at `at`.
    `by` is who it was run by, or `-`.
    """

    run_id: str
    by: str
    first: int
    last: int
    at: datetime
    read: int

    @property
    def text(self) -> str:
        batches = f"batch {self.last}" if self.first == self.last else f"batches {self.first} to {self.last}"
        who = "" if self.by == "-" else f" of {printable(self.by)}"
        return (
            f"run {printable(self.run_id)}{who}: {batches}, done {self.at:%Y-%m-%d %H:%M:%S} UTC, {counted(self.read, 'record')}"
        )

    @property
    def report(self) -> dict[str, Any]:
        """The same as plain values."""
        return {**vars(self), "at": self.at.isoformat()}


def tell_why_nothing(pipeline: Pipeline, context: Any) -> dict[str, Any]:
    """Say in the log why this run has nothing to do; the same as plain values, for an XCom."""
    from spark_jobs.lake.checkpoint_log import CheckpointLog
    from spark_jobs.lake.tables import Lake

    readers = readers_of(CheckpointLog(Lake.of(pipeline)).rows)
    reason, named = why_nothing(pipeline.input.topic, readers, str(context["run_id"]), context["dag_run"].run_after)
    log.info(reason)
    for one in named:
        log.info(f"read by {one.text}")
    log.info(SKIPPED)
    return {"reason": reason, "read_by": [one.report for one in named]}


def readers_of(rows: Iterable["LedgerRow"]) -> list[Reader]:
    """Who finished which batches, the newest first."""
    from spark_jobs.base.signature import signed_by
    from spark_jobs.progress.ledger import done_rows

    found: list[Reader] = []
    for row in done_rows(rows):
        read = sum(one.read for one in row.counts)
        one = Reader(row.run_id, signed_by(row.by), row.batch, row.batch, row.at, read)
        if found and found[-1].run_id == row.run_id:
            one = replace(one, first=found[-1].first, read=found[-1].read + read)
            found.pop()
        found.append(one)
    return found[::-1]


def why_nothing(topic: str, readers: Sequence[Reader], run_id: str, due: datetime) -> tuple[str, list[Reader]]:
    """A sentence, and the runs it is about, the newest first:
    those that have read since this one was due, or else the last one.
    """
    if not readers:
        return f"{topic} has nothing new, and no run before this one has finished a batch of it", []
    newest = readers[0]
    if newest.run_id == run_id:
        return f"nothing has arrived in {topic} since this very run has read it to its end", [newest]
    since = [one for one in readers if one.at > due and one.run_id != run_id][:MOST]
    if since:
        return f"what was new in {topic} when this run was due has been read by another run already", since
    return f"nothing has arrived in {topic} since it was read to its end", [newest]
