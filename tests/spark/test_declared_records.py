"""Records with declared fields: Spark makes of messages what plain Python makes of them, and expressions reject or filter."""

import json
import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from spark_jobs.readings.field_values import judge_record
from spark_jobs.readings.judging import EPOCH
from tests.spark.declared_messages import BROKEN, FIELDS, TIMES, Sent, random_sent, read, rules_of, written

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.mark.group("FZ")
@pytest.mark.proves("F81", "F97")
def test_spark_makes_of_each_message_what_plain_python_makes_of_it(spark: "SparkSession") -> None:
    chosen, rules = random.Random(17), rules_of()
    sent = [*map(Sent, BROKEN), *(random_sent(chosen) for _ in range(3000))]
    rows, decided, accepted = read(spark, sent, rules), 0, 0
    for one, row in zip(sent, rows, strict=True):
        verdict = judge_record(one.value, TIMES, rules.fields, one.key, one.headers)
        if verdict.undecided:
            continue
        decided += 1
        accepted += verdict.reason is None
        time = None if verdict.micros is None else EPOCH + timedelta(microseconds=verdict.micros)
        expected = {name: verdict.values.get(name) for name in FIELDS} | {"event_time": time}
        found = {name: row[name] for name in expected}
        assert (row["rejected_because"], found) == (verdict.reason, expected), one
        assert row["raw"] == (one.value if verdict.reason else None)
    assert decided > 0.99 * len(sent)
    assert 0.05 * len(sent) < accepted < 0.95 * len(sent)


def test_where_filters_and_derived_fields_are_worked_out(spark: "SparkSession") -> None:
    derived: dict[str, dict[str, Any]] = {
        "net": {"sql": "cost * 0.9", "type": "decimal(12,6)"},
        "share": {"sql": "cost / clicks", "type": "decimal(12,6)"},
        "is_big": {"sql": "net > 100", "type": "boolean"},
    }
    rules = rules_of(FIELDS, "channel <> 'web'", **derived)
    sent = [
        written(cost=200, clicks=4),
        written(cost=1, clicks=0),
        written(channel="web", cost=1, clicks=1),
        written(clicks=0),
        written(cost=999999.999999, clicks="x"),
    ]
    rows = read(spark, sent, rules)
    assert [(row["rejected_because"], row["filtered"]) for row in rows] == [
        (None, False),
        ("EXPRESSION_FAILED:share", None),
        (None, True),
        (None, False),
        ("BAD_LONG:clicks", None),
    ]
    assert [rows[0][name] for name in derived] == [Decimal(180), Decimal(50), True]
    assert [rows[3][name] for name in derived] == [None, None, None]
    assert [rows[1][name] for name in ("event_time", "cost", *derived)] == [None] * 5


def test_a_condition_that_fails_rejects_and_one_over_nothing_filters(spark: "SparkSession") -> None:
    rows = read(
        spark, [written(cost=1, clicks=0), written(clicks=1), written(cost=2, clicks=1)], rules_of(FIELDS, "cost / clicks > 1")
    )
    assert [(row["rejected_because"], row["filtered"]) for row in rows] == [
        ("EXPRESSION_FAILED:where", None),
        (None, True),
        (None, False),
    ]


def test_numbers_that_were_rounded_are_named_as_they_were_written(spark: "SparkSession") -> None:
    sent = [Sent(b'{"ts": 1777629600000, "channel": "mail", "user": {"id": "u"}, "cost": 1.23456789, "price": 1.50}'), written()]
    sent[0] = Sent(sent[0].value, b"k", (("price", b"1.005"),))
    rows = read(spark, sent, rules_of())
    assert [row["rounded_from"] for row in rows] == ["cost=1.23456789 price_told=1.005", None]
    assert (rows[0]["cost"], rows[0]["price"], rows[0]["price_told"]) == (Decimal("1.234568"), Decimal("1.50"), Decimal("1.01"))


NAMES = (
    "time",
    "reason",
    "from",
    "value",
    "text",
    "syntax",
    "fields",
    "number",
    "digits",
    "point",
    "read",
    "problem",
    "there",
)
"""Names that columns have inside of the reading of a message."""


@pytest.mark.group("FZ")
@pytest.mark.proves("F97")
def test_a_field_may_have_any_name_and_never_takes_the_place_of_another(spark: "SparkSession") -> None:
    texts = {name: {"type": "string"} for name in NAMES if name != "time"}
    fields: dict[str, dict[str, Any]] = {"time": {"type": "timestamp"}, **texts, "cost": {"type": "decimal(12,2)"}}
    sent = written(time="2021-01-01T00:00:00Z", cost="1.005", **{name: f"its {name}" for name in texts})
    (row,) = read(spark, [sent], rules_of(fields))
    assert row["rejected_because"] is None
    assert (row["event_time"].year, row["time"].year) == (2026, 2021)
    assert {name: row[name] for name in texts} == {name: f"its {name}" for name in texts}
    assert (row["cost"], row["rounded_from"]) == (Decimal("1.01"), "cost=1.005")


@pytest.mark.parametrize("text", ["0000-12-31", "12345-01-01", "-0001-01-01"])
@pytest.mark.parametrize("type_", ["date", "timestamp"])
def test_a_derived_day_outside_of_the_calendar_is_rejected(spark: "SparkSession", text: str, type_: str) -> None:
    rules = rules_of({"day": {"type": "string"}}, at={"sql": f"cast(day as {type_})", "type": type_})
    good, bad = read(spark, [written(day="9999-12-30"), written(day=text)], rules)
    assert good["at"].year == 9999
    assert (bad["rejected_because"], bad["at"]) == ("EXPRESSION_FAILED:at", None)


def test_a_derived_field_called_where_fails_by_itself(spark: "SparkSession") -> None:
    rules = rules_of({"n": {"type": "long"}}, "n > 0", where={"sql": "10 div (n - 1)", "type": "long"})
    one, other = read(spark, [written(n=1), written(n=2)], rules)
    assert (one["rejected_because"], other["rejected_because"]) == ("EXPRESSION_FAILED:where", None)


@pytest.mark.parametrize("units", [("epoch_millis", "epoch_seconds"), ("epoch_seconds", "epoch_millis"), ("epoch_seconds",)])
def test_a_timestamp_of_several_units_is_of_the_one_that_is_plausible(spark: "SparkSession", units: tuple[str, ...]) -> None:
    times = TIMES.model_copy(update={"time_format": units if len(units) > 1 else units[0]})
    rules, seconds = rules_of({"seen": {"type": "timestamp"}}), 1_777_629_600
    numbers = [seconds, seconds * 1000, 17, -seconds]
    sent = [Sent(json.dumps({"ts": seconds, "seen": one}).encode()) for one in numbers]
    rows = read(spark, sent, rules, times=times)
    for one, row in zip(sent, rows, strict=True):
        verdict = judge_record(one.value, times, rules.fields, one.key)
        assert verdict.undecided or (row["rejected_because"], row["seen"]) == (verdict.reason, verdict.values.get("seen"))
    assert rows[0]["seen"] == datetime.fromtimestamp(seconds, UTC)
    if len(units) > 1:
        assert rows[1]["seen"] == rows[0]["seen"]
        assert {row["rejected_because"] for row in rows[2:]} == {"BAD_TIMESTAMP:seen"}
