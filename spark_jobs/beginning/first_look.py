"""What the messages of a topic hold: which fields are times and which are numbers, the likeliest first.

To suggest settings, never to read a message by. Plain values in and out; knows no broker and no file.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from spark_jobs.base.frequencies import most_frequent_first
from spark_jobs.beginning.guessed_times import Times, rules_for, times_of
from spark_jobs.beginning.some_messages import Message
from spark_jobs.readings.judging import read_value
from spark_jobs.readings.strict_objects import JsonNumber, NoObject, Undecided, field_of, strict_object

DEEPEST = 4
ENOUGH = 0.5
"""A field that fewer of the messages have, or have as such, is not suggested."""

_TIME_NAMES = r"(?i)time|date|stamp|epoch|\bts\b|_ts\b|\bat\b|_at\b|[a-z]At\b|\bwhen\b|\bt\b"
_OTHER_TIMES = r"(?i)ingest|receiv|updat|process|sent|publish|expir|created|deliver|modif"
_VALUE_NAMES = (
    r"(?i)value|reading|measure|level|temp|volt|amp|current|power|watt|energy|pressure|humid|speed|price|amount|total|rate|\bv\b"
)
_COUNTERS = (
    r"(?i)(?:\b|_)(?:id|seq\w*|version|number|no|nr|index|port|year|month|day|hour|lat\w*|lon\w*|qos|count|retries)\b|[a-z]Id\b"
)


@dataclass(frozen=True)
class Numbers:
    """A field whose values are numbers: `read` of them, the first is `example`; whether some have digits that are rounded off."""

    read: int
    example: str
    rounded: bool
    has_fraction: bool
    varies: bool


@dataclass(frozen=True)
class Look:
    """What was seen: `examples` has each field's first value as text; `times` and `values` by field, the likeliest first.

    `refused` counts why messages are no JSON objects, `begins` is how the first of those begins.
    """

    messages: int
    objects: int
    refused: Mapping[str, int]
    begins: bytes | None
    examples: Mapping[str, str]
    times: Mapping[str, Times]
    values: Mapping[str, Numbers]


def look_at(messages: Sequence[Message], now: datetime) -> Look:
    """Look at messages of a topic."""
    objects, refused, begins = [], Counter[str](), None
    for message in messages:
        try:
            objects.append((strict_object(message.value), message.sent))
        except (NoObject, Undecided) as error:
            refused[str(error)] += 1
            begins = begins or message.value
    written = _written(objects)
    least = max(1, ENOUGH * len(objects))
    times = {name: found for name, values in written.items() if (found := times_of(values, now)) and found.read >= least}
    numbers = {name: read for name, values in written.items() if (read := _numbers(values, now)) and read.read >= least}
    examples = {name: _example(values[0][0]) for name, values in written.items()}
    ranked = {name: times[name] for name in sorted(times, key=lambda name: _time_rank(name, times[name], len(objects)))}
    left = _left(numbers, ranked)
    values = {name: left[name] for name in sorted(left, key=lambda name: _value_rank(name, left[name], ranked, len(objects)))}
    return Look(len(messages), len(objects), most_frequent_first(refused), begins, examples, ranked, values)


def _written(objects: Sequence[tuple[dict[str, Any], datetime | None]]) -> dict[str, list[tuple[str, datetime | None]]]:
    """Per field the texts and numbers that stand there, each with when its message was sent."""
    found: dict[str, list[tuple[str, datetime | None]]] = {}
    for fields, sent in objects:
        for name, value in _leaves(fields):
            # A path is of no use where a field has that very name.
            if isinstance(value, str) and field_of(fields, name) is value:
                found.setdefault(name, []).append((value, sent))
    return found


def _example(written: str) -> str:
    return str(written) if isinstance(written, JsonNumber) else f'"{written}"'


def _leaves(fields: Mapping[str, Any], before: str = "", depth: int = 1) -> Iterator[tuple[str, Any]]:
    """The fields that a setting can name, those of inner objects by their paths."""
    for name, value in fields.items():
        path = f"{before}{name}"
        if isinstance(value, dict) and depth < DEEPEST:
            yield from _leaves(value, f"{path}.", depth + 1)
        elif path and path == path.strip() and path.isprintable():
            yield path, value


def _numbers(values: Sequence[tuple[str, Any]], now: datetime) -> Numbers | None:
    rules, read = rules_for("iso8601", now), []
    for text, _ in values:
        try:
            read.append((text, *read_value(text, rules)))
        except NoObject:
            continue
    if not read:
        return None
    texts, found, rounded = zip(*read, strict=True)
    fractions = any(number != number.to_integral_value() for number in found)
    return Numbers(len(read), str(texts[0]), any(rounded), fractions, len(set(found)) > 1)


def _share(read: int, objects: int) -> float:
    """In tenths, so that a message that is odd decides nothing."""
    return -round(read / objects, 1)


def _time_rank(name: str, found: Times, objects: int) -> tuple[Any, ...]:
    """Smaller is likelier."""
    is_named, is_other = re.search(_TIME_NAMES, name) is not None, re.search(_OTHER_TIMES, name) is not None
    return _share(found.read, objects), not is_named, is_other, found.is_number, found.days_off


def _left(numbers: Mapping[str, Numbers], times: Mapping[str, Times]) -> dict[str, Numbers]:
    """All but the likeliest time, and the name that the day of a published average has."""
    chosen = next(iter(times), None)
    return {name: found for name, found in numbers.items() if name not in (chosen, "date")}


def _value_rank(name: str, found: Numbers, times: Mapping[str, Times], objects: int) -> tuple[Any, ...]:
    """Smaller is likelier; what may be a time is the least likely."""
    is_time = name in times and (not times[name].is_number or re.search(_TIME_NAMES, name) is not None)
    is_counter, is_named = re.search(_COUNTERS, name) is not None, re.search(_VALUE_NAMES, name) is not None
    return _share(found.read, objects), is_time, is_counter, not is_named, not found.has_fraction, not found.varies
