"""Every message becomes the reading, or the rejected row, that a person would say it is."""

import json
import random
import re
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pyspark.sql import SparkSession

from spark_jobs.pipeline.rules import ParsingRules
from spark_jobs.pipeline.time_formats import time_formats
from spark_jobs.readings.message_formats import PlainForm, Rejection, plain_form
from spark_jobs.readings.records import records_of, with_plain_form
from tests.message_cases import (
    BEFORE_1970,
    FROM_1980,
    ISO,
    MESSAGES,
    NONCE,
    NUMBERS,
    TIMES,
    Expected,
    at,
    compact,
    in_every_form,
    one_volt_at,
    plain,
    voltage,
    volts,
)
from tests.parsing_rules import RULES, rules
from tests.spark.parsed import ARRIVED, KAFKA, assert_parsed, parsed
from tests.spark.random_messages import random_message

RECORDS = (
    "partition int, offset bigint, kafka_timestamp timestamp, key binary, event_time timestamp, date date, "
    "value decimal(18,6), rounded_from string, rejected_because string, raw binary, batch bigint"
)


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
