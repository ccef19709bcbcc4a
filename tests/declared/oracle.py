"""What tables and output topic of declared aggregates must hold, worked out in plain Python from the messages a test sent.

Shares no code with the program and keeps no states: each result is worked out from all readings of its group anew.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Any
from zoneinfo import ZoneInfo

MILLIONTH = Decimal("0.000001")


@dataclass(frozen=True)
class Reading:
    """A message that counts, or does not: `values` are its fields and derived ones, None where it is rejected."""

    partition: int
    offset: int
    at: datetime | None
    values: Mapping[str, Any] | None
    is_filtered: bool = False

    @property
    def counts(self) -> bool:
        return self.values is not None and not self.is_filtered

    @property
    def place(self) -> tuple[datetime, int, int]:
        assert self.at is not None
        return self.at, self.partition, self.offset


Condition = Callable[[Mapping[str, Any]], object]


@dataclass(frozen=True)
class Measured:
    """A measure as a pipeline file has it, and its condition in Python."""

    kind: str
    field: str | None = None
    where: Condition = lambda _: True


@dataclass(frozen=True)
class Wanted:
    """An aggregate: its window's word, its dimensions, its measures; the zone is that of all windows.

    It counts the batches from `since` on; those before count in the batch `rebuilt`, or not at all.
    """

    name: str
    window: str
    dimensions: tuple[str, ...]
    measures: Mapping[str, Measured]
    zone: str
    since: int = 1
    rebuilt: int | None = None

    def counted_in(self, batch: int) -> int | None:
        """In which batch the readings of a batch count."""
        return batch if batch >= self.since else self.rebuilt


Group = tuple[Any, ...]


@dataclass
class Expected:
    """Per aggregate the rows of its totals by group; and the records of the output, per partition, in the order of batches."""

    totals: dict[str, dict[Group, dict[str, Any]]] = field(default_factory=dict)
    members: dict[str, dict[Group, int]] = field(default_factory=dict)
    published: dict[int, list[tuple[Any, ...]]] = field(default_factory=lambda: defaultdict(list))


def window_of(word: str, zone: str, at: datetime) -> date | datetime:
    """By the clocks of the zone."""
    shown = at.astimezone(ZoneInfo(zone))
    day = shown.date()
    match word:
        case "day":
            return day
        case "week":
            return day - timedelta(days=day.isoweekday() - 1)
        case "month":
            return date(day.year, day.month, 1)
        case "quarter":
            return date(day.year, (day.month + 2) // 3 * 3 - 2, 1)
        case "year":
            return date(day.year, 1, 1)
    minutes = 60 if word == "hour" else int(word.split()[0])
    past = timedelta(minutes=shown.minute % minutes, seconds=shown.second, microseconds=shown.microsecond)
    return (at - past).astimezone(UTC)


Batches = Mapping[int, Mapping[int, tuple[int, int]]]
"""By their numbers: the range of each partition."""


def expect(readings: Sequence[Reading], batches: Batches, wanted: Iterable[Wanted]) -> Expected:
    """What must be there after these batches."""
    batch_of = {
        (number, offset): batch
        for batch, ranges in batches.items()
        for number, (start, end) in ranges.items()
        for offset in range(start, end)
    }
    taken = [one for one in readings if one.counts and (one.partition, one.offset) in batch_of]
    return expect_of([(batch_of[one.partition, one.offset], one) for one in taken], wanted)


def expect_of(counted: Sequence[tuple[int, Reading]], wanted: Iterable[Wanted]) -> Expected:
    """The same, of readings that count, each with its batch."""
    expected = Expected()
    for aggregate in wanted:
        _expect_one(expected, aggregate, counted)
    return expected


def _expect_one(expected: Expected, aggregate: Wanted, counted: Sequence[tuple[int, Reading]]) -> None:
    groups: dict[Group, list[tuple[int, Reading]]] = defaultdict(list)
    for batch, one in counted:
        if (counts_in := aggregate.counted_in(batch)) is not None:
            groups[_group(aggregate, one)].append((counts_in, one))
    totals = expected.totals[aggregate.name] = {}
    for group, those in groups.items():
        those.sort(key=lambda numbered: numbered[1].place)
        for revision, batch in enumerate(sorted({batch for batch, _ in those}), 1):
            upto = [one for number, one in those if number <= batch]
            row = {**dict(_results(aggregate, upto)), "revision": revision, "batch": batch}
            totals[group] = row
            expected.published[batch].append((aggregate.name, group, row, len(upto)))
    for name, measure in aggregate.measures.items():
        if measure.kind == "unique":
            _expect_members(expected, aggregate, name, measure, groups)


def _expect_members(
    expected: Expected, aggregate: Wanted, name: str, measure: Measured, groups: Mapping[Group, Sequence[tuple[int, Reading]]]
) -> None:
    members = expected.members[f"{aggregate.name}_{name}"] = defaultdict(int)
    for group, those in groups.items():
        for value in _values(measure, [one for _, one in those]):
            members[*group, value] += 1


def _group(aggregate: Wanted, one: Reading) -> Group:
    assert one.at is not None
    assert one.values is not None
    dimensions = (one.partition if name == "partition" else one.values[name] for name in aggregate.dimensions)
    return window_of(aggregate.window, aggregate.zone, one.at), *dimensions


def _values(measure: Measured, readings: Iterable[Reading]) -> list[Any]:
    there = (one.values for one in readings if one.values is not None and measure.where(one.values))
    return [values[measure.field] for values in there if values[measure.field] is not None] if measure.field else list(there)


def _results(aggregate: Wanted, readings: Sequence[Reading]) -> Iterator[tuple[str, Any]]:
    """Of readings in the order of their places."""
    for name, measure in aggregate.measures.items():
        values = _values(measure, readings)
        if measure.kind == "summary":
            for part in ("sum", "count", "min", "max", "average"):
                yield f"{name}_{part}", _result(part, values)
        else:
            yield name, _result(measure.kind, values)


def _result(kind: str, values: list[Any]) -> Any:
    if kind == "count":
        return len(values)
    if kind == "unique":
        return len(set(values))
    if not values:
        return None
    match kind:
        case "first":
            return values[0]
        case "last":
            return values[-1]
        case "min":
            return min(values)
        case "max":
            return max(values)
    return _of_numbers(kind, values)


def _of_numbers(kind: str, values: list[Any]) -> Decimal | None:
    with localcontext(prec=100):
        total: Decimal = sum(values, Decimal())
        if kind == "sum":
            return total
        mean = total / len(values)
        if kind == "average":
            return mean.quantize(MILLIONTH, ROUND_HALF_UP)
        if len(values) < 2:
            return None
        variance: Decimal = sum(((one - mean) ** 2 for one in values), Decimal()) / (len(values) - 1)
        found = variance if kind == "variance" else variance.sqrt()
        return found.quantize(MILLIONTH, ROUND_HALF_UP)


def shown_window(aggregate: Wanted, window: date | datetime) -> str:
    """As messages have it."""
    return window.astimezone(ZoneInfo(aggregate.zone)).isoformat() if isinstance(window, datetime) else window.isoformat()


def column_of(aggregate: Wanted) -> str:
    return "window_start" if aggregate.window == "hour" or "minute" in aggregate.window else "date"


def message_of(aggregate: Wanted, group: Group, row: Mapping[str, Any]) -> dict[str, Any]:
    """The value of the message for a total, as a JSON parser with exact numbers reads it."""
    window, *dimensions = group
    fields = {"aggregate": aggregate.name, column_of(aggregate): shown_window(aggregate, window)}
    fields |= dict(zip(aggregate.dimensions, dimensions, strict=True)) | {**row}
    del fields["batch"]
    return {name: _as_json(value) for name, value in fields.items()}


def _as_json(value: Any) -> Any:
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if isinstance(value, (int, Decimal)):
        return Decimal(value)
    return value.hex() if isinstance(value, bytes) else value.isoformat()


def read_json(text: bytes | None) -> dict[str, Any]:
    """With exact numbers."""
    found: dict[str, Any] = json.loads(text or b"", parse_float=Decimal, parse_int=Decimal)
    return found
