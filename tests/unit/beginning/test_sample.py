"""How a sample of the next messages is shown, wide and narrow, and what is said of it."""

import json
from datetime import UTC, datetime

import pytest

from spark_jobs.beginning.guessed_times import rules_for
from spark_jobs.beginning.sample import Judged, Sample, sample_notes, sample_report, sample_sentence, sample_table
from spark_jobs.beginning.some_messages import Message
from spark_jobs.readings.judging import judge_message
from tests.typed import text_of

RULES = rules_for("iso8601", datetime(2026, 11, 25, tzinfo=UTC), "at", "v")
MESSAGES = (
    b'{"at": "2026-03-01T10:00:00.250Z", "v": 239.9400001}',
    b'{"at": "2026-03-01T10:00:00Z", "v": "12,5"}',
    b'"a" b',
    None,
)


def sample(allowed: float = 0.01) -> Sample:
    messages = [Message(3, 1000 + number, value, None) for number, value in enumerate(MESSAGES)]
    return Sample(RULES, allowed, tuple(Judged(one, judge_message(one.value, RULES)) for one in messages))


@pytest.mark.proves("F209")
def test_a_sample_says_what_would_become_of_each_message() -> None:
    shown = [" ".join(line.split()) for line in text_of(sample_table("p", sample(), 200)).splitlines()]
    assert shown[0] == (
        "p: of the next 4 messages 1 would be accepted, 2 rejected (BAD_NUMBER 1, TOMBSTONE 1), 1 not decided here"
    )
    assert "3 1,000 accepted 2026-03-01 10:00:00.25 2026-03-01 239.94 (rounded from 239.9400001)" in shown
    assert '3 1,001 rejected: BAD_NUMBER - - - {"at": "2026-03-01T10:00:00Z", "v": "12,5"}' in shown
    assert 'expected "v" as a JSON number, or one in quotes' in shown
    assert '3 1,002 not decided here - - - "a" b' in shown


def test_a_narrow_terminal_gets_a_line_for_each_fact() -> None:
    shown = [" ".join(line.split()) for line in text_of(sample_table("p", sample(), 80), 80).splitlines()]
    assert "3 1,000 accepted 2026-03-01 10:00:00.25 UTC" in shown
    assert "day 2026-03-01" in shown


def test_the_report_has_every_fact_as_a_plain_value() -> None:
    report = json.loads(json.dumps(sample_report(sample()), default=str))
    assert (report["count"], report["accepted"], report["rejected"], report["undecided"]) == (4, 1, 2, 1)
    first = report["messages"][0]
    assert (first["event_time"], first["day"], first["value"]) == ("2026-03-01 10:00:00.250000+00:00", "2026-03-01", "239.940000")
    assert [one["reason"] for one in report["messages"]] == [None, "BAD_NUMBER", None, "TOMBSTONE"]
    assert report["messages"][3]["message"] is None


def test_a_run_that_would_stop_is_foretold() -> None:
    assert [note for note in sample_notes(sample(0.5)) if "limits.max_rejected_fraction" in note] == []
    (note,) = [note for note in sample_notes(sample(0.49)) if "limits.max_rejected_fraction" in note]
    assert note.startswith("a run stops, before anything is averaged, if more than 49.00% of a batch is rejected")


def test_a_sample_of_nothing_says_so() -> None:
    assert sample_sentence(Sample(RULES, 0.01, ())) == "there is no message to look at"
