"""The rows of the checkpoints folded to a ledger, as a run folds them, but without belief: each row must follow from the rows
before it, and what does not is a difference.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from spark_jobs.audit.findings import difference
from spark_jobs.audit.ledger import CHECKPOINTS_PLACE, Batch, Ledger
from spark_jobs.base.wording import counted
from spark_jobs.lake.schemas import Layout, layout_of
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
    Unreadable,
)
from spark_jobs.progress.offsets import OffsetRange, ends_of
from spark_jobs.progress.redefinition import redefinitions
from spark_jobs.progress.row_order import Kind, disorder

MIXED = (
    "If the averages from there on are not comparable with those before, read everything again, as another pipeline with "
    "another output topic; if they are, run once with --adopt-definition, which records that."
)


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
    planned = Batch(row.batch, "OPEN", row.topic_id, ranges, keeps_records=row.keeps_records, rebuild=row.plan.rebuild)
    if row.definition:
        planned = _with_aggregates(planned, layout_of(row.definition.rules))
    ledger.batches[row.batch], ledger.topic_id = planned, row.topic_id
    _require_readings(ledger, planned)
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


def _with_aggregates(planned: Batch, layout: Layout) -> Batch:
    fed = frozenset(one.name for one in layout.all_aggregates)
    published = frozenset(one.name for one in layout.published)
    return replace(planned, aggregates=fed, published=published, required=layout.required)


def _require_readings(ledger: Ledger, planned: Batch) -> None:
    """A rebuild counts what was accepted before the aggregate was declared, no more and no less."""
    if planned.rebuild is None:
        return
    name = planned.rebuild.aggregate
    fed = [one.number for one in ledger.sources(planned, name) if one.feeds(name)]
    accepted = ledger.accepted_by(planned, name, None)
    if fed or accepted != planned.rebuild.readings:
        counted_already = f", of which batch {', '.join(map(str, fed))} counted in it already" if fed else ""
        ledger.complain(f"batch {planned.number} rebuilds {planned.rebuild}; accepted of them: {accepted:,}{counted_already}")


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
    if plan.rebuild != row.rebuild:
        planned, done = (str(one) if one else "nothing" for one in (plan.rebuild, row.rebuild))
        ledger.complain(f"batch {row.batch} was planned to rebuild {planned} and is DONE having rebuilt {done}")
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
