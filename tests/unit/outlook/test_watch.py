"""How long unread records are kept, and what is said while a transaction holds records back."""

import math
from datetime import UTC, datetime, timedelta

import pytest

from spark_jobs.outlook.watch import HeldBack, Retention, expiry, retention_of

NOW = datetime(2026, 1, 10, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("policy", "milliseconds", "size", "expected"),
    [
        ("delete", "604800000", "-1", Retention(168.0)),
        ("delete", "604800000", "1000000", Retention(168.0, 1_000_000)),
        ("delete", "-1", "-1", Retention(math.inf)),
        ("delete", "-1", "1000000", Retention(math.inf, 1_000_000)),
        ("compact", "604800000", "1000000", Retention(math.inf)),
        ("compact,delete", "3600000", "-1", Retention(1.0)),
        ("delete,compact", "5400000", None, Retention(1.5)),
        (None, "604800000", "-1", Retention(None)),
        ("delete", None, "-1", Retention(None)),
    ],
)
def test_the_topics_settings_say_how_long_a_record_is_kept(
    policy: str | None, milliseconds: str | None, size: str | None, expected: Retention
) -> None:
    config = {"cleanup.policy": policy, "retention.ms": milliseconds, "retention.bytes": size}
    assert retention_of(config) == expected


@pytest.mark.parametrize(
    ("retention", "written_hours_ago", "left"),
    [
        (Retention(168.0), 100, 68.0),
        (Retention(168.0), 170, -2.0),
        (Retention(math.inf), 100, math.inf),
        (Retention(math.inf), None, math.inf),
        (Retention(None), 100, None),
        (Retention(168.0), None, None),
    ],
)
def test_the_hours_left_are_those_of_the_oldest_unread_record(
    retention: Retention, written_hours_ago: float | None, left: float | None
) -> None:
    oldest = None if written_hours_ago is None else NOW - timedelta(hours=written_hours_ago)
    assert expiry(0, oldest, retention, NOW).hours_left == left


def test_only_known_hours_are_under_a_limit() -> None:
    oldest = NOW - timedelta(hours=150)
    assert expiry(0, oldest, Retention(168.0), NOW).is_under(24)
    assert not expiry(0, oldest, Retention(168.0), NOW).is_under(18)
    assert not expiry(0, oldest, Retention(math.inf), NOW).is_under(24)
    assert not expiry(0, oldest, Retention(None), NOW).is_under(24)


def test_the_sentence_names_the_record_the_hours_and_the_ways_on() -> None:
    sentence = expiry(3, NOW - timedelta(hours=150), Retention(168.0), NOW).sentence("readings")
    assert sentence == (
        "partition 3: the oldest unread record, of 2026-01-04 06:00:00 UTC, expires in 18.0 hours; "
        "let the pipeline catch up, or raise retention.ms of readings"
    )
    overdue = expiry(3, NOW - timedelta(hours=200), Retention(168.0), NOW).sentence("readings")
    assert "may be deleted at any moment" in overdue


@pytest.mark.parametrize(
    ("age", "words"),
    [
        (None, "3 records on partition 1, from offset 7 on"),
        (timedelta(seconds=30), "since 2026-01-10 11:59:30 UTC (30 s ago)"),
        (timedelta(minutes=14), "(14 min ago)"),
        (timedelta(seconds=-5), "(0 s ago)"),
    ],
)
def test_a_young_transaction_is_only_told(age: timedelta | None, words: str) -> None:
    sentence = HeldBack(1, 7, 3, None if age is None else NOW - age).sentence("readings", NOW)
    assert sentence.startswith("held back by an open transaction: 3 records on partition 1")
    assert words in sentence
    assert "find-hanging" not in sentence


@pytest.mark.parametrize("minutes", [15, 60 * 30])
def test_an_old_transaction_names_what_to_do(minutes: int) -> None:
    sentence = HeldBack(1, 7, 3, NOW - timedelta(minutes=minutes)).sentence("readings", NOW)
    assert "kafka-transactions.sh --bootstrap-server HOST find-hanging --topic readings --partition 1" in sentence
    assert "abort --topic readings --partition 1 --start-offset 7" in sentence
