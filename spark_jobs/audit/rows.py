"""The deep half of an audit: every row of `records`, one batch at a time, and the input topic where it still holds the batch.

Rows stream through delta-rs's query engine; what stays in memory is one byte per offset of the batch. Offsets must be there once,
a row must be accepted or rejected and not both, contributions are added up again as exact decimals, and a read_committed reader
of the input must see exactly the offsets that are stored. Of a batch whose records are not kept, it must see as many as were
counted.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
from deltalake import DeltaTable

from spark_jobs.aggregates.aggregate import Aggregate, Group, sortable
from spark_jobs.aggregates.states import Row
from spark_jobs.audit.findings import Difference, difference
from spark_jobs.audit.ledger import CHECKPOINTS_PLACE, Batch
from spark_jobs.audit.stored import query
from spark_jobs.audit.tables import RECORDS_PLACE
from spark_jobs.base import wording
from spark_jobs.broker.cluster import Broker
from spark_jobs.lake.schemas import DAILY, RECORDS, Layout
from spark_jobs.progress.offsets import OffsetRange, Topic

SHOWN = 5
MOST_PARTS = 100
"""Sums of chunks that are held before they are put together."""

Seen = dict[int, "np.ndarray[Any, np.dtype[np.bool_]]"]
"""Per partition of a batch, for each offset of its range whether a row holds it."""


def _wrong_rows(layout: Layout, batch: Batch) -> str:
    """Rows that are neither an accepted record nor a rejected message."""
    lacking = " OR ".join(f'"{name}" IS NULL' for name in (layout.required if batch.required is None else batch.required))
    having = " OR ".join(f'"{name}" IS NOT NULL' for name, _ in layout.read)
    accepted, rejected = (
        ("has no event time, date or value", "has a date or a value")
        if layout == DAILY
        else ("lacks what every record has", "has what only a record has")
    )
    return f"""
        SELECT partition, "offset",
               CASE WHEN rejected_because IS NULL THEN 'is accepted but {accepted}'
                    WHEN rejected_because = '' THEN 'is rejected without a reason'
                    ELSE 'is rejected but {rejected}' END AS what
        FROM records WHERE batch = {batch.number:d} AND (
            (rejected_because IS NULL AND ({lacking})) OR rejected_because = ''
            OR (rejected_because IS NOT NULL AND ({having})))"""


@dataclass(frozen=True)
class Mismatch:
    """A contribution that is not what the batch's records add up to; None where one side has none."""

    aggregate: Aggregate
    batch: int
    group: Group
    stored: Row | None
    wanted: Row | None

    @property
    def row(self) -> Row:
        """The group as a row."""
        return dict(zip(self.aggregate.group, self.group, strict=True))

    @property
    def partition(self) -> int | None:
        return self.aggregate.partition_of(self.row)

    def __str__(self) -> str:
        where = f"batch {self.batch}, {self.aggregate.named(self.row)}"
        if self.stored is None or self.wanted is None:
            return f"{where}: " + (
                "records have readings of it, contributions have no row" if self.wanted else "no record is of it"
            )
        parts = (
            f"{name} {self.stored[name]}, by records {value}" for name, value in self.wanted.items() if self.stored[name] != value
        )
        return f"{where}: {'; '.join(parts)}"


@dataclass(frozen=True)
class BatchRows:
    """Every row of a batch, looked at: which offsets it holds, what is wrong with them,
    and contributions they do not add up to.
    """

    seen: Seen
    differences: list[Difference]
    mismatches: list[Mismatch]


Contributed = Mapping[str, Mapping[Group, Row]]
"""The contributions of one batch to each aggregate, by the aggregate's name."""


def read_batch(table: DeltaTable, layout: Layout, batch: Batch, contributions: Contributed) -> BatchRows:
    """All rows that an open `records` table holds of a finished batch, against the batch's contributions."""
    seen = {number: np.zeros(one.span, dtype=bool) for number, one in batch.ranges.items()}
    differences = list(_check_rows(table, layout, batch, seen))
    mismatches = list(_check_sums(table, layout, batch, contributions)) if batch.keeps_records else []
    return BatchRows(seen, differences, mismatches)


def _check_rows(table: DeltaTable, layout: Layout, batch: Batch, seen: Seen) -> Iterator[Difference]:
    rows, outside = _mark(table, batch, seen)
    for number, count in sorted(outside.items()):
        yield difference(
            RECORDS_PLACE,
            f"batch {batch.number} has {wording.counted(count, 'row')} outside its range on partition {number}",
            partition=number,
        )
    for number, count in sorted(rows.items()):
        again = count - int(seen[number].sum())
        if again:
            sentence = (
                f"batch {batch.number}, partition {number}: {wording.counted(again, 'row')} "
                f"{'repeats' if again == 1 else 'repeat'} an offset ({_repeated(table, batch.number, number)})"
            )
            yield difference(RECORDS_PLACE, sentence, partition=number)
    for row in _some(query(table, _wrong_rows(layout, batch))):
        sentence = f"batch {batch.number}, partition {row['partition']}, offset {row['offset']} {row['what']}"
        yield difference(RECORDS_PLACE, sentence, partition=row["partition"])


def _mark(table: DeltaTable, batch: Batch, seen: Seen) -> tuple[dict[int, int], dict[int, int]]:
    """Rows inside the ranges and outside of them, per partition."""
    inside: dict[int, int] = {}
    outside: dict[int, int] = {}
    for chunk in query(
        table,
        f'SELECT partition, "offset" FROM records WHERE batch = {batch.number} '
        'AND partition IS NOT NULL AND "offset" IS NOT NULL',
    ):
        partitions, offsets = (chunk.column(place).to_numpy(zero_copy_only=False) for place in (0, 1))
        for number in map(int, np.unique(partitions)):
            one = batch.ranges.get(number, OffsetRange(number, 0, 0))
            places = offsets[partitions == number] - one.start
            fitting = places[(places >= 0) & (places < one.span)]
            if len(fitting):
                seen[number][fitting] = True
            inside[number] = inside.get(number, 0) + len(fitting)
            if len(places) > len(fitting):
                outside[number] = outside.get(number, 0) + len(places) - len(fitting)
    return {number: count for number, count in inside.items() if count}, outside


def _repeated(table: DeltaTable, batch: int, number: int) -> str:
    sql = f"""SELECT "offset" FROM records WHERE batch = {batch} AND partition = {number}
              GROUP BY "offset" HAVING count(*) > 1 ORDER BY "offset" LIMIT {SHOWN}"""
    return "offset " + ", ".join(str(row["offset"]) for row in query(table, sql).read_all().to_pylist())


def _some(rows: pa.RecordBatchReader, limit: int = 100) -> Iterator[Row]:
    """The first rows of a stream: a thousand wrong ones say no more than a hundred."""
    left = limit
    for chunk in rows:
        yield from chunk.slice(0, left).to_pylist()
        left -= min(left, chunk.num_rows)
        if not left:
            return


def _check_sums(table: DeltaTable, layout: Layout, batch: Batch, stored: Contributed) -> Iterator[Mismatch]:
    """The batch's contributions that its records do not add up to."""
    aggregates = [one for one in layout.all_aggregates if _adds_to(batch, one, layout)]
    of_batch = f"batch <= {batch.rebuild.upto:d}" if batch.rebuild else f"batch = {batch.number:d}"
    for one, wanted in zip(aggregates, _added_again(table, layout, of_batch, aggregates), strict=True):
        found = stored.get(one.name, {})
        for group in sorted(wanted.keys() | found.keys(), key=sortable):
            row, must = found.get(group), wanted.get(group)
            if row is None or must is None or any(row[name] != value for name, value in must.items()):
                yield Mismatch(one, batch.number, group, row, must)


def _adds_to(batch: Batch, aggregate: Aggregate, layout: Layout) -> bool:
    """A rebuild adds to its aggregate, and to the members of that, alone."""
    if batch.rebuild is None:
        return batch.feeds(aggregate.name)
    rebuilt = next((one for one in layout.aggregates if one.name == batch.rebuild.aggregate), None)
    return rebuilt is not None and aggregate in (rebuilt, *rebuilt.members.values())


def _added_again(table: DeltaTable, layout: Layout, where: str, aggregates: Sequence[Aggregate]) -> Iterator[dict[Group, Row]]:
    """What the accepted records of a batch add to each aggregate; memory grows with the groups alone."""
    columns = ", ".join(f'"{name}"' for name in dict.fromkeys(name for one in aggregates for name in one.reads))
    counting = f"rejected_because IS NULL{' AND NOT filtered' if layout.filters else ''}"
    sums: list[list[pa.Table]] = [[] for _ in aggregates]
    for chunk in query(table, f"SELECT {columns} FROM records WHERE {where} AND {counting}"):
        readings = _typed(pa.Table.from_batches([chunk]), layout)
        for one, found in zip(aggregates, sums, strict=True):
            found.append(one.again(readings))
            if len(found) > MOST_PARTS:
                found[:] = [one.merge(pa.concat_tables(found))]
    for one, found in zip(aggregates, sums, strict=True):
        rows = one.merge(pa.concat_tables(found)).to_pylist() if found else []
        yield {one.group_of(row): row for row in rows}


def _typed(rows: pa.Table, layout: Layout) -> pa.Table:
    """The query engine has types of its own for texts and bytes."""
    schema = layout.schemas[RECORDS]
    return rows.cast(pa.schema([schema.field(name) for name in rows.column_names]))


def check_input(broker: Broker, topic: Topic, batch: Batch, seen: Seen, *, compacted: bool) -> Iterator[Difference]:
    """I1 and I2 against the source: what a reader sees of the batch's ranges now, as far as the topic still holds them."""
    ranges = (OffsetRange(number, one.start, _end(batch, one)) for number, one in batch.ranges.items())
    held = {number: one for number, one in map(partial(_held, topic), ranges) if one.span}
    visible = {number: np.zeros(len(seen[number]), dtype=bool) for number in held}
    starts, ends = ({number: one.start for number, one in held.items()}, {number: one.end for number, one in held.items()})
    for message in broker.scan(topic.name, starts, ends):
        number = int(message.partition() or 0)
        visible[number][int(message.offset() or 0) - batch.ranges[number].start] = True
    for number, one in held.items():
        begin = batch.ranges[number].start
        still = slice(one.start - begin, one.end - begin)
        missing = np.flatnonzero(visible[number][still] & ~seen[number][still]) + one.start
        strange = np.flatnonzero(seen[number][still] & ~visible[number][still]) + one.start
        if not batch.keeps_records:
            yield from _check_count(topic, batch, one, int(visible[number].sum()), compacted=compacted)
        elif len(missing):
            yield _told(batch, number, missing, f"{topic.name} shows records that are not stored")
        if len(strange) and not compacted:
            yield _told(batch, number, strange, f"records are stored that {topic.name} does not show")


def _check_count(topic: Topic, batch: Batch, held: OffsetRange, visible: int, *, compacted: bool) -> Iterator[Difference]:
    """How many records a range has now, where the topic still holds all of it; compaction only takes some away."""
    counted = batch.counts.get(held.partition)
    if counted is None or held != batch.ranges[held.partition]:
        return
    if visible > counted.read or (visible < counted.read and not compacted):
        sentence = (
            f"batch {batch.number}, partition {held.partition}: {topic.name} shows {wording.counted(visible, 'record')}, "
            f"{counted.read} were counted"
        )
        yield difference(CHECKPOINTS_PLACE, sentence, partition=held.partition)


def _end(batch: Batch, planned: OffsetRange) -> int:
    """Where the topic stopped being the one that was read: at the range's end, unless it was cut off before."""
    return max(planned.start, min(planned.end, batch.truncated.get(planned.partition, planned.end)))


def _held(topic: Topic, planned: OffsetRange) -> tuple[int, OffsetRange]:
    """The part of a range that the topic still has and shows."""
    number = planned.partition
    found = next((one for one in topic.partitions if one.number == number), None)
    if found is None:
        return number, OffsetRange(number, planned.end, planned.end)
    start = min(max(planned.start, found.low), planned.end)
    return number, OffsetRange(number, start, max(start, min(planned.end, found.stable)))


def _told(batch: Batch, number: int, offsets: "np.ndarray[Any, np.dtype[np.int64]]", what: str) -> Difference:
    shown = ", ".join(map(str, offsets[:SHOWN])) + (", ..." if len(offsets) > SHOWN else "")
    return difference(
        RECORDS_PLACE, f"batch {batch.number}, partition {number}: {what}: {len(offsets)}, offset {shown}", partition=number
    )
