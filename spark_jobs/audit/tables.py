"""Reconciling the tables with the ledger and with one another: `records`, contributions and totals of each aggregate.

Works on what was read before: counts per batch and partition, and the rows of contributions; totals are in `totals.py`. Knows no
Kafka and opens no table.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from spark_jobs.aggregates.aggregate import BATCH, Aggregate, Group, sortable
from spark_jobs.aggregates.contradictions import contradictions
from spark_jobs.aggregates.states import Count, Row
from spark_jobs.audit.findings import Difference, difference
from spark_jobs.audit.ledger import Batch, Ledger
from spark_jobs.base import wording
from spark_jobs.base.wording import counted
from spark_jobs.progress.offsets import OffsetRange

RECORDS_PLACE = "table records"


def contributions_place(aggregate: Aggregate) -> str:
    return f"table {aggregate.contributions_table}"


def totals_place(aggregate: Aggregate) -> str:
    return f"table {aggregate.name}"


@dataclass(frozen=True)
class Found:
    """What `records` holds of one batch and partition; `first` and `last` are offsets."""

    read: int
    accepted: int
    first: int
    last: int
    filtered: int = 0


@dataclass(frozen=True)
class Known:
    """Which batches may have rows: those of the ledger, and what a run that is at work has added to the log meanwhile.

    Up to `pruned` maintenance has deleted the records, and numbered the commit that did it: their absence is no loss.
    """

    ledger: Ledger
    newer: frozenset[int]
    pruned: int = 0

    def stranger(self, batch: int) -> str | None:
        """Why nothing of this batch may be anywhere, or None."""
        known = self.ledger.batches.get(batch)
        if known is None:
            return None if batch in self.newer else "which the checkpoints do not know"
        return "which was abandoned" if known.end == "ABANDONED" else None

    def settled(self, batch: int) -> bool:
        known = self.ledger.batches.get(batch)
        return known is not None and known.settled


def check_records(known: Known, found: Mapping[tuple[int, int], Found]) -> Iterator[Difference]:
    """I1 and I2 by counts: each finished batch has exactly its records, inside its ranges, and there is nothing else.

    A batch that was pruned has none at all; one of which only some are there is damaged all the same.
    """
    yield from _strangers(known, RECORDS_PLACE, {key: one.read for key, one in found.items()}, "records")
    there = {number for number, _ in found}
    for batch in known.ledger.batches.values():
        if batch.end == "ABANDONED" or (batch.number <= known.pruned and batch.number not in there):
            continue
        for number in sorted(batch.ranges.keys() | {partition for number, partition in found if number == batch.number}):
            yield from _records_of(batch, number, found.get((batch.number, number)))


def _records_of(batch: Batch, number: int, rows: Found | None) -> Iterator[Difference]:
    where = f"batch {batch.number}, partition {number}"
    offsets = batch.ranges.get(number, OffsetRange(number, 0, 0))
    if rows and (rows.first < offsets.start or rows.last >= offsets.end):
        sentence = f"{where} holds offsets {rows.first} to {rows.last}, its range is {offsets.start} to {offsets.end} (exclusive)"
        yield difference(RECORDS_PLACE, sentence, partition=number)
    kept = batch.kept(number)
    read, accepted, filtered = (rows.read, rows.accepted, rows.filtered) if rows else (0, 0, 0)
    if batch.end == "DONE" and (read, accepted, filtered) != (kept.read, kept.accepted, kept.filtered):
        found, wanted = (
            f"{one} accepted" + (f", {other} filtered" if filtered or kept.filtered else "")
            for one, other in ((accepted, filtered), (kept.accepted, kept.filtered))
        )
        sentence = f"{where} holds {counted(read, 'record')} ({found}), by its checkpoint there must be {kept.read} ({wanted})"
        yield difference(RECORDS_PLACE, sentence, partition=number)


def _strangers(known: Known, where: str, rows: Mapping[tuple[int, int | None], int], what: str) -> Iterator[Difference]:
    for (batch, number), count in sorted(rows.items(), key=str):
        why = known.stranger(batch)
        if why:
            on = "" if number is None else f", on partition {number}"
            yield difference(where, f"holds {count} {what} of batch {batch}, {why}{on}", partition=number)


Wanted = Callable[[Batch, str, int | None], int]
"""How many readings a finished batch must contribute to an aggregate: those of a partition, or of all where readings are not
grouped by it.
"""


def check_contributions(
    known: Known, aggregate: Aggregate, rows: Iterable[Row], wanted: Wanted | None = None
) -> Iterator[Difference]:
    """I3, first half by counts: each finished batch contributes as many readings as it must, each group once."""
    place = contributions_place(aggregate)
    found: dict[tuple[int, int | None], int] = defaultdict(int)
    times: dict[tuple[int, Group], list[Row]] = defaultdict(list)
    for row in rows:
        found[row[BATCH], aggregate.partition_of(row)] += aggregate.readings(row)
        times[row[BATCH], aggregate.group_of(row)].append(row)
    yield from _strangers(known, place, found, "readings")
    for (batch, _), same in sorted(times.items(), key=lambda one: (one[0][0], sortable(one[0][1]))):
        if len(same) > 1:
            sentence = f"batch {batch}, {aggregate.named(same[0])} is there {len(same)} times"
            yield difference(place, sentence, partition=aggregate.partition_of(same[0]))
    for one in known.ledger.settled:
        if one.end == "DONE":
            must = (wanted or known.ledger.accepted_by) if one.feeds(aggregate.name) else _nothing
            yield from _contributions_of(aggregate, one, found, must)


def _nothing(*_: object) -> int:
    """What a batch contributes to an aggregate that it does not feed."""
    return 0


def _contributions_of(
    aggregate: Aggregate, batch: Batch, found: Mapping[tuple[int, int | None], int], wanted: Wanted
) -> Iterator[Difference]:
    strange = {partition for number, partition in found if number == batch.number and partition is not None}
    numbers: list[int | None] = [*sorted(batch.ranges.keys() | strange)] if aggregate.is_by_partition else [None]
    for number in numbers:
        readings, must = found.get((batch.number, number), 0), wanted(batch, aggregate.name, number)
        if readings != must:
            where = f"batch {batch.number}" if number is None else f"batch {batch.number}, partition {number}"
            sentence = f"{where} counts {wording.counted(readings, 'reading')}, accepted by its checkpoint: {must:,}"
            yield difference(contributions_place(aggregate), sentence, partition=number)


def without_broken(aggregate: Aggregate, where: str, rows: Iterable[Row]) -> tuple[list[Row], list[Difference]]:
    """Rows that can be reckoned with, and a difference for each that counts nothing or has a null where none can be."""
    never_null = (
        BATCH,
        *(one.column for one in aggregate.keys if not getattr(one, "may_be_null", False)),
        *(one.column for one in aggregate.states if isinstance(one, Count)),
    )
    if not aggregate.is_declared:
        never_null = tuple(aggregate.contributions.names)
    whole, broken = [], []
    for row in rows:
        if any(row[name] is None for name in never_null) or aggregate.readings(row) < 1:
            sentence = f"a row holds nothing that can be reckoned with: {dict(row)}"
            broken.append(difference(where, sentence, partition=aggregate.partition_of(row)))
        else:
            whole.append(row)
    return whole, broken


def without_contradictions(aggregate: Aggregate, rows: Iterable[Row]) -> tuple[list[Row], list[Difference]]:
    """Contributions that may be of readings, and a difference for each whose states contradict each other."""
    whole, broken = [], []
    for row, said in contradictions(aggregate, rows):
        if said:
            sentence = f"batch {row[BATCH]}, {aggregate.named(row)}: no readings add up to {said}"
            broken.append(difference(contributions_place(aggregate), sentence, partition=aggregate.partition_of(row)))
        else:
            whole.append(row)
    return whole, broken
