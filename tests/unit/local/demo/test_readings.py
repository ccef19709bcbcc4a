"""The household readings as messages: exact texts, the right partition, and which rows a topic still lacks."""

import json
from decimal import Decimal
from pathlib import Path

import pytest

from spark_jobs.base.errors import ConfigurationError
from spark_jobs.local.demo.check import csv_totals
from spark_jobs.local.demo.readings import (
    Day,
    Missing,
    Readings,
    message,
    missing_rows,
    partition_of,
    read_readings,
    rows_per_partition,
)

HEADER = "date_time,Global_active_power,Global_reactive_power,Voltage,Global_intensity\n"


@pytest.fixture
def readings(tmp_path: Path) -> Readings:
    """Three days with two, one and three readings."""
    rows = [
        "2006-12-16 23:58:00,4.216,0.418,234.84,18.4",
        "2006-12-16 23:59:00,5.36,0.436,233.630,23.0",
        "2006-12-17 00:00:00,0.3,0.1,0.1,1.0",
        "2006-12-18 00:00:00,0.3,0.1,241.10,1.0",
        "2006-12-18 00:01:00,0.3,0.1,0.2,1.0",
        "2006-12-18 00:02:00,0.3,0.1,241.1,1.0",
    ]
    path = tmp_path / "power.csv"
    path.write_text(HEADER + "".join(f"{row}\n" for row in rows))
    return read_readings(path)


@pytest.mark.parametrize("text", ["239.94", "233.630", "0.1", "240.0", "123456789012.000001"])
def test_the_digits_of_a_message_are_those_of_the_csv(text: str) -> None:
    assert message("2006-12-23 16:52:00", text) == b'{"datetime": "23/12/2006 16:52:00", "voltage": %s}' % text.encode()
    assert json.loads(message("2006-12-23 16:52:00", text), parse_float=Decimal)["voltage"] == Decimal(text)


def test_a_day_is_its_rows_in_the_order_of_the_csv(readings: Readings) -> None:
    assert readings.days == (Day("2006-12-16", 0, 2), Day("2006-12-17", 2, 1), Day("2006-12-18", 3, 3))
    assert list(readings.messages(Missing(readings.days[0], 0, 0))) == [
        b'{"datetime": "16/12/2006 23:58:00", "voltage": 234.84}',
        b'{"datetime": "16/12/2006 23:59:00", "voltage": 233.630}',
    ]


def test_messages_go_on_behind_the_rows_that_are_present(readings: Readings) -> None:
    assert list(readings.messages(Missing(readings.days[2], 0, 2))) == [b'{"datetime": "18/12/2006 00:02:00", "voltage": 241.1}']


def test_the_first_days_are_whole_days(readings: Readings) -> None:
    some = readings.first_days(2)
    assert some.count == 3
    assert some.days == readings.days[:2]


def test_totals_of_a_day_are_exact(readings: Readings) -> None:
    last = list(csv_totals(readings).values())[2]
    assert (last.sum, last.count, last.min, last.max) == (Decimal("482.4"), 3, Decimal("0.2"), Decimal("241.1"))
    assert last.average == Decimal("160.800000")


@pytest.mark.parametrize(
    ("key", "partition"),
    # From Kafka's own test of its Java client: murmur2 of these keys, made positive, modulo 7.
    [
        (b"21", (-973932308 & 0x7FFFFFFF) % 7),
        (b"foobar", (-790332482 & 0x7FFFFFFF) % 7),
        (b"a-little-bit-long-string", (-985981536 & 0x7FFFFFFF) % 7),
        (b"a-little-bit-longer-string", (-1486304829 & 0x7FFFFFFF) % 7),
        (b"abc", (479470107 & 0x7FFFFFFF) % 7),
    ],
)
def test_a_key_goes_where_the_java_client_sends_it(key: bytes, partition: int) -> None:
    assert partition_of(key, 7) == partition


# Four days with two to five readings each.
DAYS = [Day("2006-12-16", 0, 2), Day("2006-12-17", 2, 3), Day("2006-12-18", 5, 4), Day("2006-12-19", 9, 5)]


def by_partition(partitions: int) -> dict[int, list[Day]]:
    return {number: [day for day in DAYS if partition_of(day.key, partitions) == number] for number in range(partitions)}


def test_an_empty_topic_lacks_every_row() -> None:
    missing = missing_rows(DAYS, {}, 2)
    assert [(one.day, one.present, one.count) for one in missing] == [(day, 0, day.count) for day in DAYS]
    assert [one.partition for one in missing] == [partition_of(day.key, 2) for day in DAYS]


def test_a_full_topic_lacks_nothing() -> None:
    assert missing_rows(DAYS, rows_per_partition(DAYS, 2), 2) == []
    assert missing_rows(DAYS, {0: 1_000, 1: 1_000}, 2) == []


@pytest.mark.parametrize("there", range(15))
def test_an_interrupted_load_goes_on_at_the_row_where_it_stopped(there: int) -> None:
    """One partition holds any beginning of its rows; what is missing is the rest, in order."""
    missing = missing_rows(DAYS, {0: there}, 1)
    rows = [row for one in missing for row in range(one.day.first + one.present, one.day.first + one.day.count)]
    assert rows == list(range(there, 14))


def test_each_partition_is_continued_by_itself() -> None:
    days = by_partition(2)
    assert all(days.values()), "the days should share out over both partitions"
    missing = missing_rows(DAYS, {0: rows_per_partition(DAYS, 2)[0], 1: days[1][0].count - 1}, 2)
    assert [one.day for one in missing] == days[1]
    assert [one.present for one in missing] == [days[1][0].count - 1, *[0] * (len(days[1]) - 1)]


def test_a_file_that_is_no_csv_of_readings_is_a_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "power.csv"
    path.write_text("time,power\n1,2\n")
    with pytest.raises(ConfigurationError, match="cannot be read as the household readings"):
        read_readings(path)
