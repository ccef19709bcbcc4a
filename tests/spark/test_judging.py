"""The judgement of `dayfold plan --sample` is Spark's: the same verdict on each message, or that it is not decided there."""

import json
import random
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from pyspark.sql import SparkSession

from spark_jobs.pipeline.rules import ParsingRules
from spark_jobs.readings.judging import judge_message
from tests import message_cases as cases
from tests.message_cases import BEFORE_1970, FROM_1980, GOOD, at, compact, in_every_form, shown, voltage
from tests.parsing_rules import RULES, rules
from tests.spark.parsed import parsed
from tests.spark.random_messages import random_message

PARIS, NEW_YORK, LORD_HOWE = "Europe/Paris", "America/New_York", "Australia/Lord_Howe"

ODD_OBJECTS: tuple[bytes, ...] = (
    *(f'{{"x": "{text}", {GOOD}}}'.encode() for text in ("\\ud83d\\ude00", "\\ude00", "\\ud83d", "\\ud83dx")),
    *(f'{{"x": "{text}", {GOOD}}}'.encode() for text in ("\\\\ud83d", "\\ude00\\ud83d")),
    *(f'{{"{text}": 1, {GOOD}}}'.encode() for text in ("\\ud83d\\ude00", "\\ude00", "\\ud83d", "\\u0000", "\x7f", "\u2028")),
    f'{{"x": "\\ud83d\\ude00", "x": 1, {GOOD}}}'.encode(),
    f'{{"x": "\\ud83d", "x": 1, {GOOD}}}'.encode(),
    f'{{"x": "\\ud83d", {GOOD}}} x'.encode(),
    f'{{"x": 1, "x": 2, {GOOD}}} x'.encode(),
    f'{{"x": 1, "x": 2, {GOOD}, }}'.encode(),
    f'{{{GOOD}}} {{"x": 1, "x": 2}}'.encode(),
    f'{{{GOOD}, "deep": {"[" * 400}{"]" * 400}}}'.encode(),
    f'{{{GOOD}, "{"n" * 19_000}": 1}}'.encode(),
    b"true", b"truex", b"true x", b"null,", b"5]", b"5 6", b"-", b'"a"b', b"[1] x", b'[{"a": 1, "a": 2}]', b'[{"a": 1, "a": '
    b'2}] x',
    b"[", b"{", b'{"a"}', b'{"a": }', b"[1,]", b"nul", b"tru", b"\xef\xbb\xbf{}", b"{}{", b"{}]", b"{},", b"{} \x00",
)  # fmt: skip

ODD_TIMES: Mapping[str, tuple[str, ...]] = {
    "iso8601": (
        *("2006-12-23T23:30:00+18", "2006-12-23T23:30:00+18:01", "2006-12-23T23:30:00-00", "2006-12-23T23:30:00-0000"),
        *("0000-02-29T12:00Z", "0000-02-30T12:00Z", "9999-12-31T23:59:59-01", "2006-12-23T23:30,5"),
        *("2006-12-23T23:30:00,5z", "2006-12-23T29:30Z"),
        *("2006-19-23T23:30Z", "2006-12-39T23:30Z", "1970-01-01T00:00:00Z", "1970-01-01T01:00:00", "1970-01-01T00:59:59.999999"),
        *("2024-02-29 23:59:59.9999999", "2023-02-29T00:00Z", "2006-00-10T00:00Z"),
    ),
    "yyyy-MM-dd HH:mm:ss.SSSXXX": (
        *("2006-12-23 23:30:00.5-00:00", "2006-12-23 23:30:00.12+18:00", "0000-12-23 23:30:00.1Z", "2006-02-30 23:30:00.1Z"),
    ),
    "yyyy-MM-dd HH:mm:ss.SSSSSSX": ("2006-12-23 24:30:00.5Z", "2006-12-23 23:30:00.000001-00", "2006-12-23 23:30:00.1+0530"),
    "yyyy-MM-dd HH:mm:ss Z": ("2006-12-23 23:30:00 -0000", "2006-12-23 23:30:00 Z", "2006-12-23 23:30:00 +1801"),
    "yyyyMMddHHmm": ("200612232330", "200613232330", "000012232330", "200612232360"),
    "yyyyMMdd HHmmssSSS": ("20061223 233000001", "20061223 2330000", "20061231 243000001"),
    "dd MM yyyy": ("31 12 2006", "31 11 2006", "29 02 2004", "00 01 2004"),
}  # fmt: skip

ODD_EPOCHS = (
    *("1166892720", "1166892720.123456789", "-1", "-1.5", "-0", "0", "0.0000001", "-0.0000001", "1e9", "1.5E+9", "12e8"),
    *("1e-3", "1e100"),
    *("1166892720000", "1166892720000000", "1166892720000000000", "1166892720000.9999999", "1.166892720123456789e18"),
    *("1.16689272012345678901234e18", "0.5e3", "9" * 19, "9" * 30, "9" * 5000, "1." + "9" * 5000, "-0." + "0" * 30 + "1"),
    *("1.1234567890123456789e19", "-9223372036854775808", "253402300799", "253402300800"),
)  # fmt: skip

ODD_NUMBERS = (
    *cases.NUMBERS,
    *("1" * 5000, "0." + "1" * 5000, "1e" + "9" * 5000, "1e-" + "9" * 5000, "0e" + "9" * 5000, "1e2147483648", "1e-2147483649"),
    *("99999999.9999999", "5e-8", "0.5", "-0.5", "-0.4", "1e-7", "0.00000050", "0.0000004e1", '"\u0131nf"', '"iNf"', '"nan '
    '"', "-1e-400"),
    *("999.95", "999.94", "1000", "0.05", "0.04999", "9.99e2", "9.9951e2"),
)  # fmt: skip


def judged_like_spark(spark: SparkSession, messages: Iterable[bytes | None], ours: ParsingRules) -> dict[bytes | None, str]:
    """Judge all and compare what is decided; the others, each with the reason why it is not."""
    verdicts = {message: judge_message(message, ours) for message in messages}
    decided = [message for message, verdict in verdicts.items() if not verdict.undecided]
    found = dict(zip(decided, parsed(spark, decided, ours), strict=True))
    differences = [
        f"{(message or b'null')[:150]!r}\n    Spark   {wanted}\n    here    {shown(verdicts[message])}"
        for message, wanted in found.items()
        if shown(verdicts[message]) != wanted
    ]
    assert not differences, f"{len(differences)} of {len(found)} differ:\n" + "\n".join(differences)
    return {message: verdict.undecided for message, verdict in verdicts.items() if verdict.undecided}


OF_NO_OBJECT = "it is no object, and which of its faults comes first is Spark's to say"
OF_DIGITS = "its time has so many digits that only Spark can say which it cuts"
VALUES: tuple[Any, ...] = (2, None, {"raw": 1}, [], "3.5")
NESTED = [{"payload": {"ts": "23/12/2006 16:52:00", "v": value}, **more} for value in VALUES for more in ({}, {"payload.v": 5})]


LARGE = 20_000
"""Bytes of messages that take Spark long."""


def messages_of(least: int, most: int) -> list[bytes | None]:
    return [message for message in cases.MESSAGES if least <= len(message or b"") < most]


def reasons(undecided: Mapping[bytes | None, str]) -> set[str]:
    return set(undecided.values())


@pytest.mark.group("FZ")
@pytest.mark.proves("F209")
def test_objects_and_numbers_are_judged_as_spark_does(spark: SparkSession) -> None:
    numbers = [voltage(number) for number in ODD_NUMBERS]
    usual = judged_like_spark(spark, [*messages_of(0, LARGE), *ODD_OBJECTS, *numbers], RULES)
    assert usual == {
        **dict.fromkeys((b"truex", b"true x", b"null,", b"5]", b"5 6", b'"a"b', b"[1] x"), OF_NO_OBJECT),
        **dict.fromkeys((b'[{"a": 1, "a": 2}]', b'[{"a": 1, "a": 2}] x'), OF_NO_OBJECT),
        **{message: why for message, why in usual.items() if message and "nests deeper" in why},
    }
    assert len(usual) == 10


@pytest.mark.thorough
@pytest.mark.group("FZ")
@pytest.mark.proves("F209")
def test_times_of_several_formats_are_judged_as_spark_does(spark: SparkSession) -> None:
    texts = [*(text for one in ODD_TIMES.values() for text in one), *cases.ISO]
    numbers = [at(form) for number in ODD_EPOCHS for form in (number, json.dumps(number))]
    messages = [*(at(json.dumps(text)) for text in texts), *numbers, *map(at, cases.TIMES), at("20061223"), at('"20061223"')]
    formats = ["iso8601", "epoch_millis", "epoch_seconds", "dd/MM/yyyy HH:mm:ss", "yyyyMMdd HHmmssSSS"]
    assert judged_like_spark(spark, messages, rules(time_format=formats, timezone=PARIS, earliest=FROM_1980)) == {}


@pytest.mark.thorough
@pytest.mark.group("FZ")
@pytest.mark.proves("F209")
@pytest.mark.parametrize(
    "changes",
    [{"excess_digits": "reject"}, {"precision": 4, "scale": 1}, {"precision": 6, "scale": 0}, {"precision": 3, "scale": 3}],
)
def test_numbers_of_any_type_are_judged_as_spark_does(spark: SparkSession, changes: dict[str, Any]) -> None:
    messages = [voltage(number) for number in ODD_NUMBERS]
    unusual = [one.replace(b"{", b'{"x": [], ', 1) for one in messages]
    assert judged_like_spark(spark, [*messages, *unusual], rules(**changes)) == {}


@pytest.mark.thorough
@pytest.mark.group("FZ")
@pytest.mark.proves("F209")
@pytest.mark.parametrize("zone", ["UTC", PARIS, NEW_YORK, LORD_HOWE])
@pytest.mark.parametrize("time_format", ODD_TIMES)
def test_times_of_any_form_are_judged_as_spark_does(spark: SparkSession, time_format: str, zone: str) -> None:
    texts = [*ODD_TIMES[time_format], *cases.ISO]
    messages = [message for text in texts for message in in_every_form(text)] + [at(one) for one in cases.TIMES]
    assert judged_like_spark(spark, messages, rules(time_format=time_format, timezone=zone)) == {}


@pytest.mark.thorough
@pytest.mark.group("FZ")
@pytest.mark.proves("F209")
@pytest.mark.parametrize("latest", [RULES.latest, datetime(9999, 12, 31, tzinfo=UTC)])
@pytest.mark.parametrize("earliest", [BEFORE_1970, FROM_1980])
@pytest.mark.parametrize("time_format", ["epoch_seconds", "epoch_millis", "epoch_micros", "epoch_nanos"])
def test_epochs_are_judged_as_spark_does(spark: SparkSession, time_format: str, earliest: datetime, latest: datetime) -> None:
    messages = [at(form) for number in ODD_EPOCHS for form in (number, json.dumps(number))] + [at(one) for one in cases.TIMES]
    undecided = judged_like_spark(spark, messages, rules(time_format=time_format, earliest=earliest, latest=latest))
    assert len(undecided) <= 4
    assert reasons(undecided) <= {OF_DIGITS}


@pytest.mark.thorough
@pytest.mark.group("FZ")
@pytest.mark.proves("F209")
def test_before_1970_the_days_of_a_zone_are_not_decided(spark: SparkSession) -> None:
    ours = rules(timezone=PARIS, earliest=BEFORE_1970)
    assert set(judged_like_spark(spark, [at('"31/12/1969 23:59:59"'), at('"01/01/1970 02:00:00"')], ours)) == {
        at('"31/12/1969 23:59:59"')
    }


@pytest.mark.thorough
@pytest.mark.group("FZ")
@pytest.mark.proves("F209")
def test_random_messages_are_judged_as_spark_does(spark: SparkSession, chosen: random.Random) -> None:
    undecided = judged_like_spark(spark, [random_message(chosen) for _ in range(3000)], RULES)
    assert reasons(undecided) <= {OF_NO_OBJECT}
    assert len(undecided) < 60


@pytest.mark.thorough
@pytest.mark.group("FZ")
@pytest.mark.proves("F209")
def test_large_messages_are_judged_as_spark_does(spark: SparkSession) -> None:
    undecided = judged_like_spark(spark, messages_of(LARGE, 10_000_000), RULES)
    assert reasons(undecided) == {"the name of a field has more than 20,000 characters"}
    assert len(undecided) == 3


@pytest.mark.thorough
@pytest.mark.group("FZ")
@pytest.mark.proves("F209")
@pytest.mark.parametrize("value_field", ["payload.v", "payload.v.raw"])
def test_fields_of_inner_objects_are_found_as_spark_does(spark: SparkSession, value_field: str) -> None:
    messages = [form(json.dumps(one).encode()) for one in NESTED for form in (bytes, compact)]
    assert judged_like_spark(spark, messages, rules(time_field="payload.ts", value_field=value_field)) == {}
