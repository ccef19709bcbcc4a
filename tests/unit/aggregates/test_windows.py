"""Windows in ten zones around every change of their clocks, against what `zoneinfo` shows minute by minute."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest

from spark_jobs.aggregates.windows import Window, window_of
from tests.window_cases import WINDOWS, ZONES, instants


def shown(instant: datetime, zone: str) -> datetime:
    return instant.astimezone(ZoneInfo(zone))


def expected(instant: datetime, text: str, zone: str) -> date | datetime:
    """By the digits that a clock shows, one after the other."""
    local = shown(instant, zone)
    match text:
        case "day":
            return local.date()
        case "week":
            return date.fromisocalendar(*local.isocalendar()[:2], 1)
        case "month":
            return date(local.year, local.month, 1)
        case "quarter":
            return date(local.year, (1, 4, 7, 10)[(local.month - 1) // 3], 1)
        case "year":
            return date(local.year, 1, 1)
    minutes = 60 if text == "hour" else int(text.split()[0])
    past = timedelta(minutes=local.minute % minutes, seconds=local.second, microseconds=local.microsecond)
    return instant - past


@pytest.mark.parametrize("zone", ZONES)
def test_python_and_arrow_find_the_window_that_the_clock_shows(zone: str) -> None:
    found = sorted(set(instants(zone)))
    assert len(found) > 500
    column = pa.array(found, pa.timestamp("us", tz="UTC"))
    for text in WINDOWS:
        window = window_of(text, zone)
        wanted = [expected(one, text, zone) for one in found]
        assert [window.of(one) for one in found] == wanted, text
        assert window.of_instants(column).cast(window.type).to_pylist() == wanted, text


def test_the_hour_that_the_clocks_show_twice_is_two_windows() -> None:
    window = window_of("hour", "Europe/Zurich")
    first, second = (window.of(datetime(2026, 10, 25, hour, 40, tzinfo=UTC)) for hour in (0, 1))
    assert (window.text(first), window.text(second)) == ("2026-10-25T02:00:00+02:00", "2026-10-25T02:00:00+01:00")


def test_a_day_that_a_zone_skipped_has_no_window() -> None:
    window = window_of("day", "Pacific/Apia")
    hours = [datetime(2011, 12, 30, 0, tzinfo=UTC) + timedelta(hours=one) for one in range(24)]
    assert {window.of(one) for one in hours} == {date(2011, 12, 29), date(2011, 12, 31)}


@pytest.mark.parametrize(
    "text", ["7 minutes", "0 minutes", "60 minutes", "2 hours", "days", "", "minute", "-15 minutes", "\u0661\u0665 minutes"]
)
def test_what_is_no_window_is_refused_with_those_that_there_are(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        window_of(text, "UTC")


def test_only_minutes_come_several_at_a_time() -> None:
    with pytest.raises(ValueError, match="divide no hour"):
        Window("hour", "UTC", 2)
