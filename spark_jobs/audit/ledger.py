"""The checkpoints as a ledger: which batches there are, what each must hold, where every partition stands.

Folds the log as a run does, but believes nothing: each row must follow from the rows before it, and what does not is a
difference. Plain Python; knows no table, no topic and no clock.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

from spark_jobs.aggregates.aggregate import with_members
from spark_jobs.aggregates.declared_aggregates import aggregates_of
from spark_jobs.audit.findings import Difference, difference
from spark_jobs.base.wording import counted
from spark_jobs.progress.definition import changes_output
from spark_jobs.progress.ledger import (
    Abandoned,
    Adopted,
    Counted,
    Counts,
    Done,
    LedgerRow,
    Lost,
    Outset,
    Planned,
    Redefined,
    Republished,
    Unreadable,
)
from spark_jobs.progress.offsets import OffsetRange, ends_of
from spark_jobs.progress.redefinition import Redefinition, redefinitions
from spark_jobs.progress.row_order import Kind, disorder

CHECKPOINTS_PLACE = "table checkpoints"
MIXED = (
    "If the averages from there on are not comparable with those before, read everything again, as another pipeline with "
    "another output topic; if they are, run once with --adopt-definition, which records that."
)

End = Literal["DONE", "ABANDONED", "OPEN", "UNTOLD"]
"""How a batch ended; OPEN is the one that the next run resumes, UNTOLD one whose end is missing in the log."""


@dataclass(frozen=True)
class Batch:
    """One batch as the log has it; `counts` are there once it is DONE, or was counted because its records are not kept, and
    `done_at` once it is DONE; `aggregates` are those that its plan fills, None if that cannot be read. From `truncated`
    on, the topic's log was cut off later and holds other records.
    """

    number: int
    end: End
    topic_id: str
    ranges: Mapping[int, OffsetRange]
    counts: Mapping[int, Counts] = field(default_factory=dict)
    output_starts: Mapping[int, int] = field(default_factory=dict)
    truncated: Mapping[int, int] = field(default_factory=dict)
    keeps_records: bool = True
    done_at: datetime | None = None
    aggregates: frozenset[str] | None = None

    def feeds(self, aggregate: str) -> bool:
        """Whether the batch counts in an aggregate, or in the members of one."""
        return self.aggregates is None or aggregate in self.aggregates

    @property
    def settled(self) -> bool:
        """Whether all tables and topics must hold exactly this batch."""
        return self.end in ("DONE", "UNTOLD")

    def kept(self, partition: int) -> Counts:
        """What the table `records` must hold of a partition, by the checkpoint's counts."""
        counted = self.counts.get(partition, Counts(partition, 0, 0, 0, 0))
        return counted if self.keeps_records else counted.only_rejected


@dataclass
class Ledger:
    """The fold of all rows. `group` is where the last finished batch left the consumer group, empty if a topic was adopted since;
    `redefined` is where other settings begin, `republished` the times of averages that were published once more, `born` what the
    first plan found on the output topic.
    """

    batches: dict[int, Batch] = field(default_factory=dict)
    ends: dict[int, int] = field(default_factory=dict)
    lost: dict[int, int] = field(default_factory=dict)
    group: dict[int, int] = field(default_factory=dict)
    last_done: int = 0
    topic_id: str | None = None
    born: Outset | None = None
    table_ids: Mapping[str, str] = field(default_factory=dict)
    redefined: tuple[Redefinition, ...] = ()
    republished: set[str] = field(default_factory=set)
    differences: list[Difference] = field(default_factory=list)

    @property
    def open(self) -> Batch | None:
        return next((one for one in self.batches.values() if one.end == "OPEN"), None)

    @property
    def settled(self) -> list[Batch]:
        return [one for _, one in sorted(self.batches.items()) if one.settled]

    def went_elsewhere(self, batch: int, output_topic_id: str) -> bool:
        """Whether an operator decided after the batch that averages go to this topic from then on:
        its own went to another one.
        """
        moved = [one for one in self.redefined if one.decided and changes_output(one.changes)]
        return bool(moved) and batch < moved[-1].batch and moved[-1].output_topic_id == output_topic_id

    def complain(self, what: str, partition: int | None = None) -> None:
        self.differences.append(difference(CHECKPOINTS_PLACE, what, partition=partition))


def read_ledger(sequences: Iterable[int], rows: Iterable[LedgerRow], last_sequence: int) -> Ledger:
    """The ledger of a log whose rows have these sequence numbers, and whose table knows that `last_sequence` was written."""
    ledger = Ledger()
    _require_no_holes(ledger, list(sequences), last_sequence)
    rows = list(rows)
    before: tuple[Kind | None, int] = (None, 0)
    for row in rows:
        known = len(ledger.differences)
        _take(ledger, row)
        found = disorder(*before, row.kind, row.batch)
        # What a step has said of a row says more than that it cannot stand there.
        if found and len(ledger.differences) == known:
            ledger.complain(found)
        before = (row.kind, row.batch)
    _compare_definitions(ledger, rows)
    return ledger


def _take(ledger: Ledger, row: LedgerRow) -> None:
    match row:
        case Planned():
            _planned(ledger, row)
        case Counted():
            _counted(ledger, row)
        case Done():
            _done(ledger, row)
        case Abandoned():
            _abandoned(ledger, row)
        case Lost():
            _loss(ledger, row)
        case Adopted():
            ledger.topic_id, ledger.ends, ledger.group = row.topic_id, dict(row.starts), {}
        case Redefined():
            _redefined(ledger, row)
        case Republished():
            ledger.republished.add(row.mark)
        case Unreadable():
            _complain_of_holding(ledger, row, row.error)


def _complain_of_holding(ledger: Ledger, row: Planned | Unreadable, error: Exception) -> None:
    ledger.complain(f"the {row.state} row of batch {row.batch} does not hold what such a row holds ({error!r})")


def _compare_definitions(ledger: Ledger, rows: Iterable[LedgerRow]) -> None:
    ledger.redefined = redefinitions(rows)
    for one in ledger.redefined:
        if not one.decided:
            ledger.differences.append(difference(CHECKPOINTS_PLACE, f"{one}, which nobody decided", MIXED))


def _require_no_holes(ledger: Ledger, sequences: list[int], last_sequence: int) -> None:
    wanted = range(1, max([last_sequence, *sequences], default=0) + 1)
    missing = sorted(set(wanted) - set(sequences))
    if missing:
        ledger.complain(f"row {', '.join(map(str, missing))} of {len(wanted)} is missing from the log")
    doubled = sorted({one for one in sequences if sequences.count(one) > 1})
    if doubled:
        ledger.complain(f"row {', '.join(map(str, doubled))} is there more than once")


def _planned(ledger: Ledger, row: Planned) -> None:
    ranges = {one.partition: one for one in row.ranges}
    _settle_untold(ledger, ranges)
    newest = max(ledger.batches, default=0)
    if row.batch != newest + 1:
        ledger.complain(f"batch {row.batch} was planned after batch {newest}; numbers grow by one")
    if ledger.topic_id not in (None, row.topic_id):
        ledger.complain(f"batch {row.batch} was planned on topic id {row.topic_id}, the rows before it are of {ledger.topic_id}")
    for number, one in ranges.items():
        before = one.start if ledger.topic_id is None else ledger.ends.get(number, 0)
        if one.start != before:
            sentence = f"batch {row.batch} begins partition {number} at {one.start}, the rows before it end at {before}"
            ledger.complain(sentence, number)
    # First what its columns say: a plan whose details cannot be read may have been abandoned, and later batches follow it.
    fed = frozenset(one.name for one in with_members(aggregates_of(row.definition.rules))) if row.definition else None
    planned = Batch(row.batch, "OPEN", row.topic_id, ranges, keeps_records=row.keeps_records, aggregates=fed)
    ledger.batches[row.batch], ledger.topic_id = planned, row.topic_id
    if isinstance(row.outset, Exception):
        _complain_of_holding(ledger, row, row.outset)
        return
    ledger.batches[row.batch] = replace(planned, output_starts=row.outset.output_ends)
    ledger.table_ids, ledger.born = row.outset.table_ids, ledger.born or row.outset
    if row.outset.revisions_after != ledger.born.revisions_after:
        ledger.complain(
            f"batch {row.batch} was planned with revisions above {row.outset.revisions_after}, the batches before it above "
            f"{ledger.born.revisions_after}"
        )


def _settle_untold(ledger: Ledger, following: Mapping[int, OffsetRange]) -> None:
    """A batch is planned while another is open: its end is missing, so where the new one begins has to show what it was."""
    untold = ledger.open
    if untold is None:
        return
    ledger.complain(f"batch {untold.number} has neither a DONE nor an ABANDONED row, but another was planned after it")
    was_read = any(
        one.span and following[number].start == one.end for number, one in untold.ranges.items() if number in following
    )
    ledger.batches[untold.number] = replace(untold, end="UNTOLD" if was_read else "ABANDONED")
    if was_read:
        ledger.ends |= ends_of(untold.ranges.values())


def _counted(ledger: Ledger, row: Counted) -> None:
    plan = ledger.batches.get(row.batch)
    if plan is None or plan.end != "OPEN" or plan.keeps_records or plan.counts:
        ledger.complain(f"batch {row.batch} is COUNTED, which only an averages-only batch is, once, while it is open")
        return
    ledger.batches[row.batch] = replace(plan, counts={one.partition: one for one in row.tally.counts})


def _done(ledger: Ledger, row: Done) -> None:
    ranges = {one.partition: one for one in row.ranges}
    plan = ledger.batches.get(row.batch, Batch(row.batch, "OPEN", row.topic_id, ranges))
    if row.batch not in ledger.batches:
        ledger.complain(f"batch {row.batch} is DONE but was never planned")
    elif plan.end != "OPEN":
        ledger.complain(f"batch {row.batch} is DONE but was {plan.end} before")
        return
    if dict(plan.ranges) != ranges:
        ledger.complain(f"batch {row.batch} is DONE with other ranges than were planned")
    counts = {one.partition: one for one in row.counts}
    if not plan.keeps_records and not plan.counts:
        ledger.complain(f"batch {row.batch} is DONE but was never COUNTED")
    if plan.counts and dict(plan.counts) != counts:
        ledger.complain(f"batch {row.batch} is DONE with other counts than it was COUNTED with")
    if plan.keeps_records != row.keeps_records:
        planned, done = ("with its records" if kept else "averages only" for kept in (plan.keeps_records, row.keeps_records))
        ledger.complain(f"batch {row.batch} was planned {planned} and is DONE {done}")
    for number, one in ranges.items():
        _require_sum(ledger, row.batch, one, counts.get(number, Counts(number, 0, 0, 0, 0)))
    ledger.batches[row.batch] = replace(plan, end="DONE", ranges=ranges, counts=counts, done_at=row.at)
    ledger.ends |= ends_of(row.ranges)
    ledger.group, ledger.last_done, ledger.topic_id = ends_of(row.ranges), row.batch, row.topic_id


def _require_sum(ledger: Ledger, batch: int, planned: OffsetRange, found: Counts) -> None:
    sorted_out = found.accepted + found.rejected + found.filtered
    adds_up = found.read == sorted_out and found.read + found.gaps == planned.span
    if not adds_up or min(found.accepted, found.rejected, found.filtered, found.gaps) < 0:
        filtered = f"{found.filtered} filtered, " if found.filtered else ""
        ledger.complain(
            f"the counts of batch {batch}, partition {planned.partition} do not add up: {found.accepted} accepted, "
            f"{found.rejected} rejected, {filtered}{found.read} read and {counted(found.gaps, 'gap')} in a range of "
            f"{counted(planned.span, 'offset')}",
            planned.partition,
        )


def _abandoned(ledger: Ledger, row: Abandoned) -> None:
    plan = ledger.batches.get(row.batch)
    if plan is None or plan.end != "OPEN":
        ledger.complain(f"batch {row.batch} is ABANDONED but was {'never planned' if plan is None else plan.end}")
        return
    ledger.batches[row.batch] = replace(plan, end="ABANDONED")
    ledger.ends |= {one.partition: one.start for one in row.ranges}


def _loss(ledger: Ledger, row: Lost) -> None:
    for one in row.losses:
        stored = ledger.ends.get(one.partition, 0)
        if one.stored != stored:
            sentence = f"a LOSS begins at offset {one.stored} of partition {one.partition}, the rows before it end at {stored}"
            ledger.complain(sentence, one.partition)
        ledger.lost[one.partition] = ledger.lost.get(one.partition, 0) + one.count
        if one.cause in ("truncated", "replaced"):
            _truncate(ledger, one.partition, one.resume)
    ledger.ends |= row.resume


def _truncate(ledger: Ledger, number: int, end: int) -> None:
    for batch in ledger.batches.values():
        cut = {**batch.truncated, number: min(end, batch.truncated.get(number, end))}
        ledger.batches[batch.number] = replace(batch, truncated=cut)


def _redefined(ledger: Ledger, row: Redefined) -> None:
    if ledger.open is not None:
        ledger.complain(f"other settings were decided for batch {row.batch + 1} while batch {ledger.open.number} was unfinished")
