"""What became of each batch, and what a run says of the one it goes on with."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from spark_jobs.answers.batch_reports import history_report, history_table
from spark_jobs.lake.checkpoint_log import CheckpointLog
from spark_jobs.progress.counts import Counts
from spark_jobs.progress.history import NEXT, BatchHistory, history_in
from spark_jobs.progress.ledger import Done, LedgerRow, Planned
from spark_jobs.progress.offsets import OffsetRange
from spark_jobs.progress.run_told import last_line, rejected_warning, resumed_text
from tests.ledger_rows import stored_row
from tests.nasty import NASTY, hidden_in
from tests.stored import lake_of, plan_batch, stored_pipeline
from tests.typed import text_of, type_in

pytestmark = pytest.mark.proves("F199")

AT = datetime(2026, 1, 2, 3, tzinfo=UTC)
ANNA: Mapping[str, Any] = {"by": {"user": "anna", "host": "edge1"}}
BERTA: Mapping[str, Any] = {"by": {"user": "airflow", "host": "edge2", "triggered_by": "berta"}}
LOSS = {"losses": [{"partition": 3, "from": 5, "to": 9, "count": 4, "cause": "retention"}], "resume": {"3": 9}}


def row(batch: int, state: str, minute: int, run: str, details: Mapping[str, Any] = ANNA, *counts: Counts) -> LedgerRow:
    at, ranges = AT + timedelta(minutes=minute), (OffsetRange(0, 0, 10),)
    return stored_row(state, details, batch=batch, run_id=run, at=at, topic_id="id", ranges=ranges, counts=counts)


def planned(batch: int, minute: int, run: str, details: Mapping[str, Any] = ANNA) -> Planned:
    found = row(batch, "PLANNED", minute, run, details)
    assert isinstance(found, Planned)
    return found


def done(batch: int, minute: int, run: str, **details: Any) -> Done:
    known = {"published": 2, "rounded": 0, "seconds": {"records": 1.5, "publish": 0.25}}
    counts = (Counts(0, 8, 7, 1, 2), Counts(1, 1, 1, 0, 0))
    found = row(batch, "DONE", minute, run, {**BERTA, **known, **details}, *counts)
    assert isinstance(found, Done)
    return found


ROWS = [
    row(1, "PLANNED", 0, "night"),
    done(1, 1, "night", rejected={"BAD_TIME": 1}),
    row(1, "LOSS", 2, "by hand", {**LOSS, **ANNA}),
    row(2, "PLANNED", 2, "by hand"),
    row(2, "ABANDONED", 3, "by hand", BERTA),
    row(3, "PLANNED", 4, "first"),
    row(3, "COUNTED", 5, "first", {"rounded": 0, "gaps": {}}),
    done(3, 9, "second", decided={"published": "yes", **BERTA}),
    row(4, "PLANNED", 10, "third"),
]


def decisions(entries: tuple[BatchHistory, ...]) -> dict[int, list[tuple[str, str]]]:
    return {one.batch: [(each.what, each.who) for each in one.decisions] for one in entries}


def test_each_batch_is_one_entry_with_what_was_decided_before_it_and_about_it() -> None:
    found = history_in(ROWS)
    assert [(one.batch, one.state) for one in found] == [(1, "done"), (2, "abandoned"), (3, "done"), (4, "unfinished")]
    assert decisions(found) == {
        1: [],
        2: [("LOSS partition 3: 4 records (retention)", "anna@edge1"), ("ABANDONED", "berta (airflow@edge2)")],
        3: [("--published yes", "berta (airflow@edge2)")],
        4: [],
    }
    assert [(one.total("read"), one.total("gaps"), one.seconds) for one in found[1:3]] == [(None, None, None), (9, 2, 1.75)]


def test_a_decision_after_the_last_batch_is_told_as_that_of_the_next() -> None:
    found = history_in([*ROWS[:2], row(1, "ADOPTED", 3, "by hand", {"before": "old", **ANNA})])
    assert [(one.batch, one.state) for one in found] == [(1, "done"), (NEXT, "planned")]
    assert decisions(found)[NEXT] == [("ADOPTED partition 0: - (topic created again, was old)", "anna@edge1")]


def test_rows_of_before_they_were_signed_name_nobody() -> None:
    (found,) = history_in([row(1, "PLANNED", 0, "old", {}), row(1, "DONE", 1, "old", {"published": 1})])
    assert (found.seconds, found.total("read")) == (None, 0)
    (plain,) = history_report([found])["batches"]
    assert (plain["planned"]["who"], plain["reasons"], plain["published"]) == ("-", None, 1)


def test_a_batch_has_one_line_where_there_is_room() -> None:
    lines = text_of(history_table("p", history_in(ROWS)[::-1], 4, 200), 200).splitlines()
    assert lines[0] == "p: 4 batches"
    (first,) = [line.split() for line in lines if line.lstrip().startswith("1 ")]
    assert first[1:6] == ["done", "2026-01-02", "03:00:00", "2026-01-02", "03:01:00"]
    assert first[-6:] == ["9", "8", "1", "2", "1.8", "2"]


def test_a_narrow_terminal_shows_all_of_it_one_below_the_other() -> None:
    shown = text_of(history_table("p", history_in(ROWS), 40, 80), 80)
    assert shown.startswith("p: 40 batches, the newest 4\n")
    for word in ("2026-01-02 03:00:00", "8 accepted", "1 rejected", "1.8 seconds", "unfinished", "--published yes", "second"):
        assert word in shown
    assert text_of(history_table("p", [], 0, 80)) == "p: no batch has been planned yet\n"


@pytest.mark.parametrize("width", [80, 200])
@pytest.mark.parametrize("text", NASTY.values(), ids=NASTY)
def test_run_ids_and_users_are_shown_as_text(text: str, width: int) -> None:
    signed = {"by": {"user": text, "host": text, "triggered_by": text}}
    plan = planned(1, 0, text, signed)
    entries = history_in([plan, row(1, "ABANDONED", 1, text, signed)])
    shown = text_of(history_table(text, entries, 1, width), width)
    assert hidden_in(shown) == []
    assert "\n" not in resumed_text(plan)
    assert hidden_in(resumed_text(plan)) == []


def test_a_run_says_what_it_resumes_and_what_all_its_batches_amount_to() -> None:
    plan, finished = (
        planned(3, 4, "first"),
        [done(3, 9, "second", rejected={"BAD_TIME": 1}), done(4, 10, "second", rejected={"NO_VALUE": 1})],
    )
    told = "batch 3 (10 offsets), planned 2026-01-02 03:04:00 UTC by run first of anna@edge1"
    assert resumed_text(plan) == told
    sums = "18 records read, 2 rejected (BAD_TIME 1, NO_VALUE 1), 4 gaps, 0 rounded, 4 averages published"
    assert last_line(finished, plan) == f"finished 2 batches, up to batch 4: {sums}; resumed {told}"
    assert last_line(finished[1:], plan).startswith("finished 1 batch, up to batch 4: 9 records read, 1 rejected (NO_VALUE 1)")
    assert "resumed" not in last_line(finished[1:], plan), "it was abandoned"
    assert last_line([], None) == "nothing new"
    assert (
        rejected_warning(finished) == "2 of 18 records were rejected: BAD_TIME 1, NO_VALUE 1; dayfold rejected CONFIG shows each"
    )


def test_no_warning_without_a_rejected_message() -> None:
    assert rejected_warning([]) is None
    assert rejected_warning([replace(done(1, 0, "run"), counts=(Counts(0, 3, 3, 0, 0),))]) is None


def test_the_plan_of_an_unfinished_batch_is_found(tmp_path: Path) -> None:
    pipeline = stored_pipeline(tmp_path, 2)
    assert CheckpointLog(lake_of(pipeline)).unfinished_plan is None
    plan_batch(pipeline, 3)
    found = CheckpointLog(lake_of(pipeline)).unfinished_plan
    assert found is not None
    assert (found.batch, found.state) == (3, "PLANNED")


def test_what_an_operator_types_lists_the_newest(tmp_path: Path) -> None:
    stored_pipeline(tmp_path, 3)
    listed = type_in("history", str(tmp_path / "p.yaml"), "--limit", "2")
    assert listed.returncode == 0, listed.stderr
    assert listed.stdout.startswith("p: 3 batches, the newest 2\n")
    assert [line.split()[:2] for line in listed.stdout.splitlines() if " done " in line][1:] == [["3", "done"], ["2", "done"]]
    assert type_in("history", str(tmp_path / "p.yaml"), "--limit", "0").returncode == 64
