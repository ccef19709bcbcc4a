"""Windows: the pieces of event time in a zone that a total is of, told the same way by Spark, by Arrow and by plain Python.

A day or a longer piece is named by its first day in the zone. A shorter one is named by the instant at which it begins, so the
hour that the clocks show twice is two windows. Only built-in expressions; nothing here can end a run.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

from spark_jobs.pipeline.window_words import MINUTES_OF_HOUR, Unit, parse_window

if TYPE_CHECKING:
    from pyspark.sql import Column

OF_THE_CLOCK = ("minute", "hour")
DATE, WINDOW_START, EVENT_TIME = "date", "window_start", "event_time"

_SHOWN_EPOCH = datetime(1970, 1, 1)
"""What a clock shows, of no zone."""
_MICROSECOND = timedelta(microseconds=1)
_MINUTE = 60_000_000


@dataclass(frozen=True)
class Window:
    """`count` units each; only minutes are taken several at a time, so many as divide an hour."""

    unit: Unit
    zone: str = "UTC"
    count: int = 1

    def __post_init__(self) -> None:
        if self.count != 1 and (self.unit != "minute" or MINUTES_OF_HOUR % self.count):
            raise ValueError(f"{self.count} {self.unit}s divide no hour; expected minutes, of which 60 is a multiple")

    @property
    def is_of_days(self) -> bool:
        """Whether it is a day or more, and so named by a date."""
        return self.unit not in OF_THE_CLOCK

    @property
    def column(self) -> str:
        return DATE if self.is_of_days else WINDOW_START

    @property
    def type(self) -> pa.DataType:
        """Of the column: the first day in the zone, or the instant of the beginning in UTC."""
        return pa.date32() if self.is_of_days else pa.timestamp("us", tz="UTC")

    @property
    def _micros(self) -> int:
        return _MINUTE * (MINUTES_OF_HOUR if self.unit == "hour" else self.count)

    def of(self, instant: datetime) -> date | datetime:
        """The window that an instant lies in.

        >>> Window("week", "Europe/Zurich").of(datetime(2026, 3, 1, 23, 30, tzinfo=UTC))
        datetime.date(2026, 3, 2)
        """
        shown = instant.astimezone(ZoneInfo(self.zone)).replace(tzinfo=None)
        if self.is_of_days:
            return _first_day(shown.date(), self.unit)
        past = ((shown - _SHOWN_EPOCH) // _MICROSECOND) % self._micros
        return instant.astimezone(UTC) - past * _MICROSECOND

    def of_column(self, event_time: "Column") -> "Column":
        """The same of a column of instants, in Spark with UTC as the session's zone; null of null."""
        from pyspark.sql import functions as F

        shown = event_time if self.zone == "UTC" else F.from_utc_timestamp(event_time, self.zone)
        if self.is_of_days:
            return F.date_trunc(self.unit, shown).cast("date")
        past = F.pmod(F.unix_micros(shown), F.lit(self._micros))
        return F.timestamp_micros(F.unix_micros(event_time) - past)

    def of_instants(self, instants: pa.Array) -> pa.Array:
        """The same of Arrow's `timestamp[us, tz=UTC]`."""
        shown = pc.local_timestamp(instants.cast(pa.timestamp("us", tz=self.zone)))
        if self.is_of_days:
            return pc.floor_temporal(shown, unit=self.unit, week_starts_monday=True).cast(pa.date32())
        begun = pc.floor_temporal(shown, multiple=self.count, unit=self.unit)
        return pc.subtract(instants, pc.subtract(shown, begun))

    def between(self, first: date, last: date) -> tuple[Any, Any]:
        """The first and the last window that has something of these days of the zone in it."""
        if self.is_of_days:
            return _first_day(first, self.unit), _first_day(last, self.unit)
        zone, day = ZoneInfo(self.zone), timedelta(days=1)
        begun, over = (datetime.combine(one, time(), zone).astimezone(UTC) for one in (first, last + day))
        return begun, over - _MICROSECOND

    def text(self, value: Any) -> str:
        """A window's name for people and for messages: its first day, or its beginning with the offset that the zone had.

        >>> Window("hour", "Europe/Zurich").text(datetime(2026, 10, 25, 1, tzinfo=UTC))
        '2026-10-25T02:00:00+01:00'
        """
        return str(value.isoformat() if self.is_of_days else value.astimezone(ZoneInfo(self.zone)).isoformat())


def _first_day(day: date, unit: str) -> date:
    match unit:
        case "week":
            return day - timedelta(days=day.weekday())
        case "month":
            return day.replace(day=1)
        case "quarter":
            return day.replace(month=day.month - (day.month - 1) % 3, day=1)
        case "year":
            return day.replace(month=1, day=1)
    return day


def window_of(text: str, zone: str) -> Window:
    """The window that a pipeline file names.

    >>> window_of("hour", "UTC"), window_of("15 minutes", "UTC").count
    (Window(unit='hour', zone='UTC', count=1), 15)
    """
    unit, count = parse_window(text)
    return Window(unit, zone, count)
