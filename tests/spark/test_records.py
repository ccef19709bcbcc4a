"""Every message becomes the reading, or the rejected row, that a person would say it is."""

import json
import random
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from spark_jobs.pipeline.settings import ParsingRules
from spark_jobs.pipeline.time_formats import time_formats
from spark_jobs.readings.message_formats import PlainForm, Rejection, plain_form
from spark_jobs.readings.records import records_of, with_plain_form

KAFKA = "key binary, value binary, topic string, partition int, offset long, timestamp timestamp, timestampType int"
RECORDS = (
    "partition int, offset bigint, kafka_timestamp timestamp, key binary, event_time timestamp, date date, "
    "value decimal(18,6), rounded_from string, rejected_because string, raw binary, batch bigint"
)
NONCE = "5f0c1e2d3b4a"
ARRIVED = datetime(2024, 5, 6, 7, 8, 9, 123456)
BEFORE_1970, FROM_1980 = datetime(1900, 1, 1, tzinfo=UTC), datetime(1980, 1, 1, tzinfo=UTC)

Expected = tuple[str | None, ...]
"""(UTC time, date, value, number it was rounded from) of a reading, (reason,) of a rejected message."""

RULES = ParsingRules(
    time_field="datetime",
    time_format="dd/MM/yyyy HH:mm:ss",
    timezone="UTC",
    earliest=datetime(1970, 1, 1, tzinfo=UTC),
    latest=datetime(2030, 1, 1, tzinfo=UTC),
    value_field="voltage",
    precision=18,
    scale=6,
    excess_digits="round",
)


def rules(**changes: Any) -> ParsingRules:
    return ParsingRules.model_validate({**RULES.model_dump(), **changes})


def voltage(number: str) -> bytes:
    return f'{{"datetime": "23/12/2006 16:52:00", "voltage": {number}}}'.encode()


def compact(message: bytes) -> bytes:
    """The same without the blanks that `json.dumps` writes."""
    return message.replace(b'": ', b'":').replace(b', "', b',"')


def at(time: str) -> bytes:
    return f'{{"datetime": {time}, "voltage": 1}}'.encode()


def volts(value: str, rounded_from: str | None = None) -> Expected:
    return ("2006-12-23 16:52:00", "2006-12-23", value, rounded_from)


def one_volt_at(instant: str, day: str | None = None) -> Expected:
    return (instant, day or instant[:10], "1", None)


def parsed(spark: SparkSession, messages: Iterable[bytes | None], rules: ParsingRules) -> list[Expected]:
    rows = [(b"k", message, "t", 3, offset, ARRIVED, 0) for offset, message in enumerate(messages)]
    records = records_of(spark.createDataFrame(rows, KAFKA), rules=rules, batch=7, nonce=NONCE)
    shown = records.select(
        "offset",
        F.col("event_time").cast("string"),
        F.col("date").cast("string"),
        F.col("value").cast("string"),
        "rounded_from",
        "rejected_because",
        "raw",
    )
    return [outcome(*row[1:-1], raw=row[-1], message=rows[row[0]][1]) for row in sorted(shown.collect())]


def outcome(*fields: str | None, raw: Any, message: bytes | None) -> Expected:
    *reading, reason = fields
    if reason is None:
        assert raw is None
        return (*reading[:2], plain(Decimal(reading[2] or "nan")), reading[3])
    assert reading == [None] * 4
    assert (raw if raw is None else bytes(raw)) == message
    return (reason,)


def plain(value: Decimal) -> str:
    return f"{value:f}".rstrip("0").rstrip(".") if "." in f"{value:f}" else f"{value:f}"


def assert_parsed(spark: SparkSession, cases: Mapping[Any, Expected], rules: ParsingRules) -> None:
    pairs = list(cases.items())
    found = parsed(spark, [message for message, _ in pairs], rules)
    differences = [
        f"{(message or b'null')[:120]!r}\n    expected {expected}\n    found    {actual}"
        for (message, expected), actual in zip(pairs, found, strict=True)
        if expected != actual
    ]
    assert not differences, f"{len(differences)} of {len(pairs)} messages differ:\n" + "\n".join(differences)


NUMBERS: dict[str, Expected] = {
    "239.94": volts("239.94"),
    "0": volts("0"),
    "-0": volts("0"),
    "0.000001": volts("0.000001"),
    "-12.5": volts("-12.5"),
    "007": ("NOT_JSON",),
    "1.": ("NOT_JSON",),
    ".5": ("NOT_JSON",),
    "-": ("NOT_JSON",),
    "+1": ("NOT_JSON",),
    "0x10": ("NOT_JSON",),
    "1_000": ("NOT_JSON",),
    "1 2": ("NOT_JSON",),
    "239,94": ("NOT_JSON",),
    "1e": ("NOT_JSON",),
    "1.5f": ("NOT_JSON",),
    "NaN": ("NOT_JSON",),
    "Infinity": ("NOT_JSON",),
    "-Infinity": ("NOT_JSON",),
    '"NaN"': ("NOT_FINITE",),
    '"-inf"': ("NOT_FINITE",),
    '"Infinity"': ("NOT_FINITE",),
    '"239.94"': volts("239.94"),
    '"1e3"': volts("1000"),
    '"\\u0032\\u0033.5"': volts("23.5"),
    '"007"': ("BAD_NUMBER",),
    '"12,5"': ("BAD_NUMBER",),
    '"1,250.5"': ("BAD_NUMBER",),
    '" 1"': ("BAD_NUMBER",),
    '"1 "': ("BAD_NUMBER",),
    '"1\\n"': ("BAD_NUMBER",),
    '"+1"': ("BAD_NUMBER",),
    '"0x10"': ("BAD_NUMBER",),
    '"1d"': ("BAD_NUMBER",),
    '""': ("BAD_NUMBER",),
    '"."': ("BAD_NUMBER",),
    '"\u0662\u0663"': ("BAD_NUMBER",),
    '"\uff11"': ("BAD_NUMBER",),
    "\u0662": ("NOT_JSON",),
    "true": ("BAD_NUMBER",),
    "[1]": ("BAD_NUMBER",),
    '{"voltage": 1}': ("BAD_NUMBER",),
    "null": ("NO_VALUE",),
    "1e-05": volts("0.00001"),
    "1E+2": volts("100"),
    "123e-2": volts("1.23"),
    "0.00012e4": volts("1.2"),
    "0e999": volts("0"),
    "-0.0e-5000": volts("0"),
    "1e-400": volts("0", "1e-400"),
    "1e-99999999999999999999": volts("0", "1e-99999999999999999999"),
    "1e400": ("NUMBER_OUT_OF_RANGE",),
    "1e99999999999999999999": ("NUMBER_OUT_OF_RANGE",),
    "239.94000000000003": volts("239.94", "239.94000000000003"),
    "239.9400000000000000": volts("239.94"),
    "0.0000005": volts("0.000001", "0.0000005"),
    "-0.0000005": volts("-0.000001", "-0.0000005"),
    "0.00000049999999999999999999999999999999999999999": volts("0", "0.00000049999999999999999999999999999999999999999"),
    "5e-7": volts("0.000001", "5e-7"),
    "4.9e-7": volts("0", "4.9e-7"),
    "1.0000005": volts("1.000001", "1.0000005"),
    "1.0000015": volts("1.000002", "1.0000015"),
    "0.9999999": volts("1", "0.9999999"),
    '"0.9999999"': volts("1", '0.9999999'),
    "999999999999.999999": volts("999999999999.999999"),
    "-999999999999.999999": volts("-999999999999.999999"),
    "999999999999.9999994": volts("999999999999.999999", "999999999999.9999994"),
    "999999999999.9999995": ("NUMBER_OUT_OF_RANGE",),
    "1000000000000": ("NUMBER_OUT_OF_RANGE",),
    "9" * 45: ("NUMBER_OUT_OF_RANGE",),
    "1." + "1" * 45: volts("1.111111", "1." + "1" * 45),
    "1." + "0" * 60 + "1": volts("1", "1." + "0" * 60 + "1"),
    "1" + "0" * 2000 + "e-2000": volts("1"),
    "0." + "0" * 1999 + "5e2000": volts("5"),
    "9007199254740993e-6": volts("9007199254.740993"),
}  # fmt: skip

TIMES: dict[str, Expected] = {
    '"23/12/2006 16:52:00"': one_volt_at("2006-12-23 16:52:00"),
    '"29/02/2008 23:59:59"': one_volt_at("2008-02-29 23:59:59"),
    '"01/01/1970 00:00:00"': one_volt_at("1970-01-01 00:00:00"),
    '"01/01/2030 00:00:00"': one_volt_at("2030-01-01 00:00:00"),
    '"23\\/12\\/2006 16:52:00"': one_volt_at("2006-12-23 16:52:00"),
    '"31/12/1969 23:59:59"': ("TIME_OUT_OF_RANGE",),
    '"01/01/2030 00:00:01"': ("TIME_OUT_OF_RANGE",),
    '"01/01/9999 00:00:00"': ("TIME_OUT_OF_RANGE",),
    '"01/01/0001 00:00:00"': ("TIME_OUT_OF_RANGE",),
    '"01/01/0000 00:00:00"': ("TIME_OUT_OF_RANGE",),
    '"29/02/2007 00:00:00"': ("BAD_TIME",),
    '"31/04/2006 00:00:00"': ("BAD_TIME",),
    '"00/12/2006 00:00:00"': ("BAD_TIME",),
    '"12/13/2006 00:00:00"': ("BAD_TIME",),
    '"23/12/2006 24:00:00"': ("BAD_TIME",),
    '"23/12/2006 16:60:00"': ("BAD_TIME",),
    '"23/12/2006 16:52:60"': ("BAD_TIME",),
    '"3/12/2006 16:52:00"': ("BAD_TIME",),
    '"23/12/06 16:52:00"': ("BAD_TIME",),
    '"23/12/12006 16:52:00"': ("BAD_TIME",),
    '"23/12/-2006 16:52:00"': ("BAD_TIME",),
    '"23/12/2006 16:52"': ("BAD_TIME",),
    '"23/12/2006  16:52:00"': ("BAD_TIME",),
    '" 23/12/2006 16:52:00"': ("BAD_TIME",),
    '"23/12/2006 16:52:00 "': ("BAD_TIME",),
    '"23/12/2006 16:52:00\\n"': ("BAD_TIME",),
    '"23/12/2006 16:52:00Z"': ("BAD_TIME",),
    '"23/12/2006T16:52:00"': ("BAD_TIME",),
    '"2006-12-23 16:52:00"': ("BAD_TIME",),
    '"\u0662\u0663/12/2006 16:52:00"': ("BAD_TIME",),
    '""': ("BAD_TIME",),
    "1166892720": ("BAD_TIME",),
    "true": ("BAD_TIME",),
    "[]": ("BAD_TIME",),
    "{}": ("BAD_TIME",),
    "null": ("NO_TIME",),
}  # fmt: skip

GOOD = '"datetime": "23/12/2006 16:52:00", "voltage": 1'
DEEP = 2000
PRINTABLE = "".join(character for character in map(chr, range(ord(" "), ord("~") + 1)) if character not in '"\\')
MESSAGES: dict[bytes | None, Expected] = {
    None: ("TOMBSTONE",),
    b"": ("EMPTY",),
    b" \t\r\n": ("EMPTY",),
    b"\x00": ("NOT_JSON",),
    b"\xc2\xa0": ("NOT_JSON",),
    b"null": ("NOT_AN_OBJECT",),
    b"5": ("NOT_AN_OBJECT",),
    b'"text"': ("NOT_AN_OBJECT",),
    b"[]": ("NOT_AN_OBJECT",),
    f"[{{{GOOD}}}]".encode(): ("NOT_AN_OBJECT",),
    b"{}": ("NO_TIME",),
    b'{"datetime": "23/12/2006 16:52:00"}': ("NO_VALUE",),
    b'{"voltage": 1}': ("NO_TIME",),
    b'{"Datetime": "23/12/2006 16:52:00", "Voltage": 1}': ("NO_TIME",),
    b'{"reading": {"datetime": "23/12/2006 16:52:00", "voltage": 1}}': ("NO_TIME",),
    f"{{{GOOD}}}".encode(): volts("1"),
    f"\r\n\t {{ {GOOD}\n}} \n".encode(): volts("1"),
    b'{"datetime":"23/12/2006 16:52:00","voltage":1}': volts("1"),
    b'{"voltage": 1, "datetime": "23/12/2006 16:52:00"}': volts("1"),
    b'{"\\u0076oltage": 1, "\\u0064atetime": "23/12/2006 16:52:00"}': volts("1"),
    f'{{"id": 7, "ok": true, "note": null, {GOOD}, "unit": "V", "x": -1.5e9}}'.encode(): volts("1"),
    f'{{"id": "datetime", {GOOD}, "unit": "voltage"}}'.encode(): volts("1"),
    f'{{"voltages": 2, {GOOD}, "": 3}}'.encode(): volts("1"),
    f'{{"unit": "a, \\"voltage\\": 5", {GOOD}}}'.encode(): volts("1"),
    f'{{"unit": "m\u00fcV", {GOOD}}}'.encode(): volts("1"),
    f'{{"before": {{"voltage": 2, "datetime": 3}}, {GOOD}, "after": [{{"voltage": 4}}]}}'.encode(): volts("1"),
    ("{" + "".join(f'"f{i}": {i}, ' for i in range(40)) + GOOD + "}").encode(): volts("1"),
    ("{" + "".join(f'"f{i}": {i}, ' for i in range(40)) + '"f0": 0, ' + GOOD + "}").encode(): ("DUPLICATE_KEY",),
    ('{"pad": "' + "\\n" * 400_000 + '", ' + GOOD + "}").encode(): volts("1"),
    ('{"pad": [' + "1, " * 100_000 + '0], ' + GOOD + "}").encode(): volts("1"),
    ('{"deep": ' + "[" * DEEP + "]" * DEEP + ", " + GOOD + "}").encode(): ("NOT_JSON",),
    f'{{{GOOD}, "voltage": 1}}'.encode(): ("DUPLICATE_KEY",),
    f'{{{GOOD}, "v\\u006fltage": 2}}'.encode(): ("DUPLICATE_KEY",),
    f'{{"datetime": 0, {GOOD}}}'.encode(): ("DUPLICATE_KEY",),
    f'{{{GOOD}, "a": "b", "a" : 1}}'.encode(): ("DUPLICATE_KEY",),
    f'{{{GOOD}, "{PRINTABLE}": 1, "b": 2, "{PRINTABLE}": 3}}'.encode(): ("DUPLICATE_KEY",),
    f'{{"{PRINTABLE}": 1, {GOOD}, "b": "{PRINTABLE}"}}'.encode(): volts("1"),
    f'{{"{"k" * 50_000}": 1, {GOOD}}}'.encode(): volts("1"),
    f'{{"{"k" * 50_001}": 1, {GOOD}}}'.encode(): ("NOT_JSON",),
    f'{{{GOOD}, "long": {"1" * 1_200}, "note": "{"n" * 300_000}"}}'.encode(): volts("1"),
    f'{{{GOOD}, "long": {"1" * 1_200}, "long": 1}}'.encode(): ("DUPLICATE_KEY",),
    f'{{{GOOD}, "{"k" * 50_000}": 1, "{"k" * 50_000}": 1}}'.encode(): ("DUPLICATE_KEY",),
    f'{{"id": 1, {GOOD}, "id": 1}}'.encode(): ("DUPLICATE_KEY",),
    f'{{"id": 1, "id": 1, {GOOD}}}'.encode(): ("DUPLICATE_KEY",),
    f'{{{GOOD}, "id": 1, "\\u0069d": 1}}'.encode(): ("DUPLICATE_KEY",),
    f'{{{GOOD}, "in": {{"id": 1, "id": 2}}}}'.encode(): ("DUPLICATE_KEY",),
    f"{{{GOOD}}} x".encode(): ("TRAILING_DATA",),
    f"{{{GOOD}}}{{{GOOD}}}".encode(): ("TRAILING_DATA",),
    f"{{{GOOD}}}\n{{{GOOD}}}\n".encode(): ("TRAILING_DATA",),
    f"{{{GOOD}}}, {{{GOOD}}}".encode(): ("TRAILING_DATA",),
    f"{{{GOOD}}}, 5".encode(): ("TRAILING_DATA",),
    f"{{{GOOD}}}]".encode(): ("TRAILING_DATA",),
    f'{{{GOOD}}}, "{NONCE[:-1]}"]'.encode(): ("TRAILING_DATA",),
    f"{{{GOOD}}}\0".encode(): ("TRAILING_DATA",),
    f"{{{GOOD}}}\x0c".encode(): ("TRAILING_DATA",),
    f"{{{GOOD}}}\u2028".encode(): ("TRAILING_DATA",),
    f"{{{GOOD}".encode(): ("NOT_JSON",),
    f"{{{GOOD}, }}".encode(): ("NOT_JSON",),
    f"{{{GOOD}; }}".encode(): ("NOT_JSON",),
    f"{{{GOOD} /* volts */}}".encode(): ("NOT_JSON",),
    f"{{{GOOD}, id: 1}}".encode(): ("NOT_JSON",),
    f"{{{GOOD}, 5: 1}}".encode(): ("NOT_JSON",),
    f"{{{GOOD}, 5}}".encode(): ("NOT_JSON",),
    f"{{{GOOD}, -: 1}}".encode(): ("NOT_JSON",),
    f"\x0b{{{GOOD}}}".encode(): ("NOT_JSON",),
    f"\ufeff{{{GOOD}}}".encode(): ("NOT_JSON",),
    f"x{{{GOOD}}}".encode(): ("NOT_JSON",),
    f"]{{{GOOD}}}".encode(): ("NOT_JSON",),
    f'{{"tab": "\t", {GOOD}}}'.encode(): ("NOT_JSON",),
    f'{{"nul": "\0", {GOOD}}}'.encode(): ("NOT_JSON",),
    f'{{"bad": "\\x", {GOOD}}}'.encode(): ("NOT_JSON",),
    f'{{"half": "\\ud800", {GOOD}}}'.encode(): ("NOT_JSON",),
    f'{{"yes": True, {GOOD}}}'.encode(): ("NOT_JSON",),
    f'{{"id": 01, {GOOD}}}'.encode(): ("NOT_JSON",),
    b"{'datetime': '23/12/2006 16:52:00', 'voltage': 1}": ("NOT_JSON",),
    b'{"datetime": "23/12/2006 16:52:00" "voltage": 1}': ("NOT_JSON",),
    b'{"datetime"= "23/12/2006 16:52:00", "voltage": 1}': ("NOT_JSON",),
    f"{{{GOOD}}}".encode("utf-16"): ("NOT_UTF8",),
    f"{{{GOOD}}}".encode("utf-16-le"): ("NOT_JSON",),
    f'{{"unit": "m\u00fcV", {GOOD}}}'.encode("latin-1"): ("NOT_UTF8",),
    b'{"x": "\xed\xa0\x80", ' + GOOD.encode() + b"}": ("NOT_UTF8",),
    b'{"x": "\xc0\x80", ' + GOOD.encode() + b"}": ("NOT_UTF8",),
    f"{{{GOOD}}}".encode() + b"\xff": ("NOT_UTF8",),
    b"\x00\x00\x00\x00\x07Hvoltage": ("NOT_JSON",),
    b"<reading/>": ("NOT_JSON",),
    b"23/12/2006;16:52:00;239.94": ("NOT_JSON",),
}  # fmt: skip


@pytest.mark.group("FZ")
@pytest.mark.proves("F86", "F92", "F93", "F94", "F95", "C8")
def test_numbers_are_exact_or_rounded_half_up_or_rejected(spark: SparkSession) -> None:
    cases = {voltage(number): expected for number, expected in NUMBERS.items()}
    assert_parsed(spark, cases | {compact(message): expected for message, expected in cases.items()}, RULES)


def test_the_same_numbers_are_the_same_where_a_message_is_unusual(spark: SparkSession) -> None:
    nested = {voltage(number).replace(b"}", b', "x": []}', 1) if "{" not in number else voltage(number): expected
              for number, expected in NUMBERS.items()}  # fmt: skip
    assert_parsed(spark, nested, RULES)


@pytest.mark.group("FZ")
@pytest.mark.proves("F85", "F86", "F88", "F91", "C8")
def test_times_are_taken_only_as_they_are_configured(spark: SparkSession) -> None:
    cases = {at(time): expected for time, expected in TIMES.items()}
    assert_parsed(spark, cases | {compact(message): expected for message, expected in cases.items()}, RULES)


def test_times_are_the_same_where_a_message_is_unusual(spark: SparkSession) -> None:
    assert_parsed(spark, {at(time).replace(b": 1}", b': 1, "x": []}'): expected for time, expected in TIMES.items()}, RULES)


@pytest.mark.group("FZ")
@pytest.mark.proves("F80", "F81", "F82", "F83", "F84", "F99", "F100", "F103", "C8")
def test_only_one_whole_json_object_is_a_reading(spark: SparkSession) -> None:
    assert_parsed(spark, MESSAGES, RULES)


@pytest.mark.parametrize("time_format", ["epoch_seconds", "yyyy-MM-dd'T'HH:mm:ss.SSSXXX"])
def test_what_is_no_object_is_none_in_any_time_format(spark: SparkSession, time_format: str) -> None:
    cases = {message: expected for message, expected in MESSAGES.items() if len(expected) == 1}
    assert_parsed(spark, cases, rules(time_format=time_format))


@pytest.mark.group("FZ")
@pytest.mark.proves("F95")
def test_excess_digits_are_rejected_where_the_rules_say_so(spark: SparkSession) -> None:
    cases: dict[bytes | None, Expected] = {
        voltage("239.94"): volts("239.94"),
        voltage("239.9400000"): volts("239.94"),
        voltage("1e-6"): volts("0.000001"),
        voltage("239.94000000000003"): ("EXCESS_DIGITS",),
        voltage("1e-400"): ("EXCESS_DIGITS",),
        voltage('"0.0000001"'): ("EXCESS_DIGITS",),
        voltage("1e400"): ("NUMBER_OUT_OF_RANGE",),
        voltage("1000000000000.0000001"): ("NUMBER_OUT_OF_RANGE",),
    }
    assert_parsed(spark, cases, rules(excess_digits="reject"))


def test_a_narrower_type_bounds_digits_on_both_sides(spark: SparkSession) -> None:
    cases: dict[bytes | None, Expected] = {
        voltage("999.9"): volts("999.9"),
        voltage("239.94"): volts("239.9", "239.94"),
        voltage("239.95"): volts("240", "239.95"),
        voltage("999.95"): ("NUMBER_OUT_OF_RANGE",),
        voltage("1000"): ("NUMBER_OUT_OF_RANGE",),
    }
    assert_parsed(spark, cases, rules(precision=4, scale=1))


def test_a_type_without_fraction_takes_whole_numbers(spark: SparkSession) -> None:
    cases: dict[bytes | None, Expected] = {
        voltage("42"): volts("42"),
        voltage("42.0"): volts("42"),
        voltage("42.5"): volts("43", "42.5"),
        voltage("-42.5"): volts("-43", "-42.5"),
        voltage("0.4"): volts("0", "0.4"),
        voltage("00"): ("NOT_JSON",),
        voltage("1234567"): ("NUMBER_OUT_OF_RANGE",),
    }
    assert_parsed(spark, cases, rules(precision=6, scale=0))


def test_a_type_of_fraction_alone_takes_no_whole_digit(spark: SparkSession) -> None:
    cases: dict[bytes | None, Expected] = {
        voltage("0.999"): volts("0.999"),
        voltage("-0.5"): volts("-0.5"),
        voltage("0.9994"): volts("0.999", "0.9994"),
        voltage("0.9995"): ("NUMBER_OUT_OF_RANGE",),
        voltage("1"): ("NUMBER_OUT_OF_RANGE",),
    }
    assert_parsed(spark, cases, rules(precision=3, scale=3))


@pytest.mark.group("FZ")
@pytest.mark.proves("F89", "F90")
def test_a_local_time_belongs_to_its_local_day(spark: SparkSession) -> None:
    cases: dict[bytes | None, Expected] = {
        at('"23/12/2006 00:30:00"'): one_volt_at("2006-12-22 23:30:00", "2006-12-23"),
        at('"01/07/2006 00:30:00"'): one_volt_at("2006-06-30 22:30:00", "2006-07-01"),
        at('"26/03/2006 01:59:59"'): one_volt_at("2006-03-26 00:59:59"),
        at('"26/03/2006 02:00:00"'): ("NONEXISTENT_TIME",),
        at('"26/03/2006 02:59:59"'): ("NONEXISTENT_TIME",),
        at('"26/03/2006 03:00:00"'): one_volt_at("2006-03-26 01:00:00"),
        at('"29/10/2006 01:59:59"'): one_volt_at("2006-10-28 23:59:59", "2006-10-29"),
        at('"29/10/2006 02:30:00"'): one_volt_at("2006-10-29 00:30:00"),
        at('"29/10/2006 03:00:00"'): one_volt_at("2006-10-29 02:00:00"),
        at('"01/01/1970 00:30:00"'): ("TIME_OUT_OF_RANGE",),
        at('"01/01/0001 00:00:00"'): ("TIME_OUT_OF_RANGE",),
        at('"31/12/9999 23:59:59"'): ("TIME_OUT_OF_RANGE",),
    }
    assert_parsed(spark, cases, rules(timezone="Europe/Paris"))


@pytest.mark.group("FZ")
@pytest.mark.proves("F89", "F90")
def test_a_local_time_west_of_greenwich_belongs_to_its_local_day(spark: SparkSession) -> None:
    cases: dict[bytes | None, Expected] = {
        at('"23/12/2006 20:00:00"'): one_volt_at("2006-12-24 01:00:00", "2006-12-23"),
        at('"11/03/2007 02:30:00"'): ("NONEXISTENT_TIME",),
        at('"11/03/2007 03:00:00"'): one_volt_at("2007-03-11 07:00:00"),
        at('"04/11/2007 01:30:00"'): one_volt_at("2007-11-04 05:30:00"),
        at('"04/11/2007 02:00:00"'): one_volt_at("2007-11-04 07:00:00"),
    }
    assert_parsed(spark, cases, rules(timezone="America/New_York"))


def test_a_time_with_offset_is_an_instant_and_its_day_is_that_of_the_zone(spark: SparkSession) -> None:
    cases: dict[bytes | None, Expected] = {
        at('"2006-12-23T23:30:00.5Z"'): one_volt_at("2006-12-23 23:30:00.5", "2006-12-24"),
        at('"2006-12-23T23:30:00.123-05:00"'): one_volt_at("2006-12-24 04:30:00.123"),
        at('"2006-12-23T00:30:00.000+01:00"'): one_volt_at("2006-12-22 23:30:00", "2006-12-23"),
        at('"2006-10-29T02:30:00.0+01:00"'): one_volt_at("2006-10-29 01:30:00"),
        at('"2006-10-29T02:30:00.0+02:00"'): one_volt_at("2006-10-29 00:30:00"),
        at('"2006-03-26T02:30:00.0+01:00"'): one_volt_at("2006-03-26 01:30:00"),
        at('"2006-12-23T23:30:00.0000Z"'): ("BAD_TIME",),
        at('"2006-12-23T23:30:00Z"'): ("BAD_TIME",),
        at('"2006-12-23T23:30:00.0+0100"'): ("BAD_TIME",),
        at('"2006-12-23T23:30:00.0+19:00"'): ("BAD_TIME",),
        at('"2006-12-23T23:30:00.0+18:30"'): ("BAD_TIME",),
        at('"2006-12-23T23:30:00.0"'): ("BAD_TIME",),
        at('"2006-12-23t23:30:00.0z"'): ("BAD_TIME",),
        at('"0001-01-01T00:00:00.0+14:00"'): ("TIME_OUT_OF_RANGE",),
    }
    assert_parsed(spark, cases, rules(timezone="Europe/Paris", time_format="yyyy-MM-dd'T'HH:mm:ss.SSSXXX"))


def test_every_supported_part_of_a_time_format_is_read(spark: SparkSession) -> None:
    for time_format, text, instant in (
        ("yyyyMMdd", "20061223", "2006-12-23 00:00:00"),
        ("yyyy-MM-dd HH:mm", "2006-12-23 16:52", "2006-12-23 16:52:00"),
        ("yyyyMMddHHmmss", "20061223165201", "2006-12-23 16:52:01"),
        ("yyyyMMdd-HHmmssSSS", "20061223-165201250", "2006-12-23 16:52:01.25"),
        ("yyyy-MM-dd'T'HH:mm:ss.SSS'Z'", "2006-12-23T16:52:01.250Z", "2006-12-23 16:52:01.25"),
        ("yyyy-MM-dd HH:mm:ss,SSSSSS", "2006-12-23 16:52:01,123456", "2006-12-23 16:52:01.123456"),
        ("yyyy-MM-dd HH:mm:ssX", "2006-12-23 16:52:01+01", "2006-12-23 15:52:01"),
        ("yyyy-MM-dd HH:mm:ssX", "2006-12-23 16:52:01+0130", "2006-12-23 15:22:01"),
        ("yyyy-MM-dd HH:mm:ssXX", "2006-12-23 16:52:01-0130", "2006-12-23 18:22:01"),
        ("yyyy-MM-dd HH:mm:ss Z", "2006-12-23 16:52:01 +0100", "2006-12-23 15:52:01"),
        ("HH:mm:ss 'o''clock' dd.MM.yyyy", "16:52:01 o'clock 23.12.2006", "2006-12-23 16:52:01"),
    ):
        message = at(json.dumps(text))
        cases = {one: one_volt_at(instant) for one in (message, compact(message), message.replace(b"1}", b'"1"}'))}
        assert_parsed(spark, cases, rules(time_format=time_format))


@pytest.mark.group("FZ")
@pytest.mark.proves("F87")
def test_epoch_seconds_are_exact_and_bounded(spark: SparkSession) -> None:
    cases: dict[bytes | None, Expected] = {
        at("1166892720"): one_volt_at("2006-12-23 16:52:00"),
        at('"1166892720"'): one_volt_at("2006-12-23 16:52:00"),
        compact(at("1166892720")): one_volt_at("2006-12-23 16:52:00"),
        compact(at("1166892720")).replace(b"1}", b'"1"}'): one_volt_at("2006-12-23 16:52:00"),
        at("0"): one_volt_at("1970-01-01 00:00:00"),
        at("-0"): one_volt_at("1970-01-01 00:00:00"),
        at("-1"): ("TIME_OUT_OF_RANGE",),
        at("1166892720000"): ("TIME_OUT_OF_RANGE",),
        at("999999999999"): ("TIME_OUT_OF_RANGE",),
        at("9" * 25): ("TIME_OUT_OF_RANGE",),
        at("-" + "9" * 400): ("TIME_OUT_OF_RANGE",),
        at("1166892720.0"): one_volt_at("2006-12-23 16:52:00"),
        at("1166892720.123456"): one_volt_at("2006-12-23 16:52:00.123456"),
        compact(at("1166892720.5")): one_volt_at("2006-12-23 16:52:00.5"),
        at("1166892779.9999999"): one_volt_at("2006-12-23 16:52:59.999999"),
        at("1166918399." + "9" * 40): one_volt_at("2006-12-23 23:59:59.999999"),
        at("1.166892720123456789E9"): one_volt_at("2006-12-23 16:52:00.123456"),
        at('"1.16689272e+9"'): one_volt_at("2006-12-23 16:52:00"),
        at("1.1e9"): one_volt_at("2004-11-09 11:33:20"),
        at("116689.2720123456789e4"): one_volt_at("2006-12-23 16:52:00.123456"),
        at("0.0"): one_volt_at("1970-01-01 00:00:00"),
        at("0.1e10"): ("BAD_TIME",),
        at("1e99"): ("TIME_OUT_OF_RANGE",),
        at("11668927200e-1"): ("BAD_TIME",),
        at("-0.0000001"): ("TIME_OUT_OF_RANGE",),
        at("1e400"): ("BAD_TIME",),
        at("1.1e99999999999"): ("BAD_TIME",),
        at('"1.e9"'): ("BAD_TIME",),
        at('"1166892720,5"'): ("BAD_TIME",),
        at('"NaN"'): ("BAD_TIME",),
        at('"01"'): ("BAD_TIME",),
        at('"23/12/2006 16:52:00"'): ("BAD_TIME",),
        at('"\u0661"'): ("BAD_TIME",),
        at("true"): ("BAD_TIME",),
    }
    assert_parsed(spark, cases, rules(time_format="epoch_seconds"))


@pytest.mark.group("FZ")
@pytest.mark.proves("F87", "F90")
def test_epoch_milliseconds_take_the_day_of_the_zone(spark: SparkSession) -> None:
    cases: dict[bytes | None, Expected] = {
        at("1166916600250"): one_volt_at("2006-12-23 23:30:00.25", "2006-12-24"),
        b'{"voltage": 1, "datetime": 1166916600250}': one_volt_at("2006-12-23 23:30:00.25", "2006-12-24"),
        at("1166916600"): one_volt_at("1970-01-14 12:08:36.6"),
        at("9223372036854775807"): ("TIME_OUT_OF_RANGE",),
    }
    assert_parsed(spark, cases, rules(time_format="epoch_millis", timezone="Europe/Paris"))


@pytest.mark.group("FZ")
@pytest.mark.proves("F175")
def test_before_1970_a_fraction_is_cut_toward_the_past(spark: SparkSession) -> None:
    """The microsecond, the second and the day in which the instant lies: rounding toward zero would be another day."""
    cases: dict[bytes | None, Expected] = {
        at("-0.0000001"): one_volt_at("1969-12-31 23:59:59.999999"),
        at("-1"): one_volt_at("1969-12-31 23:59:59"),
        at("-86400.5"): one_volt_at("1969-12-30 23:59:59.5"),
        at("-1.5e0"): one_volt_at("1969-12-31 23:59:58.5"),
    }
    assert_parsed(spark, cases, rules(time_format="epoch_seconds", earliest=BEFORE_1970))


@pytest.mark.group("FZ")
@pytest.mark.proves("F175")
def test_epoch_microseconds_and_nanoseconds_are_cut_to_microseconds(spark: SparkSession) -> None:
    ours = {"earliest": BEFORE_1970, "timezone": "Europe/Paris"}
    micros: dict[bytes | None, Expected] = {
        at("1166916600250001"): one_volt_at("2006-12-23 23:30:00.250001", "2006-12-24"),
        at("1166916600250001.9"): one_volt_at("2006-12-23 23:30:00.250001", "2006-12-24"),
        at("-1"): one_volt_at("1969-12-31 23:59:59.999999", "1970-01-01"),
        at("9223372036854775807"): ("TIME_OUT_OF_RANGE",),
    }
    nanos: dict[bytes | None, Expected] = {
        at("1166916600250001999"): one_volt_at("2006-12-23 23:30:00.250001", "2006-12-24"),
        compact(at('"1166916600250001999"')): one_volt_at("2006-12-23 23:30:00.250001", "2006-12-24"),
        at("1.166916600250001999E18"): one_volt_at("2006-12-23 23:30:00.250001", "2006-12-24"),
        at("-1"): one_volt_at("1969-12-31 23:59:59.999999", "1970-01-01"),
        at("-1000"): one_volt_at("1969-12-31 23:59:59.999999", "1970-01-01"),
        at("-1001"): one_volt_at("1969-12-31 23:59:59.999998", "1970-01-01"),
        at("9223372036854775807"): ("TIME_OUT_OF_RANGE",),
        at("-9223372036854775808"): ("TIME_OUT_OF_RANGE",),
        at("9" * 40): ("TIME_OUT_OF_RANGE",),
    }
    assert_parsed(spark, micros, rules(time_format="epoch_micros", **ours))
    assert_parsed(spark, nanos, rules(time_format="epoch_nanos", **ours))


ISO: dict[str, Expected] = {
    "2006-12-23T23:30:00Z": one_volt_at("2006-12-23 23:30:00", "2006-12-24"),
    "2006-12-23T23:30Z": one_volt_at("2006-12-23 23:30:00", "2006-12-24"),
    "2006-12-23T23:30": one_volt_at("2006-12-23 22:30:00"),
    "2006-12-23T23:30+02": one_volt_at("2006-12-23 21:30:00"),
    "2006-12-23t23:30:00z": one_volt_at("2006-12-23 23:30:00", "2006-12-24"),
    "2006-12-23 23:30:00": one_volt_at("2006-12-23 22:30:00"),
    "2006-12-23 23:30:00,123": one_volt_at("2006-12-23 22:30:00.123"),
    "2006-12-23 23:30:00.5+02": one_volt_at("2006-12-23 21:30:00.5"),
    "2006-12-23T23:30:00+0200": one_volt_at("2006-12-23 21:30:00"),
    "2006-12-23T23:30:00.1+02:00": one_volt_at("2006-12-23 21:30:00.1"),
    "2006-12-23T20:00:00-03:30": one_volt_at("2006-12-23 23:30:00", "2006-12-24"),
    "2006-12-23T23:30:00-00:00": one_volt_at("2006-12-23 23:30:00", "2006-12-24"),
    "2006-12-23T22:59:59.9999999Z": one_volt_at("2006-12-23 22:59:59.999999"),
    "2006-12-23T22:59:59." + "9" * 60 + "Z": one_volt_at("2006-12-23 22:59:59.999999"),
    "1969-12-31T23:59:59.9999999Z": ("TIME_OUT_OF_RANGE",),
    "2006-03-26T02:30:00": ("NONEXISTENT_TIME",),
    "2006-03-26T02:30:00+02:00": one_volt_at("2006-03-26 00:30:00"),
    "2006-10-29T02:30:00": one_volt_at("2006-10-29 00:30:00"),
    "2006-10-29T02:30:00+01:00": one_volt_at("2006-10-29 01:30:00"),
    "2006-02-29T12:00:00Z": ("BAD_TIME",),
    "2006-12-23T24:00:00Z": ("BAD_TIME",),
    "2006-12-23T23:59:60Z": ("BAD_TIME",),
    "2006-12-23T23:30:00+18:30": ("BAD_TIME",),
    "2006-12-23T23:30:00+2": ("BAD_TIME",),
    "2006-12-23T23:30:00.Z": ("BAD_TIME",),
    "2006-12-23": ("BAD_TIME",),
    "20061223T233000Z": ("BAD_TIME",),
    "2006-12-23T23:30:00Z ": ("BAD_TIME",),
    "1166916600": ("BAD_TIME",),
    "0000-01-01T00:00:00Z": ("TIME_OUT_OF_RANGE",),
}


def in_every_form(text: str) -> list[bytes]:
    """Plain without and with blanks, in the usual form, and for the JSON parser: each is cut or parsed in a way of its own."""
    message = at(json.dumps(text))
    return [message, compact(message), message.replace(b"{", b'{"id": 1, '), message.replace(b"}", b', "x": []}')]


@pytest.mark.group("FZ")
@pytest.mark.proves("F174")
def test_iso_8601_is_an_instant_or_a_local_time_by_what_each_text_says(spark: SparkSession) -> None:
    cases = {message: expected for text, expected in ISO.items() for message in in_every_form(text)}
    assert_parsed(spark, cases, rules(time_format="iso8601", timezone="Europe/Paris"))


@pytest.mark.group("FZ")
@pytest.mark.proves("F175")
def test_several_formats_are_tried_in_their_order(spark: SparkSession) -> None:
    times: dict[str, Expected] = {
        '"01/02/2006 10:00:00"': one_volt_at("2006-02-01 09:00:00"),
        '"12/13/2006 10:00:00"': one_volt_at("2006-12-13 09:00:00"),
        '"02/31/2006 10:00:00"': ("BAD_TIME",),
        '"2006-12-23T23:30:00Z"': one_volt_at("2006-12-23 23:30:00", "2006-12-24"),
        '"2006-12-23T23:30"': one_volt_at("2006-12-23 22:30:00"),
        "1166916600": one_volt_at("2006-12-23 23:30:00", "2006-12-24"),
        '"1166916600"': one_volt_at("2006-12-23 23:30:00", "2006-12-24"),
        "1166916600.25": one_volt_at("2006-12-23 23:30:00.25", "2006-12-24"),
        "1166916600250": one_volt_at("2006-12-23 23:30:00.25", "2006-12-24"),
        "1166916600250000": ("TIME_OUT_OF_RANGE",),
        '"20061223"': one_volt_at("2006-12-22 23:00:00", "2006-12-23"),
        "20061223": ("TIME_OUT_OF_RANGE",),
        '"20061323"': ("TIME_OUT_OF_RANGE",),
        '"tomorrow"': ("BAD_TIME",),
        '"\\"20061223\\""': ("BAD_TIME",),
        "true": ("BAD_TIME",),
        "null": ("NO_TIME",),
    }
    cases = {one: expected for time, expected in times.items() for one in (at(time), at(time).replace(b"}", b', "x": []}'))}
    formats = ["dd/MM/yyyy HH:mm:ss", "MM/dd/yyyy HH:mm:ss", "iso8601", "yyyyMMdd", "epoch_millis", "epoch_seconds"]
    assert_parsed(spark, cases, rules(time_format=formats, timezone="Europe/Paris", earliest=FROM_1980))


@pytest.mark.group("FZ")
@pytest.mark.proves("F174", "F175")
def test_random_times_of_several_formats_mean_the_same_to_an_independent_parser(spark: SparkSession) -> None:
    seed = random.SystemRandom().randrange(2**32)
    chance = random.Random(seed)
    times = [random_time(chance) for _ in range(2000)]
    ours = rules(time_format=["epoch_nanos", "iso8601", "epoch_seconds"], timezone="Europe/Paris", earliest=FROM_1980)
    found = parsed(spark, [at(time) for time, _ in times], ours)
    differences = [(time, wanted, got) for (time, wanted), got in zip(times, found, strict=True) if got[:2] != wanted[:2]]
    assert not differences, f"seed {seed}: {len(differences)} differ, first {differences[:5]}"


def random_time(chance: random.Random) -> tuple[str, Expected]:
    """A time between 1980 and 2029, and what it is in UTC and Paris, by the arithmetic of Python's fractions."""
    nanos = chance.randrange(315_532_800 * 10**9, 1_893_456_000 * 10**9)
    digits = chance.choice([0, 0, 3, 6, 7, 9, 20])
    fraction = f".{nanos % 10**9:09}{'9' * 11}"[: digits + 1] if digits else ""
    whole = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=nanos // 10**9)
    cut = timedelta(microseconds=int((fraction[1:] + "000000")[:6]))
    offset = chance.choice(["Z", "+01", "-0330", "+05:45"])
    hours, minutes = (int(offset[:3]), int(offset[-2:]) if len(offset) > 3 else 0) if offset != "Z" else (0, 0)
    local = whole + timedelta(hours=hours, minutes=minutes if hours >= 0 else -minutes)
    text, moment = chance.choice(
        [
            (f'"{local:%Y-%m-%d}{chance.choice("Tt ")}{local:%H:%M:%S}{fraction}{offset}"', whole + cut),
            (f"{nanos // 10**9}{fraction}", whole + cut),
            (f"{nanos}", whole + timedelta(microseconds=nanos % 10**9 // 1000)),
        ]
    )
    shown = f"{moment:%Y-%m-%d %H:%M:%S.%f}".rstrip("0").rstrip(".")
    return text, (shown, f"{moment.astimezone(ZoneInfo('Europe/Paris')):%Y-%m-%d}")


@pytest.mark.group("FZ")
@pytest.mark.proves("F178")
def test_a_field_of_an_inner_object_is_found_by_its_path(spark: SparkSession) -> None:
    time, inner = '"ts": "23/12/2006 16:52:00"', '{"ts": "23/12/2006 16:52:00", "v": {"raw": 2}}'
    cases: dict[bytes | None, Expected] = {
        f'{{"payload": {inner}}}'.encode(): volts("2"),
        f'{{"id": [1], "payload": {inner}, "v": 3, "ts": 4}}'.encode(): volts("2"),
        b'{"payload.ts": "23/12/2006 16:52:00", "payload.v.raw": 1}': volts("1"),
        f'{{"payload": {inner}, "payload.v.raw": 5}}'.encode(): volts("5"),
        f'{{"payload": {inner}, "payload.v.raw": null}}'.encode(): ("NO_VALUE",),
        f'{{"payload": {inner}, "payload.ts": null}}'.encode(): ("NO_TIME",),
        f'{{"payload": {{{time}}}}}'.encode(): ("NO_VALUE",),
        f'{{"payload": {{{time}, "v": 2}}}}'.encode(): ("NO_VALUE",),
        f'{{"payload": {{{time}, "v": {{"raw": null}}}}}}'.encode(): ("NO_VALUE",),
        f'{{"payload": {{{time}, "v": {{"raw": {{}}}}}}}}'.encode(): ("BAD_NUMBER",),
        f'{{"payload": [{inner}]}}'.encode(): ("NO_TIME",),
        f'{{"payload": {json.dumps(inner)}}}'.encode(): ("NO_TIME",),
        b'{"payload": null}': ("NO_TIME",),
        b"{}": ("NO_TIME",),
        f'{{"payload": {{{time}, {time}, "v": {{"raw": 2}}}}}}'.encode(): ("DUPLICATE_KEY",),
        f'{{"payload": {inner}, "payload": {inner}}}'.encode(): ("DUPLICATE_KEY",),
    }
    assert_parsed(spark, cases, rules(time_field="payload.ts", value_field="payload.v.raw"))


PLAIN_TIMES = {
    "dd/MM/yyyy HH:mm:ss": '"23/12/2006 16:52:00"',
    "yyyy-MM-dd'T'HH:mm:ss": '"2006-12-23T16:52:00"',
    "yyyy-MM-dd'T'HH:mm:ss.SSSXXX": '"2006-12-23T16:52:00.0Z"',
    "yyyy-MM-dd HH:mm:ssX": '"2006-12-23 17:52:00+01"',
    "epoch_seconds": "1166892720",
    "epoch_millis": "1166892720000",
    "epoch_nanos": "1166892720000000000",
    "iso8601": '"2006-12-23T17:52:00.0000000+01:00"',
}


@pytest.mark.parametrize("time_format", PLAIN_TIMES)
@pytest.mark.parametrize("names", [("datetime", "voltage"), ('say "when"', "t\nx|")])
def test_plain_messages_are_cut_and_not_taken_apart(spark: SparkSession, time_format: str, names: tuple[str, str]) -> None:
    message = f"{{{json.dumps(names[0])}: {PLAIN_TIMES[time_format]}, {json.dumps(names[1])}: -239.94}}".encode()
    quoted, bad_time = message.replace(b"-239.94", b'"-239.94"'), message.replace(b"2006", b"2x06").replace(b"1166", b"1x66")
    plain: list[bytes | None] = [message, quoted, compact(message), compact(quoted)]
    others: list[bytes | None] = [
        message + b"\n",
        message.replace(b": -", b":-"),
        message.replace(b"94}", b"94e0}"),
        bad_time,
        b"\xff",
        b"",
        None,
    ]
    ours = rules(time_format=time_format, time_field=names[0], value_field=names[1])
    found = plain_parts(spark, plain + others, ours, plain_form(names[0], time_formats(time_format), names[1], 18, 6))
    assert found[: len(plain)] == [("2006-12-23 16:52:00", "-239.940000", True, None, None)] * len(plain)
    assert [row[2:] for row in found[len(plain) :]] == [(False, text_of(message), message) for message in others]


@pytest.mark.parametrize("changes", [{"timezone": "Europe/Paris"}, {"earliest": datetime(2007, 1, 1, tzinfo=UTC)}])
def test_a_plain_message_that_may_be_rejected_yet_keeps_its_bytes(spark: SparkSession, changes: dict[str, Any]) -> None:
    form = plain_form("datetime", time_formats(RULES.time_format), "voltage", 18, 6)
    ((*_, has_plain_form, text, raw),) = plain_parts(spark, [voltage("1")], rules(**changes), form)
    assert (has_plain_form, text, raw) == (True, None, voltage("1"))


def text_of(message: bytes | None) -> str | None:
    return None if message is None else message.decode(errors="replace")


def plain_parts(
    spark: SparkSession, messages: list[bytes | None], rules: ParsingRules, form: PlainForm | None
) -> list[tuple[Any, ...]]:
    rows = [(b"k", message, "t", 3, offset, ARRIVED, 0) for offset, message in enumerate(messages)]
    parts = with_plain_form(spark.createDataFrame(rows, KAFKA), form=form, rules=rules, formats=time_formats(rules.time_format))
    shown = parts.selectExpr("offset", "string(plain_time)", "string(plain_number)", "has_plain_form", "text", "raw")
    rows_found = sorted(shown.collect(), key=lambda row: row.offset)
    return [(*row[1:-1], None if row.raw is None else bytes(row.raw)) for row in rows_found]


def test_a_field_may_have_any_name(spark: SparkSession) -> None:
    for time_field, value_field in (
        ("a.b", "c[0]*"),
        ('say "when"', "back\\slash"),
        ("$1", "m\u00fcV|"),
        ("", "\ufffd"),
        ("t\nx", "v'"),
    ):
        message = {time_field: "23/12/2006 16:52:00", value_field: 1, "a": {"b": "no"}}
        ascii_only, as_is = (json.dumps(message, ensure_ascii=ascii_only) for ascii_only in (True, False))
        usual = as_is.replace(', "a": {"b": "no"}', "")
        assert_parsed(
            spark,
            {text: volts("1") for text in (ascii_only.encode(), as_is.encode(), usual.encode(), compact(usual.encode()))},
            rules(time_field=time_field, value_field=value_field),
        )


@pytest.mark.group("FZ")
@pytest.mark.proves("F100")
def test_broken_bytes_are_not_taken_for_a_name_with_the_replacement_character(spark: SparkSession) -> None:
    message = b'{"datetime": "23/12/2006 16:52:00", "\xff": 1}'
    assert_parsed(spark, {message: ("NOT_UTF8",)}, rules(value_field="\ufffd"))


@pytest.mark.group("FZ")
@pytest.mark.proves("F101")
def test_a_record_has_the_columns_of_its_table_and_the_place_of_its_message(spark: SparkSession) -> None:
    rows = [(b"k", voltage("1"), "t", 3, 41, ARRIVED, 0), (None, None, "t", 4, 42, ARRIVED, 1)]
    records = records_of(spark.createDataFrame(rows, KAFKA), rules=RULES, batch=7, nonce=NONCE)
    shown = ", ".join(f"{field.name} {field.dataType.simpleString()}" for field in records.schema.fields)
    first, second = records.orderBy("offset").collect()
    assert shown == RECORDS
    assert (first.partition, first.offset, first.kafka_timestamp, bytes(first.key), first.batch) == (3, 41, ARRIVED, b"k", 7)
    assert (second.partition, second.offset, second.key, second.rejected_because, second.raw) == (4, 42, None, "TOMBSTONE", None)


@pytest.mark.group("FZ")
@pytest.mark.proves("F80", "F86")
def test_random_messages_mean_the_same_to_an_independent_parser(spark: SparkSession, chosen: random.Random) -> None:
    messages = [random_message(chosen) for _ in range(4000)]
    cases = [(message, judged(message)) for message in messages]
    assert {len(expected) for _, expected in cases} == {1, 4}
    found = parsed(spark, messages, RULES)
    differences = [(m, e, f) for (m, e), f in zip(cases, found, strict=True) if e != f]
    assert not differences, f"{len(differences)} differ, first {differences[:5]}"


def random_number(chance: random.Random) -> str:
    whole = "".join(chance.choices("0123456789", k=chance.choice([1, 1, 3, 3, 6, 11, 12, 13, 20])))
    fraction = "." + "".join(chance.choices("0459", k=chance.choice([1, 2, 6, 7, 8, 14, 40]))) if chance.random() < 0.7 else ""
    exponent = (
        chance.choice("eE") + chance.choice(["", "+", "-"]) + str(chance.choice([0, 1, 5, 7, 12, 30, 400]))
        if chance.random() < 0.3
        else ""
    )
    number = chance.choice(["", "", "-"]) + (whole.lstrip("0") or "0" if chance.random() < 0.95 else whole) + fraction + exponent
    return json.dumps(number) if chance.random() < 0.2 else number


def random_message(chance: random.Random) -> bytes:
    """A third is plain, a tenth of all has broken bytes, nearly half has characters too many, too few or wrong ones."""
    moment = datetime(1969, 6, 1) + timedelta(minutes=chance.randrange(61 * 365 * 24 * 60))
    fields = [f'"{moment:%d/%m/%Y %H:%M:%S}"', random_number(chance)]
    if chance.random() < 1 / 3:
        comma, colon = chance.choice([(",", ":"), (", ", ": ")])
        text = f'{{"datetime"{colon}{fields[0]}{comma}"voltage"{colon}{fields[1]}}}'
    else:
        text = random_object(chance, *fields)
    for _ in range(chance.choice([0, 0, 0, 1, 2])):
        place = chance.randrange(len(text))
        text = text[:place] + chance.choice(["", "", *'"{}[]:,0159-+.eE \\\n\tx/']) + text[place + chance.randrange(2) :]
    message = text.encode()
    place = chance.randrange(len(message))
    return message if chance.random() < 0.9 else message[:place] + bytes([chance.randrange(128, 256)]) + message[place + 1 :]


def random_object(chance: random.Random, time: str, number: str) -> str:
    members = [f'"datetime":{chance.choice(["", " "])}{time}', f'"voltage":{chance.choice(["", " "])}{number}']
    extras = [
        '"id": 5',
        '"name": "x{y}"',
        '"in": {"voltage": 2}',
        '"list": [1, "2", -3.5e-7]',
        '"t": "\\u00e9\\n"',
        '"e": "\u00e9"',
        '"id": null',
    ]
    members += chance.sample(extras, chance.choice([0, 0, 1, 2]))
    chance.shuffle(members)
    return "{" + chance.choice([",", ", ", " ,\n"]).join(members) + "}"


class Refused(Exception):
    """The oracle's verdict on a message."""


def judged(message: bytes) -> Expected:
    """What a message means by Python's JSON parser, and decimals with room for every digit."""
    try:
        fields = strict_object(decoded(message))
        text = fields.get("datetime")
        if text is None:
            raise Refused(Rejection.NO_TIME)
        value = fields.get("voltage")
        if value is None:
            raise Refused(Rejection.NO_VALUE)
        return (*judged_time(text), *judged_number(value))
    except Refused as refused:
        return (str(refused),)


def decoded(message: bytes) -> str:
    try:
        return message.decode()
    except UnicodeDecodeError:
        raise Refused(Rejection.NOT_UTF8) from None


class Number(str):
    """A JSON number as it was written."""

    __slots__ = ()


def strict_object(text: str) -> dict[str, Any]:
    body = text.strip(" \t\r\n")
    if not body:
        raise Refused(Rejection.EMPTY)
    repeated: list[str] = []
    try:
        document, end = decoder(repeated).raw_decode(body)
    except ValueError:
        raise Refused(Rejection.NOT_JSON) from None
    if repeated:
        raise Refused(Rejection.DUPLICATE_KEY if isinstance(document, dict) else Rejection.NOT_JSON)
    if end < len(body):
        is_glued = isinstance(document, Number) and body[end] not in " \t\r\n,"
        raise Refused(Rejection.NOT_JSON if is_glued else Rejection.TRAILING_DATA)
    if not isinstance(document, dict):
        raise Refused(Rejection.NOT_AN_OBJECT)
    return document


def decoder(repeated: list[str]) -> json.JSONDecoder:
    def fields(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _ in pairs]
        repeated.extend(name for name in names if names.count(name) > 1)
        return dict(pairs)

    def refuse(constant: str) -> None:
        raise ValueError(constant)

    return json.JSONDecoder(object_pairs_hook=fields, parse_float=Number, parse_int=Number, parse_constant=refuse)


def judged_time(text: Any) -> tuple[str, str]:
    written = re.fullmatch("([0-9]{2})/([0-9]{2})/([0-9]{4}) ([0-9]{2}):([0-9]{2}):([0-9]{2})", text if type(text) is str else "")
    try:
        day, month, year, hour, minute, second = map(int, written.groups() if written else ())
        moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        raise Refused(Rejection.BAD_TIME) from None
    if not RULES.earliest <= moment <= RULES.latest:
        raise Refused(Rejection.TIME_OUT_OF_RANGE)
    return f"{moment:%Y-%m-%d %H:%M:%S}", f"{moment:%Y-%m-%d}"


def judged_number(value: Any) -> tuple[str, str | None]:
    if not isinstance(value, str) or not re.fullmatch(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?", value):
        raise Refused(Rejection.BAD_NUMBER)
    mantissa, _, exponent = value.lower().partition("e")
    exact = Decimal(f"{mantissa}e{max(-900, min(900, int(exponent or 0)))}") or Decimal(0)
    if exact and exact.adjusted() > 20:
        raise Refused(Rejection.NUMBER_OUT_OF_RANGE)
    rounded = exact.quantize(Decimal("0.000001"), ROUND_HALF_UP, Context(prec=2000))
    if abs(rounded) >= 10**12:
        raise Refused(Rejection.NUMBER_OUT_OF_RANGE)
    return plain(rounded + 0), None if rounded == exact else str(value)
