"""Compares what the pipeline made of the readings with the CSV they came from, day by day and exactly.

The expected numbers come from the CSV's texts as decimals, without the pipeline's code. Records that somebody sent to the topic
besides the demo's own stand behind them in each partition; they are distinguished by their offsets and counted in.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from spark_jobs.answers.readers import ADDING_UP
from spark_jobs.base.errors import DecisionNeeded
from spark_jobs.base.wording import counted
from spark_jobs.broker.cluster import Broker
from spark_jobs.broker.publisher import is_republished
from spark_jobs.lake.checkpoint_log import CheckpointLog
from spark_jobs.lake.rows import read_rows
from spark_jobs.lake.schemas import RECORDS
from spark_jobs.lake.tables import Lake
from spark_jobs.local.demo.readings import Readings, rows_per_partition
from spark_jobs.pipeline.settings import Pipeline
from spark_jobs.progress.ledger import Done, LedgerRow, Planned
from spark_jobs.progress.offsets import total_span

SHOWN = 10
_SIX_PLACES = Decimal("0.000001")


@dataclass(frozen=True)
class Total:
    """Readings of one day over all partitions."""

    sum: Decimal
    count: int
    min: Decimal
    max: Decimal

    def __add__(self, other: "Total") -> "Total":
        return Total(self.sum + other.sum, self.count + other.count, min(self.min, other.min), max(self.max, other.max))

    def __str__(self) -> str:
        return f"sum {self.sum}, count {self.count}, min {self.min}, max {self.max}"

    @property
    def average(self) -> Decimal:
        return (self.sum / self.count).quantize(_SIX_PLACES, ROUND_HALF_UP)


Totals = Mapping[date, Total]
RowKind = TypeVar("RowKind", Planned, Done)


def _total(row: Mapping[str, Any]) -> Total:
    """Sum, count, lowest and highest of a row of `daily_averages`."""
    return Total(*(row[name] for name in ADDING_UP))


@dataclass(frozen=True)
class Resumed:
    """A batch that one run planned and another one finished, and how many records both agree on."""

    batch: int
    records: int

    def __str__(self) -> str:
        return f"batch {self.batch} was killed in the middle and resumed: the same {counted(self.records, 'record')}, none twice"


@dataclass(frozen=True)
class CheckVerdict:
    """What was found equal. `further` records are in the topic besides the demo's; `totals` are those of `daily_averages`."""

    days: int
    records: int
    published: int
    further: int
    totals: Totals
    resumed: Resumed | None = None

    @property
    def sentences(self) -> tuple[str, ...]:
        """What was compared, for people."""
        besides = f" (records besides the demo's, counted in: {self.further:,})" if self.further else ""
        return (
            f"{self.days:,} of {counted(self.days, 'day')} equal the CSV in sum, count, min and max{besides}",
            f"{counted(self.records, 'record')} stored, each (partition, offset) once",
            f"{counted(self.published, 'published average')}, each once, the newest of its day and equal to the table",
            *([str(self.resumed)] if self.resumed else []),
        )


def check(broker: Broker, pipeline: Pipeline, readings: Readings, killed: int | None = None) -> CheckVerdict:
    """Compare tables and output topic with the CSV; `DecisionNeeded` with every kind of difference if there is any.

    `killed` is a batch that a killed run left unfinished: what it was planned to read is compared with what the next one made of
    it.
    """
    lake = Lake.of(pipeline)
    records = read_rows(lake.open(RECORDS), ["partition", "offset", "date", "value", "rejected_because", "batch"])
    averages = read_rows(lake.open(lake.layout.aggregates[0].name))
    topic = broker.topic(pipeline.input.topic)
    own, further = _split(records, rows_per_partition(readings.days, len(topic.partitions)))
    expected, totals = csv_totals(readings), _totals_of_averages(averages)
    published = _published_records(broker, pipeline.output_name)
    rows = CheckpointLog(lake).rows if killed else []
    differences = [
        *_unequal("records", expected, _totals(own["date"], own["value"])),
        *_unequal("daily_averages", _sum(expected, _accepted(further)), totals),
        *_not_once(records, {one.number: one.stable for one in topic.partitions}),
        *_published_twice(published),
        *_unlike_published(averages, _newest(published), pipeline.value.field),
        *unlike_planned(killed, rows, records),
    ]
    if differences:
        raise DecisionNeeded("\n".join(["the pipeline's result is not what the CSV says:", *differences]))
    resumed = Resumed(killed, total_span(_row(rows, killed, Planned).ranges)) if killed else None
    return CheckVerdict(len(readings.days), records.num_rows, averages.num_rows, further.num_rows, totals, resumed)


def _row(rows: Iterable[LedgerRow], batch: int, kind: type[RowKind]) -> RowKind:
    return next(row for row in rows if isinstance(row, kind) and row.batch == batch)


def unlike_planned(killed: int | None, rows: Iterable[LedgerRow], records: pa.Table) -> Iterator[str]:
    """A batch that was killed and resumed holds each offset of its plan;
    another run than the one that planned it has finished it.
    """
    if killed is None:
        return
    rows = list(rows)
    plan, done = _row(rows, killed, Planned), _row(rows, killed, Done)
    held = pc.value_counts(records.filter(pc.equal(records["batch"], killed))["partition"]).to_pylist()
    found = Counter({row["values"]: row["counts"] for row in held})
    for one in plan.ranges:
        if found[one.partition] != one.span:
            yield (
                f"batch {killed}: of partition {one.partition} {counted(one.span, 'offset')} were planned, "
                f"the table records holds {counted(found[one.partition], 'record')}"
            )
    if plan.run_id == done.run_id:
        yield f"batch {killed}: the run that planned it was killed, yet it is said to have finished it ({done.run_id})"


def csv_totals(readings: Readings) -> Totals:
    """Exact totals of each day of the CSV."""
    dates = pc.utf8_slice_codeunits(readings.times, 0, 10).cast(pa.date32())
    return _totals(dates, readings.values.cast(pa.decimal128(18, 6)))


def _totals(dates: pa.Array, values: pa.Array) -> Totals:
    rows = pa.table({"date": dates, "value": values}).group_by("date", use_threads=False)
    found = rows.aggregate([("value", name) for name in ("sum", "count", "min", "max")])
    return {row["date"]: _total(row) for row in found.to_pylist()}


def _totals_of_averages(averages: pa.Table) -> Totals:
    totals: dict[date, Total] = {}
    for row in averages.to_pylist():
        one = _total(row)
        totals[row["date"]] = totals[row["date"]] + one if row["date"] in totals else one
    return totals


def _split(records: pa.Table, ends: Mapping[int, int]) -> tuple[pa.Table, pa.Table]:
    """The records that the demo sent, by their offsets, and those behind them."""
    bounds = pa.table({"partition": pa.array(ends.keys(), pa.int32()), "bound": pa.array(ends.values(), pa.int64())})
    joined = records.join(bounds, "partition", use_threads=False)
    is_own = pc.less(joined["offset"], joined["bound"])
    return joined.filter(is_own), joined.filter(pc.invert(is_own))


def _accepted(records: pa.Table) -> Totals:
    readings = records.filter(pc.is_null(records["rejected_because"]))
    return _totals(readings["date"], readings["value"])


def _sum(first: Totals, second: Totals) -> Totals:
    both = {day: first[day] + second[day] for day in first.keys() & second.keys()}
    return {**first, **second, **both}


def _unequal(table: str, expected: Totals, found: Totals) -> Iterator[str]:
    days = sorted(day for day in expected.keys() | found.keys() if expected.get(day) != found.get(day))
    if days:
        yield f"{table}: {len(days):,} of {counted(len(expected), 'day')} differ"
    for day in days[:SHOWN]:
        yield f"  {day}: expected {expected.get(day, 'nothing')}; found {found.get(day, 'nothing')}"


def _not_once(records: pa.Table, ends: Mapping[int, int]) -> Iterator[str]:
    """Each partition's offsets are 0 to its end, none missing and none twice: a topic without transactions has no gaps."""
    grouped = records.group_by("partition", use_threads=False)
    rows = grouped.aggregate([("offset", name) for name in ("count", "count_distinct", "min", "max")]).to_pylist()
    found = {row["partition"]: [row[f"offset_{name}"] for name in ("count", "count_distinct", "min", "max")] for row in rows}
    for number, end in sorted(ends.items()):
        wanted = [end, end, 0, end - 1]
        if end and found.get(number) != wanted:
            yield f"records: partition {number} holds count, distinct, first, last offset {found.get(number)} instead of {wanted}"


def _published_records(broker: Broker, topic: str) -> list[Any]:
    """The visible records, in the order of each partition."""
    partitions = broker.topic(topic).partitions
    starts = {one.number: one.low for one in partitions}
    ends = {one.number: one.stable for one in partitions}
    return list(broker.scan(topic, starts, ends))


def _newest(published: Iterable[Any]) -> dict[tuple[int, str], Any]:
    """The last record of each (partition, key)."""
    return {_place(message): message for message in published}


def _place(message: Any) -> tuple[int, str]:
    return message.partition(), message.key().decode()


def _published_twice(published: Iterable[Any]) -> Iterator[str]:
    """Somebody may have asked for a republication, whose records say so."""
    own = [one for one in published if not is_republished(one.headers())]
    seen = Counter((*_place(one), dict(one.headers())["batch"].decode()) for one in own)
    twice = sorted(place for place, times in seen.items() if times > 1)
    if twice:
        yield f"output topic: {len(twice):,} of {len(seen):,} (partition, day, batch) stand there more than once: {twice[:SHOWN]}"


def _unlike_published(averages: pa.Table, newest: dict[tuple[int, str], Any], field: str) -> Iterator[str]:
    rows = {(row["partition"], row["date"].isoformat()): row for row in averages.to_pylist()}
    found = {key: _published(message, field) for key, message in newest.items()}
    wanted = {key: _wanted(row) for key, row in rows.items()}
    different = sorted(key for key in found.keys() | wanted.keys() if found.get(key) != wanted.get(key))
    if different:
        yield f"output topic: {len(different):,} of {len(wanted):,} (partition, day) differ from daily_averages"
    for key in different[:SHOWN]:
        yield f"  partition {key[0]}, {key[1]}: table {wanted.get(key, 'nothing')}; published {found.get(key, 'nothing')}"


def _wanted(row: Mapping[str, Any]) -> tuple[Any, ...]:
    total = _total(row)
    average = total.average
    if average != row["average"]:
        return ("a table whose average is not sum divided by count", row["average"], average)
    return (row["date"].isoformat(), average, row["batch"], row["revision"], total.count)


def _published(message: Any, field: str) -> tuple[Any, ...]:
    value = json.loads(message.value(), parse_float=Decimal, parse_int=Decimal)
    headers = {name: text.decode() for name, text in message.headers()}
    return (value["date"], value[field], int(headers["batch"]), int(headers["revision"]), int(headers["count"]))
