"""Which formats read the times of a field, found by trying all that there are; to suggest settings, never to read a message by.

Knows texts, numbers and when their records were sent. What is chosen of several fields is decided elsewhere.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import product
from statistics import median

from spark_jobs.pipeline.rules import ParsingRules
from spark_jobs.pipeline.time_formats import EPOCH_WORDS, ISO_WORD, MAX_FORMATS, default_earliest, time_formats, time_pattern
from spark_jobs.readings.judging import read_time
from spark_jobs.readings.strict_objects import JsonNumber, NoObject, Undecided

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DATES = (
    "dd/MM/yyyy",
    "MM/dd/yyyy",
    "yyyy-MM-dd",
    "yyyy/MM/dd",
    "dd.MM.yyyy",
    "dd-MM-yyyy",
    "MM-dd-yyyy",
    "yyyy.MM.dd",
    "yyyyMMdd",
)
_BETWEEN = (" ", "'T'", "", "-", "_", ", ")
_CLOCKS = ("HH:mm:ss", "HH:mm", "HH:mm:ss.SSSSSS", "HH:mm:ss,SSSSSS", "HHmmss", "HHmm", "HHmmss.SSSSSS")
_OFFSETS = ("", "X", "XXX", " X", " XXX", " Z")
LONGEST = 60

WrittenTimes = Sequence[tuple[str, datetime | None]]
"""What a field holds in some messages, each with when that was sent."""


@dataclass(frozen=True)
class Times:
    """How a field's times are read: `formats` in the order to try them, `read` of the values by any of them, the first is
    `example`.

    `others` would read as many, as other times. `local` says that some have no offset, `days_off` how far most are from when they
    were sent.
    """

    formats: tuple[str, ...]
    read: int
    example: str
    others: tuple[str, ...]
    local: bool
    days_off: float

    @property
    def is_number(self) -> bool:
        return self.formats[0] in EPOCH_WORDS


def rules_for(
    formats: str | tuple[str, ...], now: datetime, time_field: str = "time", value_field: str = "value"
) -> ParsingRules:
    """The rules of a pipeline that says no more than these."""
    return ParsingRules(
        time_field=time_field,
        time_format=formats,
        timezone="UTC",
        earliest=default_earliest(time_formats(formats)),
        latest=now + timedelta(days=1),
        value_field=value_field,
        precision=18,
        scale=6,
        excess_digits="round",
    )


def times_of(values: WrittenTimes, now: datetime) -> Times | None:
    """How the values are read as times; None if no format reads one of them.

    >>> now = datetime(2026, 1, 1, tzinfo=UTC)
    >>> found = times_of([("01/02/2024 10:00", None), ("13/02/2024 10:00", None)], now)
    >>> found.formats, found.read, found.others, found.local
    (('dd/MM/yyyy HH:mm',), 2, (), True)
    >>> times_of([("1704110400", None)], now).formats, times_of([("12.5", None)], now)
    (('epoch_seconds',), None)
    """
    tried = {one: found for one in _formats_for(values) if (found := _instants(values, one, now))}
    if not tried:
        return None
    off = {one: _days_off(values, found) for one, found in tried.items()}
    # Sorting is stable: where nothing else decides, the first format of the lists above is taken.
    first, *rest = sorted(tried, key=lambda one: (-len(tried[one]), one != ISO_WORD, off[one]))
    chosen, covered = [first], set(tried[first])
    while len(chosen) < MAX_FORMATS and (more := max(rest, key=lambda one: len(tried[one].keys() - covered), default=None)):
        if not tried[more].keys() - covered:
            break
        chosen.append(more)
        covered |= tried[more].keys()
    others = tuple(one for one in rest if one not in chosen and _reads_otherwise(tried[one], tried[first]))
    example = values[min(tried[first])][0]
    return Times(tuple(chosen), len(covered), example, others[:3], _has_local(values, chosen, covered), off[first])


def _formats_for(values: WrittenTimes) -> Iterator[str]:
    yield ISO_WORD
    yield from EPOCH_WORDS
    looks = {re.sub("[0-9]", "0", text): text for text, _ in values if 8 <= len(text) <= LONGEST}
    if any(re.fullmatch(time_pattern(ISO_WORD).regex, text) is None for text in looks.values()):
        yield from (one for one, regex in _patterns().items() if any(regex.fullmatch(text) for text in looks.values()))


@cache
def _patterns() -> dict[str, re.Pattern[str]]:
    """Every pattern that producers are likely to write by, the plain ones first, with its regex."""
    clocks = [clock + offset for offset in _OFFSETS for clock in _CLOCKS]
    dated = [f"{date}{between}{clock}" for clock in clocks for between in _BETWEEN for date in _DATES]
    turned = [f"{clock} {date}" for clock, date in product(_CLOCKS, _DATES)]
    found = {}
    for one in (*_DATES, *dated, *turned):
        with suppress(ValueError):
            found[one] = re.compile(time_pattern(one).regex)
    return found


def _instants(values: WrittenTimes, written_as: str, now: datetime) -> dict[int, int]:
    """Per place among the values the microseconds that the format reads there."""
    rules, found = rules_for(written_as, now), {}
    for place, (text, _) in enumerate(values):
        if len(text) <= LONGEST:
            try:
                found[place] = read_time(text, rules)[0]
            except (NoObject, Undecided):
                continue
    return found


def _days_off(values: WrittenTimes, instants: dict[int, int]) -> float:
    """How far the times are from when their records were sent; far, if that is not known."""
    distances = [
        abs(micros - (sent - EPOCH) // timedelta(microseconds=1))
        for place, micros in instants.items()
        if (sent := values[place][1])
    ]
    return median(distances) / 86_400_000_000 if distances else 1e6


def _reads_otherwise(other: dict[int, int], first: dict[int, int]) -> bool:
    return len(other) == len(first) and any(first.get(place, micros) != micros for place, micros in other.items())


def _has_local(values: WrittenTimes, chosen: Sequence[str], places: set[int]) -> bool:
    """Whether the first format that reads one of the texts finds no offset in it."""
    for place in places:
        text = values[place][0]
        for one in time_formats(tuple(chosen)):
            if re.fullmatch(one.regex, text) and not (isinstance(text, JsonNumber) and not one.epoch_unit):
                if not (re.search("[Zz+-]", text[16:]) if one.has_offset is None else one.has_offset):
                    return True
                break
    return False
