"""Where the parts of a message are, and what the regular expressions for them look like."""

import json
import re

import pytest

from spark_jobs.pipeline.time_formats import time_formats
from spark_jobs.readings.message_formats import Rejection, message_form, plain_form, plain_number_regex


@pytest.mark.parametrize(
    ("pattern", "time"), [("yyyyMMdd", '"20061223"'), ("epoch_millis", "1166892720000"), ("yyyyMMddHHX", '"2006122316+01"')]
)
@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")])
@pytest.mark.parametrize("number", ["-12.5", '"7"'])
def test_a_plain_message_is_cut_where_its_form_says(pattern: str, time: str, separators: tuple[str, str], number: str) -> None:
    names = ['say "when"', "a.b"]
    form = plain_form(names[0], time_formats(pattern), names[1], 18, 6)
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
    assert plain_form("t", time_formats("yyyyMMdd"), "m\u00fcV", 18, 6) is None


@pytest.mark.parametrize(
    ("precision", "scale", "fitting", "not_fitting"),
    [
        (18, 6, ["0", "-0.5", "999999999999.999999"], ["1.1234567", "1234567890123", "01", "1e3", "+1", "1."]),
        (4, 0, ["9999", "-1"], ["99999", "1.0"]),
        (3, 3, ["0.999", "0"], ["1", "1.5", "00.5"]),
    ],
)
def test_a_plain_number_fits_its_type(precision: int, scale: int, fitting: list[str], not_fitting: list[str]) -> None:
    assert all(re.fullmatch(plain_number_regex(precision, scale), text) for text in fitting)
    assert not any(re.fullmatch(plain_number_regex(precision, scale), text) for text in not_fitting)


def test_names_are_escaped_for_json_and_for_the_expression() -> None:
    form = message_form('a"b', time_formats("yyyyMMdd"), "c.d", 18, 6)
    assert r'"a\\"b"' in form.regex
    assert r'"c\.d"' in form.regex


def test_the_reasons_that_tables_hold_for_ever_are_these_in_this_order() -> None:
    assert " ".join(Rejection) == (
        "TOMBSTONE NOT_UTF8 EMPTY NOT_JSON TRAILING_DATA DUPLICATE_KEY NOT_AN_OBJECT NO_TIME NO_VALUE BAD_TIME "
        "TIME_OUT_OF_RANGE NONEXISTENT_TIME NOT_FINITE BAD_NUMBER NUMBER_OUT_OF_RANGE EXCESS_DIGITS"
    )
