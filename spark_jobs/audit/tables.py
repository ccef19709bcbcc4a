"""Reconciling the tables with the ledger and with one another: `records`, `contributions`, `daily_averages`.

Works on what was read before: counts per batch and partition, and the rows of the two small tables. Every total is worked out
again from `contributions`, exactly, batch by batch, so that each revision of each day has one value that it must have. Knows no
Kafka and opens no table.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from spark_jobs.aggregates.aggregate import BATCH, REVISION
from spark_jobs.aggregates.daily_average import DAILY_AVERAGE
from spark_jobs.aggregates.measures import Row
from spark_jobs.audit.findings import Difference, difference
from spark_jobs.audit.ledger import Batch, Ledger
from spark_jobs.base import wording
from spark_jobs.base.wording import counted
from spark_jobs.progress.offsets import OffsetRange

RECORDS_PLACE, CONTRIBUTIONS_PLACE, AVERAGES_PLACE = "table records", "table contributions", "table daily_averages"

DayOfPartition = tuple[int, date]


def day_of(row: Row) -> DayOfPartition:
    """Partition and day of a row of `contributions` or `daily_averages`."""
    partition, day = DAILY_AVERAGE.group_of(row)
    return partition, day


@dataclass(frozen=True)
class Found:
    """What `records` holds of one batch and partition; `first` and `last` are offsets."""

    read: int
    accepted: int
    first: int
    last: int


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
    read, accepted = (rows.read, rows.accepted) if rows else (0, 0)
    if batch.end == "DONE" and (read, accepted) != (kept.read, kept.accepted):
        sentence = (
            f"{where} holds {counted(read, 'record')} ({accepted} accepted), by its checkpoint there must be {kept.read} "
            f"({kept.accepted} accepted)"
        )
        yield difference(RECORDS_PLACE, sentence, partition=number)


def _strangers(known: Known, where: str, rows: Mapping[tuple[int, int], int], what: str) -> Iterator[Difference]:
    for (batch, number), count in sorted(rows.items()):
        why = known.stranger(batch)
        if why:
            yield difference(where, f"holds {count} {what} of batch {batch}, {why}, on partition {number}", partition=number)


def check_contributions(known: Known, rows: Iterable[Row]) -> Iterator[Difference]:
    """I3, first half by counts: each finished batch contributes as many readings as were accepted, each day once."""
    counted: dict[tuple[int, int], int] = defaultdict(int)
    times: dict[tuple[int, int, date], int] = defaultdict(int)
    for row in rows:
        counted[row[BATCH], row["partition"]] += DAILY_AVERAGE.readings(row)
        times[row[BATCH], *day_of(row)] += 1
    yield from _strangers(known, CONTRIBUTIONS_PLACE, counted, "readings")
    for (batch, number, day), count in sorted(times.items()):
        if count > 1:
            yield difference(
                CONTRIBUTIONS_PLACE, f"batch {batch}, partition {number}, {day} is there {count} times", partition=number
            )
    for one in known.ledger.settled:
        if one.end == "DONE":
            yield from _contributions_of(one, counted)


def _contributions_of(batch: Batch, counted: Mapping[tuple[int, int], int]) -> Iterator[Difference]:
    for number in sorted(batch.ranges.keys() | {partition for number, partition in counted if number == batch.number}):
        found = counted.get((batch.number, number), 0)
        accepted = batch.counts[number].accepted if number in batch.counts else 0
        if found != accepted:
            sentence = (
                f"batch {batch.number}, partition {number} counts {wording.counted(found, 'reading')}, accepted by its "
                f"checkpoint: {accepted:,}"
            )
            yield difference(CONTRIBUTIONS_PLACE, sentence, partition=number)


def without_broken(where: str, rows: Iterable[Row]) -> tuple[list[Row], list[Difference]]:
    """Rows that can be reckoned with, and a difference for each that has a null or counts nothing."""
    whole, broken = [], []
    for row in rows:
        if None in row.values() or DAILY_AVERAGE.readings(row) < 1:
            broken.append(
                difference(where, f"a row holds nothing that can be reckoned with: {dict(row)}", partition=row["partition"])
            )
        else:
            whole.append(row)
    return whole, broken


@dataclass(frozen=True)
class Revision:
    """What a day is after one of its batches; `columns` are those of `daily_averages` that follow from contributions."""

    revision: int
    batch: int
    columns: Row

    @property
    def average(self) -> Decimal:
        return average_of(self.columns)

    @property
    def count(self) -> int:
        return DAILY_AVERAGE.readings(self.columns)


def average_of(row: Row) -> Decimal:
    """The result of a total that is published."""
    (result,) = DAILY_AVERAGE.results
    return Decimal(row[result.column])


def revisions_of(rows: Iterable[Row], after: int = 0) -> dict[DayOfPartition, list[Revision]]:
    """Each day's revisions, oldest first, added up from contributions; the first one is the next above `after`.

    >>> group = {"partition": 0, "date": date(2006, 12, 16)}
    >>> one, two = (DAILY_AVERAGE.with_results(dict(zip(DAILY_AVERAGE.contributions.names[3:], states))) for states in (
    ...     (Decimal(4), 2, Decimal(1), Decimal(3)), (Decimal(3), 2, Decimal(1), Decimal(2))))
    >>> [days] = revisions_of([{**group, **one, "batch": 4}, {**group, **two, "batch": 2}]).values()
    >>> [(day.batch, day.revision, day.average) for day in days]
    [(2, 1, Decimal('1.500000')), (4, 2, Decimal('1.750000'))]
    """
    days: dict[DayOfPartition, list[Revision]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: row[BATCH]):
        history = days[day_of(row)]
        states = DAILY_AVERAGE.merged(history[-1].columns, row) if history else DAILY_AVERAGE.with_results(row)
        revision = (history[-1].revision if history else after) + 1
        history.append(Revision(revision, row[BATCH], {**states, REVISION: revision, BATCH: row[BATCH]}))
    return dict(days)


@dataclass(frozen=True)
class Published:
    """One visible record of the pipeline on the output topic."""

    partition: int
    offset: int
    day: date
    batch: int
    revision: int
    count: int
    average: Decimal

    def says(self, wanted: Revision) -> bool:
        found = (self.average, self.batch, self.revision, self.count)
        return found == (wanted.average, wanted.batch, wanted.revision, wanted.count)


@dataclass(frozen=True)
class WrongDay:
    """A row of `daily_averages` that is not what contributions add up to; None where there is none."""

    day: DayOfPartition
    stored: Row | None
    wanted: Revision | None

    @property
    def columns(self) -> list[str]:
        """The columns that differ, all of them if one side is missing."""
        if self.stored is None or self.wanted is None:
            return list(DAILY_AVERAGE.compared)
        return [name for name in DAILY_AVERAGE.compared if self.stored[name] != self.wanted.columns[name]]

    def is_stored_as(self, published: Published) -> bool:
        """Whether the row says what a record of the output topic says."""
        row = self.stored
        shown = (published.average, published.batch, published.revision, published.count)
        return row is not None and shown == (average_of(row), row[BATCH], row[REVISION], DAILY_AVERAGE.readings(row))

    def __str__(self) -> str:
        day = f"partition {self.day[0]}, {self.day[1]}"
        if self.stored is None:
            return f"{day} is missing, contributions have it"
        if self.wanted is None:
            return f"{day} is there, contributions have nothing of it"
        parts = [f"{name} {self.stored[name]}, by contributions {self.wanted.columns[name]}" for name in self.columns]
        return f"{day} holds {'; '.join(parts)}"


def wrong_days(known: Known, rows: Iterable[Row], revisions: Mapping[DayOfPartition, list[Revision]]) -> list[WrongDay]:
    """I3, second half. A day may lag behind, or run ahead of, batches that are not finished yet, and no others."""
    stored = {day_of(row): row for row in rows}
    found = []
    for day in sorted(stored.keys() | revisions.keys()):
        row, history = stored.get(day), revisions.get(day, [])
        settled = [one for one in history if known.settled(one.batch)]
        if row is None:
            wanted = settled[-1] if settled else None
        else:
            upto = [one for one in history if one.batch <= max(row["batch"], settled[-1].batch if settled else 0)]
            wanted = upto[-1] if upto else None
        wrong = WrongDay(day, row, wanted)
        if (row is not None or wanted is not None) and wrong.columns:
            found.append(wrong)
    return found


def doubled_days(rows: Iterable[Row]) -> Iterator[Difference]:
    """A (partition, date) has one row."""
    times: dict[DayOfPartition, int] = defaultdict(int)
    for row in rows:
        times[day_of(row)] += 1
    for (number, day), count in sorted(times.items()):
        if count > 1:
            yield difference(AVERAGES_PLACE, f"partition {number}, {day} is there {count} times", partition=number)
