"""Ten zones, and instants around every change of their clocks in 27 years."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

ZONES = (
    *("UTC", "Europe/Zurich", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia"),
    *("America/Sao_Paulo", "Asia/Beirut", "Asia/Kathmandu", "Africa/Casablanca", "America/St_Johns"),
)
YEARS = range(2000, 2027)
AROUND = [
    timedelta(minutes=one) for one in (-181, -121, -91, -61, -31, -30, -29, -1, 0, 1, 14, 29, 30, 31, 59, 60, 61, 91, 121, 181)
]
WINDOWS = ("hour", "30 minutes", "15 minutes", "1 minute", "day", "week", "month", "quarter", "year")
MICROSECOND = timedelta(microseconds=1)


@cache
def changes(zone: str) -> tuple[datetime, ...]:
    """The instants at which the zone's clocks change, found hour by hour and then minute by minute."""
    found, clock = [], ZoneInfo(zone)
    at, end = datetime(YEARS[0], 1, 1, tzinfo=UTC), datetime(YEARS[-1], 12, 31, tzinfo=UTC)
    while at < end:
        later = at + timedelta(hours=6)
        if at.astimezone(clock).utcoffset() != later.astimezone(clock).utcoffset():
            minutes = (at + timedelta(minutes=one) for one in range(361))
            found.append(next(one for one in minutes if one.astimezone(clock).utcoffset() != at.astimezone(clock).utcoffset()))
        at = later
    return tuple(found)


def instants(zone: str) -> Iterator[datetime]:
    """Around every change, at both ends of years and months, and the last microsecond of each."""
    clock = ZoneInfo(zone)
    for change in changes(zone):
        yield from (change + one for one in AROUND)
        yield change - MICROSECOND
    for year in YEARS:
        for month in (1, 2, 3, 4, 7, 10, 12):
            first = datetime(year, month, 1, tzinfo=clock).astimezone(UTC)
            yield from (first, first - MICROSECOND, first + timedelta(hours=13, microseconds=7))
