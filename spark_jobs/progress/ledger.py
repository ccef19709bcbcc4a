"""The rows of the checkpoints as values: one dataclass for each kind of row, with the facts that this kind has.

How they are stored is known in `row_codec.py`, what they fold to in `checkpoints.py`, which may follow which in `row_order.py`.
Facts that older versions did not store yet have a default, or are None where "not known" is an answer of its own. Knows no table
and no clock.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import ClassVar, TypedDict

from spark_jobs.base.errors import TableDamaged
from spark_jobs.base.signature import Signature
from spark_jobs.progress.counts import Counts, Tally
from spark_jobs.progress.definition import Change, Definition, defined_by
from spark_jobs.progress.offsets import Loss, OffsetRange, Plan, Rebuild, readings_of
from spark_jobs.progress.stored_plans import damaged_row


class Shared(TypedDict):
    """What every row has, to be given to the class of one."""

    batch: int
    run_id: str
    at: datetime
    topic_id: str
    by: Signature | None


@dataclass(frozen=True, kw_only=True)
class RowBase:
    """One row of the log, without its place in it. `by` is who signed it:
    nobody in rows of before they were signed, and in COUNTED.
    """

    STATE: ClassVar[str]

    batch: int
    run_id: str
    at: datetime
    topic_id: str
    by: Signature | None = None

    @property
    def state(self) -> str:
        """The word that the table has for this kind of row."""
        return self.STATE

    @property
    def kind(self) -> "type[RowBase]":
        """What the row is, or says that it is."""
        return type(self)


@dataclass(frozen=True)
class Outset:
    """What a batch found when it was planned: where the output topic of that id ended, which tables there were, and what
    revisions begin above, which is 0 in plans of pipelines whose first one was 1.
    """

    output_topic_id: str
    output_ends: Mapping[int, int]
    table_ids: Mapping[str, str]
    revisions_after: int


@dataclass(frozen=True, kw_only=True)
class Planned(RowBase):
    """The batch is exactly these ranges, whatever else arrives. `plan` has its `trouble` if it cannot be read as a whole.

    The audit and the comparison of settings need less than a run does, and read it on its own: `definition` is None if that
    cannot be read, and `outset` is then what reading it ended in. `keeps_records` is True in rows of before the choice.
    """

    STATE = "PLANNED"

    plan: Plan
    definition: Definition | None
    outset: Outset | Exception = field(compare=False)
    keeps_records: bool = True

    @property
    def ranges(self) -> tuple[OffsetRange, ...]:
        return self.plan.ranges


@dataclass(frozen=True, kw_only=True)
class Counted(RowBase):
    """What became of the offsets of a batch whose records are not kept: what is averaged later must be as many."""

    STATE = "COUNTED"

    ranges: tuple[OffsetRange, ...]
    tally: Tally
    keeps_records: bool = False


@dataclass(frozen=True, kw_only=True)
class Done(RowBase):
    """The batch is in all tables and published. `published` averages went to the topic of that id, which ended at `output_ends`
    behind them.

    `decided` is the operator's word on what was published, if it was needed. `rejected` is by reason, and None before reasons
    were counted. `keeps_records`: whether the accepted records are in the table `records`, as all were in batches that do not say
    so. `groups` are how many totals of each declared aggregate the batch touched; a `rebuild` read nothing.
    """

    STATE = "DONE"

    ranges: tuple[OffsetRange, ...]
    counts: tuple[Counts, ...]
    published: int | None = None
    output_topic_id: str | None = None
    output_ends: Mapping[int, int] = field(default_factory=dict)
    rounded: int = 0
    rejected: Mapping[str, int] | None = None
    gaps: Mapping[str, str] = field(default_factory=dict)
    keeps_records: bool = True
    seconds: Mapping[str, float] = field(default_factory=dict)
    decided: str | None = None
    groups: Mapping[str, int] = field(default_factory=dict)
    rebuild: Rebuild | None = None

    def readings_of(self, aggregate: str) -> int:
        """How many readings the batch added to an aggregate."""
        return readings_of(aggregate, sum(one.accepted for one in self.counts), self.rebuild)

    @property
    def kept(self) -> tuple[Counts, ...]:
        """What the table `records` holds of the batch, by its counts."""
        return self.counts if self.keeps_records else tuple(one.only_rejected for one in self.counts)


@dataclass(frozen=True, kw_only=True)
class Abandoned(RowBase):
    """An operator gave the batch up before it counted; the next one begins where it began."""

    STATE = "ABANDONED"

    ranges: tuple[OffsetRange, ...]


@dataclass(frozen=True, kw_only=True)
class Lost(RowBase):
    """An operator accepted that offsets were gone before they were read; reading goes on at `resume`."""

    STATE = "LOSS"

    losses: tuple[Loss, ...]
    resume: Mapping[int, int]


@dataclass(frozen=True, kw_only=True)
class Adopted(RowBase):
    """Reading began at `starts`: in a topic that was created again, or where the settings named a `start` of the very first
    batch.

    Of the topic `before`, reading had come to `ends_before`, and that topic is known to have reached `known_until`.
    """

    STATE = "ADOPTED"

    starts: Mapping[int, int]
    start: str | None = None
    before: str | None = None
    input_topic: str | None = None
    input_start: str | None = None
    ends_before: Mapping[int, int] = field(default_factory=dict)
    known_until: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Redefined(RowBase):
    """An operator decided that later batches follow `definition`; `confirmed` are earlier ones whose change was meant as well."""

    STATE = "REDEFINED"

    definition: Definition
    changes: tuple[Change, ...]
    confirmed: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Republished(RowBase):
    """`count` averages were published again, or were about to be: those of the first to the last of `days`, or all if that is
    None.

    `mark` is the time in the header of their records.
    """

    STATE = "REPUBLISHED"

    mark: str
    output_topic: str
    output_topic_id: str
    count: int
    days: tuple[date, date] | None


@dataclass(frozen=True, kw_only=True)
class Unreadable(RowBase):
    """A row of a state that this version does not know, or without what a row of its state holds,
    and what reading it ended in.
    """

    stored_state: str
    error: Exception = field(compare=False)

    @property
    def state(self) -> str:
        return self.stored_state

    @property
    def kind(self) -> type[RowBase]:
        return KINDS.get(self.stored_state, Unreadable)

    @property
    def damage(self) -> TableDamaged:
        """The error for whoever needs what the row says."""
        return damaged_row(f"the row {self.state} of batch {self.batch}", self.error)


LedgerRow = Planned | Counted | Done | Abandoned | Lost | Adopted | Redefined | Republished | Unreadable

KINDS: Mapping[str, type[RowBase]] = {
    kind.STATE: kind for kind in (Planned, Counted, Done, Abandoned, Lost, Adopted, Redefined, Republished)
}
"""What this version can write, by the word that the table has for it."""


def planned(plan: Plan, run_id: str, at: datetime, by: Signature | None = None) -> Planned:
    """The row that makes a plan binding."""
    return Planned(
        batch=plan.batch,
        run_id=run_id,
        at=at,
        topic_id=plan.topic_id,
        by=by,
        plan=plan,
        definition=defined_by(plan),
        outset=Outset(plan.output_topic_id, plan.output_starts, plan.table_ids, plan.revisions_after),
        keeps_records=plan.keeps_records,
    )


def counted_row(plan: Plan, tally: Tally, run_id: str, at: datetime) -> Counted:
    """The row that makes the counts of a batch binding whose records are not kept."""
    return Counted(
        batch=plan.batch,
        run_id=run_id,
        at=at,
        topic_id=plan.topic_id,
        ranges=plan.ranges,
        tally=tally,
        keeps_records=plan.keeps_records,
    )


def done_rows(rows: Iterable[LedgerRow]) -> list[Done]:
    """The rows of finished batches, in the order of the log."""
    return [row for row in rows if isinstance(row, Done)]
