"""What `status` and `losses` look like: on a narrow terminal, in a pipe and as JSON."""

import json
import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from spark_jobs.answers.reports import losses_report, losses_table, status_notes, status_report, status_table
from spark_jobs.answers.status import PartitionStatus, Status
from spark_jobs.base.errors import OffsetsLost
from spark_jobs.outlook.watch import UNKNOWN_RETENTION, Expiry, HeldBack, Retention
from spark_jobs.progress.drift import GroupVerdict
from spark_jobs.progress.ledger import Planned
from spark_jobs.progress.losses import LossEntry
from spark_jobs.progress.standing import Standing, Summed
from tests.ledger_rows import done_row, stored_row
from tests.typed import text_of

NOW = datetime(2026, 11, 25, 15, tzinfo=UTC)
OK, MOVED = GroupVerdict("ok"), GroupVerdict("moved", "group", "the group is at 1")


def partition(
    number: int, verdict: GroupVerdict = OK, held: HeldBack | None = None, expiry: Expiry | None = None, high: int = 2_075_259
) -> PartitionStatus:
    return PartitionStatus(number, 2_000_000, 2_000_000, 0, 2_075_259, high, 75_259, held, expiry, verdict)


def status(*partitions: PartitionStatus, retention: Retention = UNKNOWN_RETENTION) -> Status:
    problem = OffsetsLost("readings", ("partition 2: gone",))
    done = done_row(12, run_id="manual__1", at=NOW - timedelta(hours=3))
    return Status("daily_voltage", "readings", NOW, 12, done, None, None, retention, partitions, (problem,))


def test_offsets_are_whole_on_a_terminal_of_80_characters() -> None:
    shown = text_of(status_table(status(partition(0), partition(1, MOVED, expiry=Expiry(1, NOW, 3.2)))), width=80)
    assert "2,000,000  2,000,000  2,075,259  2,075,259  75,259" in shown
    assert "in 3.2 h" in shown
    assert "…" not in shown


def test_json_holds_no_infinity_and_says_what_none_means() -> None:
    kept = Retention(math.inf)
    report = status_report(status(partition(0, expiry=Expiry(0, None, math.inf)), partition(1, MOVED), retention=kept))
    plain = json.loads(json.dumps(report, default=str, allow_nan=False))
    assert plain["retention"] == {"hours": None, "forever": True, "bytes": None}
    assert [(one["hours_left"], one["expires"]) for one in plain["partitions"]] == [(None, "never"), (None, "-")]
    assert [(one["cause"], one["wrong"]) for one in plain["partitions"]] == [("ok", ""), ("moved", "group")]
    assert plain["age_seconds"] == 10_800
    assert "partition 2: gone" in plain["problems"][0]


def test_json_says_since_when_records_are_held_back() -> None:
    since = NOW - timedelta(hours=5)
    (one,) = status_report(status(partition(0, held=HeldBack(0, 2_075_259, 3, since), high=2_075_262)))["partitions"]
    assert (one["held_back"], one["held_back_since"]) == (3, since)


def test_below_the_table_stands_a_sentence_for_all_that_needs_one() -> None:
    held = HeldBack(2, 2_075_259, 3, NOW - timedelta(hours=5))
    notes = status_notes(status(partition(0), partition(1, MOVED), partition(2, held=held)))
    assert [note.split(":")[0] for note in notes] == [
        "partition 1",
        "held back by an open transaction",
        "how long readings keeps its records is not known",
    ]
    (note,) = status_notes(status(partition(0), retention=Retention(168.0, 1_000)))
    assert "retention.bytes=1000" in note
    assert status_notes(status(partition(0), retention=Retention(168.0))) == ()


def test_a_register_of_losses_stays_in_one_line_where_there_is_room() -> None:
    entry = LossEntry(NOW, "LOSS", "anna (airflow@edge)", "manual__1", 12, 3, 100, 250, 150, "retention")
    line = next(line for line in text_of(losses_table("daily_voltage", [entry])).splitlines() if "LOSS" in line)
    assert line.split()[-6:] == ["12", "3", "100", "250", "150", "retention"]
    (listed,) = losses_report([entry], [])["losses"]
    assert (listed["from"], listed["to"], listed["who"]) == (100, 250, "anna (airflow@edge)")


@pytest.mark.proves("F200")
@pytest.mark.parametrize(("last_batch", "unfinished"), [(13, 13), (13, None)], ids=["unfinished", "abandoned or decided"])
def test_the_time_of_a_batch_stands_beside_the_batch_it_is_of(last_batch: int, unfinished: int | None) -> None:
    plan = stored_row("PLANNED", {"by": {"user": "anna", "host": "edge1"}}, batch=13, run_id="manual__2", at=NOW)
    assert isinstance(plan, Planned)
    found = replace(status(partition(0)), last_batch=last_batch)
    if unfinished:
        found = replace(found, unfinished=plan, standing=Standing(keeps_records=True, read=7, accepted=7))
    resumed = (
        "unfinished: batch 13, planned 2026-11-25 15:00:00 UTC by run manual__2 of anna@edge1; the next run resumes it and "
        "adds up its records, which are stored"
    )
    assert (resumed in text_of(status_table(found))) == bool(unfinished)
    assert "last done: batch 12, 2026-11-25 12:00:00 UTC (10,800 s ago)" in text_of(status_table(found))
    report = status_report(found)
    assert (report["last_done_batch"], report["last_batch"], report["unfinished"]) == (12, last_batch, unfinished)
    assert report["next_step"] == ("add_up" if unfinished else None)


def test_tables_that_contradict_each_other_stop_the_next_run_and_that_is_said() -> None:
    plan = stored_row("PLANNED", {}, batch=13, run_id="manual__2", at=NOW)
    assert isinstance(plan, Planned)
    gone = Standing(True, 7, 7, sums=(Summed("a", closed=True, contributed=False, totalled=False),))
    found = replace(status(partition(0)), last_batch=13, unfinished=plan, standing=gone)
    assert "the next run stops at it" in text_of(status_table(found))
    assert status_report(found)["next_step"] == "rows_gone"


def test_what_is_not_there_is_told_without_an_empty_table() -> None:
    assert text_of(losses_table("p", [])).splitlines() == ["p: no loss was accepted, and no topic adopted"]
