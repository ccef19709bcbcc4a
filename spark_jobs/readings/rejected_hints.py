"""What a few rejected messages say about the settings: which fields they have, and which format reads their times.

Looks at messages with Python's own parser, to advise and never to decide. Everything that comes out of a message is escaped and
cut. Knows neither tables nor Spark.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

from spark_jobs.base.wording import printable
from spark_jobs.pipeline.rules import DeclaredRules, Rules
from spark_jobs.pipeline.time_formats import EPOCH_SHIFT, EPOCH_WORDS, WORDS, time_formats, time_pattern
from spark_jobs.readings.field_values import FieldProblem
from spark_jobs.readings.message_formats import Rejection
from spark_jobs.readings.strict_objects import field_of

LARGEST_LOOKED_AT = 100_000
MOST_FIELDS, MOST_CHARACTERS, DEEPEST = 20, 60, 3
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class _Number(str):
    """A JSON number as it was written."""

    __slots__ = ()


def hint(reason: str, messages: Iterable[bytes | None], rules: Rules) -> str | None:
    """A sentence about messages that were rejected for this reason, if they show what is wrong with the settings."""
    objects = [one for one in map(_object, messages) if one]
    problem, _, name = reason.partition(":")
    match problem:
        case Rejection.NO_TIME | Rejection.NO_VALUE | FieldProblem.MISSING_FIELD:
            place = _place(problem, name, rules)
            return _fields_there(place, objects) if place else None
        case Rejection.BAD_TIME | Rejection.TIME_OUT_OF_RANGE:
            return next((found for one in objects if (found := _other_formats(field_of(one, rules.time_field), rules))), None)
    return None


def _place(problem: str, name: str, rules: Rules) -> str | None:
    """Where the messages should have had what they lack, if that is in their JSON."""
    if problem == Rejection.NO_TIME:
        return rules.time_field
    if isinstance(rules, DeclaredRules):
        return next((one.place for one in rules.records.fields if one.name == name and one.source == "json"), None)
    return rules.value_field


def _object(message: bytes | None) -> dict[str, Any] | None:
    if message is None or len(message) > LARGEST_LOOKED_AT:
        return None
    try:
        found = json.loads(message, parse_int=_Number, parse_float=_Number)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _fields_there(wanted: str, objects: list[dict[str, Any]]) -> str | None:
    names = list(dict.fromkeys(name for one in objects for name in _names(one)))
    if not names:
        return None
    more = f" and {len(names) - MOST_FIELDS} more" if len(names) > MOST_FIELDS else ""
    return f"no field {_shown(wanted)}; there are {', '.join(_shown(name) for name in names[:MOST_FIELDS])}{more}"


def _names(fields: Mapping[str, Any], depth: int = 1) -> Iterator[str]:
    """The names of fields, those of inner objects as paths."""
    for name, value in fields.items():
        if isinstance(value, dict) and value and depth < DEEPEST:
            yield from (f"{name}.{inner}" for inner in _names(value, depth + 1))
        else:
            yield name


def _other_formats(written: Any, rules: Rules) -> str | None:
    """Which of the words reads a time that the configured formats do not."""
    if not isinstance(written, str):
        return None
    configured = {one.pattern for one in time_formats(rules.time_format)}
    readers = {word: instant for word in WORDS if (instant := _read_as(written, word, rules)) is not None}
    right = [word for word in readers if word not in configured]
    if not right or len(readers) > len(right):
        return None
    shown = _cut(written) if isinstance(written, _Number) else _shown(written)
    return f"{shown} is {readers[right[0]] or 'a time'} as {right[0]}: is input.time.format {right[0]}?"


def _read_as(written: str, word: str, rules: Rules) -> str | None:
    """The time in UTC, or an empty text where it depends on the zone; None if the word does not read it as a plausible one."""
    if word not in EPOCH_WORDS:
        is_text = not isinstance(written, _Number)
        return "" if is_text and re.fullmatch(time_pattern(word).regex, written) else None
    if len(written) > MOST_CHARACTERS or not re.fullmatch(time_pattern(word).regex, written):
        return None
    micros = Fraction(written) * Fraction(10) ** EPOCH_SHIFT[EPOCH_WORDS[word]] // 1
    earliest, latest = ((one - _EPOCH) // timedelta(microseconds=1) for one in (rules.earliest, rules.latest))
    return f"{_EPOCH + timedelta(microseconds=micros):%Y-%m-%d %H:%M:%S} UTC" if earliest <= micros <= latest else None


def _shown(text: str) -> str:
    return f"'{_cut(printable(text))}'"


def _cut(text: str) -> str:
    return text if len(text) <= MOST_CHARACTERS else f"{text[:MOST_CHARACTERS]}..."
