"""An average as the record that is published of it."""

import json
from datetime import date
from decimal import Decimal

import pytest

from spark_jobs.aggregates.daily_average import DAILY_AVERAGE
from spark_jobs.aggregates.messages import json_number
from spark_jobs.broker.publisher import REPUBLISHED, OutputRecord, is_republished
from spark_jobs.run.output_records import output_record
from tests import parsing_rules

ROW = {
    "partition": 2,
    "date": date(2006, 12, 23),
    "average": Decimal("239.940000"),
    "batch": 7,
    "revision": 3,
    "value_count": 1440,
}


def published(pipeline: str, value_field: str) -> OutputRecord:
    rules = parsing_rules.rules(value_field=value_field)
    return output_record(ROW, DAILY_AVERAGE, pipeline=pipeline, rules=rules, partitions=4)


def test_an_average_becomes_a_message_with_its_day_as_key() -> None:
    record = published("daily_voltage", "voltage")
    assert (record.partition, record.key, record.value) == (2, b"2006-12-23", b'{"date": "2006-12-23", "voltage": 239.94}')
    assert dict(record.headers) == {"pipeline": b"daily_voltage", "batch": b"7", "revision": b"3", "count": b"1440"}


def test_only_what_is_marked_so_was_published_once_more() -> None:
    headers = [*published("p", "v").headers]
    assert not is_republished(headers)
    assert is_republished([*headers, (REPUBLISHED, b"2026-03-01T00:00:00+00:00")])


def test_the_value_field_is_escaped_as_json() -> None:
    record = published("p", 'say "volt"')
    assert json.loads(record.value)['say "volt"'] == 239.94


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("239.940000", "239.94"),
        ("100.000000", "100"),
        ("0.000001", "0.000001"),
        ("-0.500000", "-0.5"),
        ("0E-6", "0"),
        ("-0.000000", "0"),
        ("100", "100"),
        ("-98765432109876543210987654321098.123450", "-98765432109876543210987654321098.12345"),
    ],
)
def test_numbers_are_plain_json_without_exponent_or_trailing_zeros(value: str, text: str) -> None:
    assert json_number(Decimal(value)) == text
