"""What the tables, the output topic and the group must hold, worked out in plain Python from the messages a test sent.

Shares no code with the program: sums are Decimals, the output is read by a plain consumer, the tables by delta-rs.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.parquet as pq
from confluent_kafka import Consumer, Message, TopicPartition
from deltalake import DeltaTable

from tests.violations import require

Day = tuple[int, date]


@dataclass(frozen=True)
class Sent:
    """A visible message: a reading, or one that must be rejected (`day` is None)."""

    partition: int
    offset: int
    raw: bytes | None
    day: date | None
    value: Decimal | None


DayOf = Callable[[Any], date]
"""The day of a time as a message holds it; one of the errors that `sent` expects where it is none."""


def day_month_year(written: Any) -> date:
    return datetime.strptime(written, "%d/%m/%Y %H:%M:%S").date()


def seconds_or_iso(written: Any) -> date:
    """In UTC. Numbers are seconds since 1970, which a Decimal holds exactly."""
    if isinstance(written, Decimal):
        return datetime.fromtimestamp(int(written // 1), UTC).date()
    return datetime.fromisoformat(written).astimezone(UTC).date()


def sent(partition: int, offset: int, raw: bytes | None, day_of: DayOf = day_month_year) -> Sent:
    """Label a message the slow and simple way; only for messages whose meaning is beyond doubt."""
    try:
        fields = json.loads(raw or b"", parse_float=Decimal, parse_int=Decimal, parse_constant=_no_number)
        return Sent(partition, offset, raw, day_of(fields["datetime"]), Decimal(fields["voltage"]))
    except (ValueError, KeyError, TypeError, ArithmeticError):
        return Sent(partition, offset, raw, None, None)


def _no_number(text: str) -> None:
    raise ValueError(f"{text} is no JSON number")


@dataclass
class Total:
    total: Decimal = Decimal(0)
    count: int = 0
    low: Decimal | None = None
    high: Decimal | None = None
    revision: int = 0
    batch: int = 0

    def add(self, value: Decimal) -> None:
        self.total += value
        self.count += 1
        self.low = value if self.low is None else min(self.low, value)
        self.high = value if self.high is None else max(self.high, value)

    @property
    def average(self) -> Decimal:
        return (self.total / self.count).quantize(Decimal("0.000001"), ROUND_HALF_UP)

    def row(self) -> tuple[Any, ...]:
        return (self.total, self.count, self.low, self.high, self.average, self.revision, self.batch)


@dataclass
class Expected:
    """State after all batches: tables as sets of rows, and the output topic's visible records per partition in order."""

    records: set[tuple[Any, ...]]
    contributions: dict[tuple[int, int, date], tuple[Any, ...]]
    averages: dict[Day, tuple[Any, ...]]
    output: dict[int, list[tuple[Any, ...]]]


def expect(messages: Iterable[Sent], batches: dict[int, dict[int, tuple[int, int]]]) -> Expected:
    """What must be there after `batches`: number to the range of each partition."""
    by_partition: dict[int, list[Sent]] = defaultdict(list)
    for message in messages:
        by_partition[message.partition].append(message)
    return expect_of(
        {
            batch: [one for number, (start, end) in ranges.items() for one in by_partition[number] if start <= one.offset < end]
            for batch, ranges in batches.items()
        }
    )


def expect_of(batches: Mapping[int, Iterable[Sent]], revisions_after: int = 0) -> Expected:
    """The same, of the messages that each batch is to have read; revisions begin after that one."""
    expected = Expected(set(), {}, {}, defaultdict(list))
    totals: dict[Day, Total] = defaultdict(lambda: Total(revision=revisions_after))
    for batch, messages in sorted(batches.items()):
        added: dict[Day, Total] = defaultdict(Total)
        for message in messages:
            _take(message, batch, expected, added, totals)
        for day, total in sorted(added.items()):
            expected.contributions[(batch, *day)] = (total.total, total.count, total.low, total.high)
            totals[day].revision += 1
            totals[day].batch = batch
            expected.output[day[0]].append(_published(day, totals[day]))
    expected.averages = {day: total.row() for day, total in totals.items()}
    return expected


def _take(message: Sent, batch: int, expected: Expected, added: dict[Day, Total], totals: dict[Day, Total]) -> None:
    rejected = message.day is None
    expected.records.add(
        (message.partition, message.offset, message.day, message.value, rejected, message.raw if rejected else None, batch)
    )
    if message.day is not None and message.value is not None:
        added[message.partition, message.day].add(message.value)
        totals[message.partition, message.day].add(message.value)


def _published(day: Day, total: Total) -> tuple[Any, ...]:
    return (day[1].isoformat(), total.average, total.batch, total.revision, total.count)


Rows = list[dict[str, Any]]


def stored_batches(lake: str) -> dict[int, dict[int, tuple[int, int]]]:
    """Ranges of the DONE batches, straight from the checkpoint table."""
    return batches_of(rows(f"{lake}/checkpoints"))


def batches_of(checkpoints: Rows) -> dict[int, dict[int, tuple[int, int]]]:
    """The same of rows that were read already."""
    done = [row for row in checkpoints if row["state"] == "DONE"]
    numbers = [row["batch"] for row in done]
    require("I5", len(numbers) == len(set(numbers)), f"a batch is DONE twice: {numbers}")
    return {row["batch"]: {one["partition"]: (one["start"], one["end"]) for one in row["ranges"]} for row in done}


def averaged_only(lake: str) -> set[int]:
    """Batches that were finished without keeping what was accepted, by their own DONE rows."""
    return averaged_only_of(rows(f"{lake}/checkpoints"))


def averaged_only_of(checkpoints: Rows) -> set[int]:
    """The same of rows that were read already."""
    return {row["batch"] for row in checkpoints if row["state"] == "DONE" and not json.loads(row["details"])["records"]}


@dataclass(frozen=True)
class Decided:
    """What an operator decided: batches that were abandoned, and where reading went on after (batch, partition) in spite of a
    loss.
    """

    abandoned: set[int]
    resumes: dict[tuple[int, int], int]


def decided(lake: str) -> Decided:
    """All decisions, straight from the checkpoint table."""
    return decided_of(rows(f"{lake}/checkpoints"))


def decided_of(checkpoints: Rows) -> Decided:
    """The same of rows that were read already."""
    losses = [(row["batch"], json.loads(row["details"])["resume"]) for row in checkpoints if row["state"] == "LOSS"]
    resumes = {(batch, int(number)): offset for batch, resume in losses for number, offset in resume.items()}
    return Decided({row["batch"] for row in checkpoints if row["state"] == "ABANDONED"}, resumes)


def rows(location: str) -> Rows:
    """All rows of a table, by delta-rs."""
    table = DeltaTable(location)
    if not location.startswith("/"):
        found: Rows = table.to_pyarrow_dataset().to_table(use_threads=False).to_pylist()
        return found
    columns = pa.schema(table.schema().to_arrow()).names
    files = (pq.ParquetFile(unquote(path), pre_buffer=False) for path in table.file_uris())
    return [{name: row.get(name) for name in columns} for file in files for row in file.read(use_threads=False).to_pylist()]


def found_records(lake: str) -> list[tuple[Any, ...]]:
    """Rows of `records` in the form of `Expected`, as often as they are there."""
    columns = ("partition", "offset", "date", "value")
    return [
        (*(row[name] for name in columns), row["rejected_because"] is not None, row["raw"], row["batch"])
        for row in rows(f"{lake}/records")
    ]


def found_contributions(lake: str) -> dict[tuple[int, int, date], tuple[Any, ...]]:
    return _by_key(lake, "contributions", ("batch", "partition", "date"), ("value_sum", "value_count", "value_min", "value_max"))


def found_averages(lake: str) -> dict[Day, tuple[Any, ...]]:
    columns = ("value_sum", "value_count", "value_min", "value_max", "average", "revision", "batch")
    return _by_key(lake, "daily_averages", ("partition", "date"), columns)


def _by_key(lake: str, table: str, key: tuple[str, ...], columns: tuple[str, ...]) -> dict[Any, tuple[Any, ...]]:
    found = rows(f"{lake}/{table}")
    keyed = {tuple(row[name] for name in key): tuple(row[name] for name in columns) for row in found}
    require("I3", len(keyed) == len(found), f"a key of {table} is stored twice")
    return keyed


def found_output(bootstrap: str, topic: str, partitions: int) -> dict[int, list[tuple[Any, ...]]]:
    """What a read_committed consumer sees on the output topic, per partition in order."""
    found: dict[int, list[tuple[Any, ...]]] = defaultdict(list)
    for message in visible_messages(bootstrap, topic, partitions):
        found[message.partition() or 0].append(record_of(message))
    return found


def visible_messages(bootstrap: str, topic: str, partitions: int) -> list[Message]:
    """What a read_committed consumer sees of a topic."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "oracle",
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "enable.partition.eof": True,
        }
    )
    found: list[Message] = []
    try:
        consumer.assign([TopicPartition(topic, number, 0) for number in range(partitions)])
        ended: set[int] = set()
        while len(ended) < partitions:
            message = consumer.poll(10)
            assert message is not None, f"{topic} was not read to its end"
            if message.error():
                ended.add(message.partition() or 0)
            else:
                found.append(message)
    finally:
        consumer.close()
    return found


def headers_of(message: Any) -> dict[str, str]:
    return {name: value.decode() for name, value in message.headers()}


def record_of(message: Any) -> tuple[Any, ...]:
    headers = headers_of(message)
    fields = json.loads(message.value(), parse_float=Decimal, parse_int=Decimal)
    key = message.key().decode()
    assert fields["date"] == key
    return (key, fields["voltage"], int(headers["batch"]), int(headers["revision"]), int(headers["count"]))


def group_offsets(bootstrap: str, group: str, topic: str, partitions: int) -> dict[int, int]:
    """The group's committed offsets; partitions without one are left out."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": group, "enable.auto.commit": False})
    try:
        committed = consumer.committed([TopicPartition(topic, number) for number in range(partitions)], timeout=20)
    finally:
        consumer.close()
    return {one.partition: one.offset for one in committed if one.offset >= 0}
