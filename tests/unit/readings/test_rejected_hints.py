"""A few rejected messages name the fields they have, and the format that reads their times."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from spark_jobs.pipeline.rules import ParsingRules
from spark_jobs.readings.rejected_hints import LARGEST_LOOKED_AT, hint
from tests import parsing_rules


def rules(time_format: Any, time_field: str = "ts") -> ParsingRules:
    earliest = datetime(1980, 1, 1, tzinfo=UTC)
    return parsing_rules.rules(time_format=time_format, time_field=time_field, value_field="v", earliest=earliest)


def at(time: Any) -> bytes:
    return json.dumps({"ts": time, "v": 1}).encode()


@pytest.mark.proves("F179")
def test_the_fields_that_messages_have_are_named_with_their_paths() -> None:
    messages = [b'{"time": 1, "payload": {"ts": 2, "values": {"v": 3}}, "empty": {}}', b'{"time": 1, "unit": "V"}', b"junk", None]
    assert hint("NO_TIME", messages, rules("iso8601")) == (
        "no field 'ts'; there are 'time', 'payload.ts', 'payload.values.v', 'empty', 'unit'"
    )
    assert hint("NO_VALUE", messages[:1], rules("iso8601")) == (
        "no field 'v'; there are 'time', 'payload.ts', 'payload.values.v', 'empty'"
    )


def test_names_are_escaped_cut_and_few() -> None:
    many = json.dumps({"\x1b[2J\n[/y]\x7f\u202e": 1, "n" * 500: 2, **{f"f{number}": 0 for number in range(30)}}).encode()
    found = hint("NO_TIME", [many], rules("iso8601"))
    assert found is not None
    assert found.isprintable()
    assert found.startswith("no field 'ts'; there are '\\x1b[2J\\n[/y]\\x7f\\u202e', 'nnnn")
    assert found.endswith("'f17' and 12 more")
    assert len(found) < 400


@pytest.mark.parametrize(
    "message", [b"", b"junk", None, b"[]", b"{}", b"[" * 5000, b'{"a": "' + b"x" * LARGEST_LOOKED_AT + b'"}']
)
def test_messages_that_say_nothing_are_no_hint(message: bytes | None) -> None:
    assert hint("NO_TIME", [message], rules("iso8601")) is None
    assert hint("BAD_TIME", [message], rules("iso8601")) is None
    assert hint("NOT_JSON", [message], rules("iso8601")) is None


@pytest.mark.proves("F176", "F179")
@pytest.mark.parametrize(
    ("configured", "time", "sentence"),
    [
        ("epoch_millis", 1704110400, "1704110400 is 2024-01-01 12:00:00 UTC as epoch_seconds: is input.time.format "
        "epoch_seconds?"),
        ("epoch_seconds", 1704110400123, "1704110400123 is 2024-01-01 12:00:00 UTC as epoch_millis: is input.time.format "
        "epoch_millis?"),
        ("epoch_millis", 1704110400123456, "1704110400123456 is 2024-01-01 12:00:00 UTC as epoch_micros: is "
        "input.time.format epoch_micros?"),
        ("epoch_micros", 1704110400123456789, "1704110400123456789 is 2024-01-01 12:00:00 UTC as epoch_nanos: is "
        "input.time.format epoch_nanos?"),
        ("yyyy-MM-dd", 1704110400.5, "1704110400.5 is 2024-01-01 12:00:00 UTC as epoch_seconds: is input.time.format "
        "epoch_seconds?"),
        ("iso8601", "1704110400", "'1704110400' is 2024-01-01 12:00:00 UTC as epoch_seconds: is input.time.format "
        "epoch_seconds?"),
        ("dd/MM/yyyy", "2024-01-01T12:00Z", "'2024-01-01T12:00Z' is a time as iso8601: is input.time.format iso8601?"),
        (["epoch_millis", "iso8601"], 1704110400, "1704110400 is 2024-01-01 12:00:00 UTC as epoch_seconds: is "
        "input.time.format epoch_seconds?"),
        ("epoch_millis", 1704110400123, None),
        ("epoch_millis", 12, None),
        ("iso8601", "tomorrow", None),
        ("iso8601", None, None),
        ("iso8601", {"a": 1}, None),
        ("iso8601", "9" * 5000, None),
    ],
)  # fmt: skip
def test_the_word_that_reads_a_time_is_named(configured: Any, time: Any, sentence: str | None) -> None:
    assert hint("TIME_OUT_OF_RANGE", [at("x"), at(time)], rules(configured)) == sentence


@pytest.mark.parametrize("number", ["1e999999999999", "1.7e9", "1E400", "-1e-400"])
def test_an_endless_number_is_no_hint_and_no_error(number: str) -> None:
    found = hint("TIME_OUT_OF_RANGE", [b'{"ts": %s}' % number.encode()], rules("epoch_millis"))
    assert (found is None) == (number != "1.7e9")


def test_a_time_in_an_inner_object_is_looked_at_where_the_settings_look() -> None:
    found = hint("TIME_OUT_OF_RANGE", [b'{"in": {"ts": 1704110400}}'], rules("epoch_millis", "in.ts"))
    assert found is not None
    assert "epoch_seconds" in found
