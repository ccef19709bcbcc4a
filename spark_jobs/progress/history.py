"""What became of each batch: planned when and by whom, done when and by whom, what it read, and what operators decided about it.

All of it stands in the rows of the checkpoints; no broker, no Spark. How it is printed is known elsewhere.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime

from spark_jobs.base.signature import signed_by
from spark_jobs.base.wording import counted
from spark_jobs.pipeline.rules import Rules
from spark_jobs.progress.ledger import Abandoned, Counted, Done, LedgerRow, Planned
from spark_jobs.progress.losses import decisions_in, losses_in

NEXT = 0
"""Stands for the batch after the last one, if something was decided for it already."""


@dataclass(frozen=True)
class Decision:
    """What an operator decided: LOSS, ADOPTED, ABANDONED or the word on a publication, with what it was about."""

    at: datetime
    who: str
    run_id: str
    what: str


@dataclass(frozen=True)
class BatchHistory:
    """One batch. `decisions` are those that decided where it begins, then those about itself, in their order.

    `state` is done, unfinished or abandoned; planned of what is decided before a batch is. Rows of before runs were signed name
    nobody.
    """

    batch: int
    state: str
    planned: Planned | None = None
    done: Done | None = None
    decisions: tuple[Decision, ...] = field(default=())

    @property
    def seconds(self) -> float | None:
        """How long the run that finished it took for its steps."""
        spent = self.done.seconds if self.done else {}
        return sum(spent.values()) if spent else None

    def total(self, name: str) -> int | None:
        """Sum of a count over the partitions: read, accepted, rejected or gaps; None before the batch is done."""
        return sum(getattr(one, name) for one in self.done.counts) if self.done else None


def history_in(rows: Iterable[LedgerRow]) -> tuple[BatchHistory, ...]:
    """One entry per batch of a log's rows, oldest first; at last one without a plan if something was decided after all of
    them.
    """
    found: list[BatchHistory] = []
    before: tuple[Decision, ...] = ()
    for row in rows:
        if isinstance(row, Planned):
            found.append(BatchHistory(row.batch, "unfinished", planned=row, decisions=before))
            before = ()
        elif isinstance(row, Done | Abandoned) and found:
            found[-1] = _ended(found[-1], row)
        elif not isinstance(row, Counted):
            before += (_decision(row),)
    return (*found, *([BatchHistory(NEXT, "planned", decisions=before)] if before else ()))


def _ended(entry: BatchHistory, row: Done | Abandoned) -> BatchHistory:
    decisions = (*entry.decisions, *_decided_in(row))
    if isinstance(row, Abandoned):
        return replace(entry, state="abandoned", decisions=decisions)
    return replace(entry, state="done", done=row, decisions=decisions)


def _decided_in(row: Done | Abandoned) -> Iterator[Decision]:
    if isinstance(row, Abandoned):
        yield _decision(row)
    elif row.decided:
        yield replace(_decision(row), what=f"--published {row.decided}")


def _decision(row: LedgerRow) -> Decision:
    parts = [
        f"partition {one.partition}: {'-' if one.count is None else counted(one.count, 'record')} ({one.cause})"
        for one in losses_in([row])
    ]
    parts += [one.what for one in decisions_in([row])]
    return Decision(row.at, signed_by(row.by), row.run_id, " ".join([row.state, ", ".join(parts)]).strip())


def rules_of(rows: Iterable[LedgerRow], batches: Collection[int]) -> dict[int, Rules]:
    """The rules that these batches were read by, as their plans have them."""
    return {row.batch: row.plan.rules for row in rows if isinstance(row, Planned) and row.batch in batches}


def planned_by(row: Planned) -> str:
    """Who planned a batch and when, for whoever goes on with it."""
    who = signed_by(row.by)
    return f"planned {row.at:%Y-%m-%d %H:%M:%S} UTC by run {row.run_id}{'' if who == '-' else f' of {who}'}"
