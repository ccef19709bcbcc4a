"""What a settings file may say about times, and which texts are times then."""

import re
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import permutations

import pytest

from spark_jobs.pipeline.time_formats import default_earliest, time_formats, time_pattern, unread_offset


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("dd/MM/yyyy HH:mm:ss", "23/12/2006 16:52:00"),
        ("yyyy-MM-dd'T'HH:mm:ss.SSSXXX", "2006-12-23T16:52:00.5+01:00"),
        ("yyyy-MM-dd'T'HH:mm:ss'Z'", "2006-12-23T16:52:00Z"),
        ("yyyyMMddHHmmss", "20061223165200"),
        ("HH 'o''clock', dd.MM.yyyy", "16 o'clock, 23.12.2006"),
        ("yyyy''MM''dd", "2006'12'23"),
        ("epoch_seconds", "1166892720"),
        ("epoch_millis", "-1166892720000"),
        ("epoch_seconds", "1166892720.123456"),
        ("epoch_seconds", "1.166892720123456E9"),
        ("epoch_nanos", "1166892720123456789"),
    ],
)
def test_a_pattern_matches_times_written_that_way(pattern: str, text: str) -> None:
    assert re.fullmatch(time_pattern(pattern).regex, text)


@pytest.mark.parametrize(
    "text",
    ["42/12/2006", "23/20/2006", "1/12/2006", "023/12/2006", "23/12/06", "23-12-2006", "٢3/12/2006"],
)
def test_a_pattern_matches_no_other_times(text: str) -> None:
    assert not re.fullmatch(time_pattern("dd/MM/yyyy").regex, text)


@pytest.mark.parametrize("hour", ["30:00:00", "16:60:00", "16:52:60", "6:52:00", "16:52"])
def test_a_pattern_matches_no_other_time_of_day(hour: str) -> None:
    assert not re.fullmatch(time_pattern("yyyy-MM-dd HH:mm:ss").regex, f"2006-12-23 {hour}")


def test_an_epoch_has_no_more_digits_than_a_timestamp_holds() -> None:
    """Of the plain form: one with more is looked at again, and named."""
    for word, digits in {"epoch_seconds": 12, "epoch_millis": 15, "epoch_micros": 18, "epoch_nanos": 19}.items():
        plain = time_pattern(word).plain
        assert re.fullmatch(plain, "-" + "1" * digits)
        assert not re.fullmatch(plain, "1" * (digits + 1))
        assert not re.fullmatch(plain, "01")
        assert not re.fullmatch(plain, "1.5")


@pytest.mark.parametrize("text", ["01", "1.", ".5", "+1", "0x1", "1e", "NaN", "1,5", "1_0", " 1", "\u0661"])
def test_an_epoch_is_a_number_of_json(text: str) -> None:
    assert not re.fullmatch(time_pattern("epoch_seconds").regex, text)


WRITTEN = {
    "Python, isoformat": ["2006-12-23T16:52:00", "2006-12-23T16:52:00.000001", "2006-12-23T16:52:00+00:00", "2006-12-23 "
    "16:52:00.5-03:30"],
    "Python, logging": ["2006-12-23 16:52:00,123"],
    "Java, Instant": ["2006-12-23T16:52:00Z", "2006-12-23T16:52:00.123456789Z"],
    "Java, OffsetDateTime": ["2006-12-23T16:52Z", "2006-12-23T16:52+01:00", "2006-12-23T16:52:01.100+01:00"],
    "Java, LocalDateTime": ["2006-12-23T16:52"],
    "JavaScript, toISOString": ["2006-12-23T16:52:00.000Z"],
    "Go, RFC3339Nano": ["2006-12-23T16:52:00.123Z", "2006-12-23T16:52:00.123456789+01:00"],
    ".NET, o and u": ["2006-12-23T16:52:00.1234567Z", "2006-12-23T16:52:00.1234567", "2006-12-23 16:52:00Z"],
    "PostgreSQL": ["2006-12-23 16:52:00+01", "2006-12-23 16:52:00.123456+05:30", "2006-12-23T16:52:00.5+00:00"],
    "Rust, chrono": ["2006-12-23T16:52:00.123456789+00:00"],
    "C, strftime with %z": ["2006-12-23T16:52:00+0100"],
    "RFC 3339": ["2006-12-23t16:52:00z", "2006-12-23T16:52:00-00:00"],
}  # fmt: skip


@pytest.mark.proves("F174")
@pytest.mark.parametrize("producer", WRITTEN)
def test_iso_8601_is_read_as_producers_write_it(producer: str) -> None:
    assert [text for text in WRITTEN[producer] if not re.fullmatch(time_pattern("iso8601").regex, text)] == []


@pytest.mark.parametrize(
    "text",
    [
        "2006-12-23",
        "16:52:00",
        "2006-12-23T16",
        "20061223T165200Z",
        "2006-W51-6T16:52:00Z",
        "2006-357T16:52:00Z",
        "2006-12-23T16:52:60Z",
        "2006-12-23T16:52:00.Z",
        "2006-12-23T16:52.5Z",
        "2006-12-23T16:52:00 Z",
        "2006-12-23 16:52:00 +0100",
        "2006-12-23T16:52:00 UTC",
        "2006-12-23T16:52:00+1",
        "2006-12-23T16:52:00+19:00",
        "2006-12-23T16:52:00+01:00[Europe/Paris]",
        "2006-12-23T16:52:00+01:00:30",
        "2006-12-23T16:52:00Z ",
        " 2006-12-23T16:52:00Z",
        "+12006-12-23T16:52:00Z",
        "06-12-23T16:52:00Z",
        "2006-12-23T16:52:0\u0660Z",
        "2006-1-23T16:52:00Z",
        "2006-12-23_16:52:00Z",
    ],
)
def test_iso_8601_is_nothing_else(text: str) -> None:
    assert not re.fullmatch(time_pattern("iso8601").regex, text)


def test_a_list_of_formats_is_in_its_order_and_one_is_itself() -> None:
    assert [one.pattern for one in time_formats(["epoch_nanos", "iso8601", "yyyyMMdd"])] == ["epoch_nanos", "iso8601", "yyyyMMdd"]
    assert time_formats("iso8601") == time_formats(["iso8601"])


UNITS = {"epoch_seconds": 0, "epoch_millis": 3, "epoch_micros": 6, "epoch_nanos": 9}
FIRST, TODAY = datetime(1980, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


@pytest.mark.proves("F176")
@pytest.mark.parametrize(("written", "read"), list(permutations(UNITS, 2)))
@pytest.mark.parametrize("year", [1980, 2000, 2026, 2100])
def test_a_time_read_in_the_wrong_unit_is_implausible(written: str, read: str, year: int) -> None:
    """No instant of these 120 years, and none up to 9999 in a smaller unit, is taken for another plausible one."""
    number = int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) * 10 ** UNITS[written]
    seconds = Fraction(number, 10 ** UNITS[read])
    earliest = default_earliest(time_formats(read))
    assert earliest == FIRST
    assert not earliest.timestamp() <= seconds <= (TODAY + timedelta(days=1)).timestamp()


def test_seconds_of_the_year_9999_are_no_milliseconds() -> None:
    last = int(datetime(9999, 12, 31, tzinfo=UTC).timestamp())
    assert Fraction(last, 1000) < FIRST.timestamp()


def test_what_is_plausible_of_a_pattern_begins_with_1970() -> None:
    assert (
        default_earliest(time_formats("dd/MM/yyyy"))
        == default_earliest(time_formats("iso8601"))
        == datetime(1970, 1, 1, tzinfo=UTC)
    )
    assert default_earliest(time_formats(["iso8601", "epoch_millis"])) == FIRST


@pytest.mark.proves("F177")
@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("yyyy-MM-dd'T'HH:mm:ss'Z'", ("Z", "X")),
        ("yyyy-MM-dd'T'HH:mm:ss.SSS'Z'", ("Z", "X")),
        ("yyyy-MM-dd HH:mm:ss+00:00", ("+00:00", "XXX")),
        ("yyyy-MM-dd HH:mm:ss'+0000'", ("+0000", "XX")),
        ("yyyy-MM-dd HH:mm:ss 'UTC'", ("UTC", "")),
        ("yyyy-MM-dd'T'HH:mm:ssX", None),
        ("yyyy-MM-dd'Z'HH:mm:ss", None),
        ("yyyy-MM-dd HH:mm:ss", None),
        ("iso8601", None),
        ("epoch_millis", None),
    ],
)
def test_an_offset_that_a_pattern_takes_for_text_is_found(pattern: str, found: tuple[str, str] | None) -> None:
    assert unread_offset(pattern) == found


@pytest.mark.parametrize(
    ("pattern", "complaint"),
    [
        ("dd/MM/yy", "'yy', which is not supported"),
        ("YYYY-MM-dd", "'YYYY', which is not supported"),
        ("d/M/yyyy", "'d', which is not supported"),
        ("yyyy-MM-ddTHH:mm", "'T', which is not supported"),
        ("yyyy-MM-dd HH:mm:ss.SSSSSSSSS", "'SSSSSSSSS', which is not supported"),
        ("yyyy-MM-dd hh:mm a", "'hh', which is not supported"),
        ("yyyy-MM-dd[ HH]", "'[', which is not supported"),
        ("yyyy-MM-dd'\"'", "'\"', which is not supported"),
        ("dd|MM|yyyy", "'|', which is not supported"),
        ("HH:mm:ss", "lacks yyyy and MM and dd"),
        ("", "lacks yyyy and MM and dd"),
        ("yyyy-MM-dd HH:ss", "has the second but not the minute"),
        ("yyyy-MM-dd HH:mm.SSS", "has the fraction but not the second"),
        ("yyyy-MM-ddXXX", "has the offset but not the hour"),
        ("dd.dd/MM/yyyy", "has the day twice"),
        ("yyyyMMddHHmmssSSS", "only digits separate"),
        ("yyyy-MM-dd'T", "single quote that is never closed"),
    ],
)
def test_a_pattern_that_is_not_supported_is_named(pattern: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=re.escape(complaint)):
        time_pattern(pattern)


def test_a_quoted_z_is_text_and_a_bare_one_an_offset() -> None:
    assert not time_pattern("yyyy-MM-dd'T'HH:mm'Z'").has_offset
    assert time_pattern("yyyy-MM-dd HH:mm Z").has_offset
    assert time_pattern("epoch_millis").epoch_unit == "ms"


@pytest.mark.parametrize(
    ("pattern", "time", "iso", "pieces"),
    [
        ("yyyy-MM-dd HH:mm:ss", "2006-12-23 16:52:01", "2006-12-23 16:52:01", 1),
        ("yyyy-MM-dd'T'HH:mm:ss", "2006-12-23T16:52:01", "2006-12-23T16:52:01", 1),
        ("dd/MM/yyyy HH:mm:ss", "23/12/2006 16:52:01", "2006-12-23 16:52:01", 6),
        ("HH 'o''clock', dd.MM.yyyy", "16 o'clock, 23.12.2006", "2006-12-23 16:00:00", 9),
        ("'dd' yyyyMMddHHmm", "dd 200612231652", "2006-12-23 16:52:00", 10),
        ("yyyy-MM-dd", "2006-12-23", "2006-12-23 00:00:00", 4),
    ],
)
def test_a_time_of_fixed_width_is_put_together_in_the_order_of_iso(pattern: str, time: str, iso: str, pieces: int) -> None:
    found = time_pattern(pattern)
    assert found.width == len(time)
    parts = [one if isinstance(one, str) else time[one[0] - 1 : sum(one) - 1] for one in found.iso]
    assert ("".join(parts), len(parts)) == (iso, pieces)


@pytest.mark.parametrize("pattern", ["yyyy-MM-dd HH:mm:ss.SSS", "yyyy-MM-dd HH:mmXXX", "epoch_seconds"])
def test_a_time_of_varying_width_is_in_no_known_place(pattern: str) -> None:
    found = time_pattern(pattern)
    assert (found.width, found.iso) == (None, ())
