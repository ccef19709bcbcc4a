"""What a settings file may say about times, and what the regular expressions built from it look like."""

import json
import re

import pytest

from spark_jobs.message_formats import Rejection, message_form, plain_form, plain_number, time_pattern


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
    assert not re.fullmatch(time_pattern("epoch_seconds").regex, "1" * 13)
    assert not re.fullmatch(time_pattern("epoch_millis").regex, "1" * 16)
    assert not re.fullmatch(time_pattern("epoch_seconds").regex, "01")


@pytest.mark.parametrize(
    ("pattern", "complaint"),
    [
        ("dd/MM/yy", "'yy' is not supported"),
        ("YYYY-MM-dd", "'YYYY' is not supported"),
        ("d/M/yyyy", "'d' is not supported"),
        ("yyyy-MM-ddTHH:mm", "'T' is not supported"),
        ("yyyy-MM-dd HH:mm:ss.SSSSSSSSS", "'SSSSSSSSS' is not supported"),
        ("yyyy-MM-dd hh:mm a", "'hh' is not supported"),
        ("yyyy-MM-dd[ HH]", "'[' is not supported"),
        ("yyyy-MM-dd'\"'", "'\"' is not supported"),
        ("dd|MM|yyyy", "'|' is not supported"),
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


@pytest.mark.parametrize(
    ("pattern", "time"), [("yyyyMMdd", '"20061223"'), ("epoch_millis", "1166892720000"), ("yyyyMMddHHX", '"2006122316+01"')]
)
@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")])
@pytest.mark.parametrize("number", ["-12.5", '"7"'])
def test_a_plain_message_is_cut_where_its_form_says(pattern: str, time: str, separators: tuple[str, str], number: str) -> None:
    names = ['say "when"', "a.b"]
    form = plain_form(names[0], time_pattern(pattern), names[1], 18, 6)
    assert form is not None
    comma, colon = separators
    message = f"{{{json.dumps(names[0])}{colon}{time}{comma}{json.dumps(names[1])}{colon}{number}}}"
    assert re.fullmatch(form.regex.removeprefix(r"\A").removesuffix(r"\z"), message)
    blank = message.startswith(form.spaced)
    start = form.time - 1 + blank
    end = message.index(form.ends, start)
    assert message[start:end] == time.strip('"')
    assert message[end + form.gap + 2 * blank : -1] == number


def test_a_message_with_a_name_beyond_ascii_has_no_plain_form() -> None:
    assert plain_form("t", time_pattern("yyyyMMdd"), "m\u00fcV", 18, 6) is None


@pytest.mark.parametrize(
    ("precision", "scale", "fitting", "not_fitting"),
    [
        (18, 6, ["0", "-0.5", "999999999999.999999"], ["1.1234567", "1234567890123", "01", "1e3", "+1", "1."]),
        (4, 0, ["9999", "-1"], ["99999", "1.0"]),
        (3, 3, ["0.999", "0"], ["1", "1.5", "00.5"]),
    ],
)
def test_a_plain_number_fits_its_type(precision: int, scale: int, fitting: list[str], not_fitting: list[str]) -> None:
    assert all(re.fullmatch(plain_number(precision, scale), text) for text in fitting)
    assert not any(re.fullmatch(plain_number(precision, scale), text) for text in not_fitting)


def test_names_are_escaped_for_json_and_for_the_expression() -> None:
    form = message_form('a"b', time_pattern("yyyyMMdd"), "c.d", 18, 6)
    assert r'"a\\"b"' in form.regex
    assert r'"c\.d"' in form.regex


def test_the_reasons_that_tables_hold_for_ever_are_these_in_this_order() -> None:
    assert " ".join(Rejection) == (
        "TOMBSTONE NOT_UTF8 EMPTY NOT_JSON TRAILING_DATA DUPLICATE_KEY NOT_AN_OBJECT NO_TIME NO_VALUE BAD_TIME "
        "TIME_OUT_OF_RANGE NONEXISTENT_TIME NOT_FINITE BAD_NUMBER NUMBER_OUT_OF_RANGE EXCESS_DIGITS"
    )
