import re
import shutil
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from functools import reduce
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spark_jobs.base.errors import Superseded, TableDamaged, TryAgain
from spark_jobs.base.project import PROJECT
from spark_jobs.lake import health
from spark_jobs.lake.checkpoint_log import NEWEST, CheckpointLog, since_last_finished
from spark_jobs.lake.delta_log import TableLog
from spark_jobs.lake.rows import count_rows
from spark_jobs.lake.schemas import CHECKPOINTS, RECORDS
from spark_jobs.lake.tables import Lake
from spark_jobs.progress.checkpoints import Progress, after
from spark_jobs.progress.counts import Counts
from spark_jobs.progress.ledger import Done, LedgerRow, planned
from spark_jobs.progress.offsets import OffsetRange
from spark_jobs.progress.row_order import FOLLOWS, disorders
from tests.ledger_rows import stored_row
from tests.plans import plan_of

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def row(state: str, batch: int, *ranges: tuple[int, int, int], **details: object) -> LedgerRow:
    held = {"losses": [], **details} if state == "LOSS" else details
    return stored_row(state, held, batch=batch, ranges=[OffsetRange(*one) for one in ranges])


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path), "p")


def progress_of(lake: Lake, *rows: LedgerRow) -> Progress:
    log = CheckpointLog(lake)
    for one in rows:
        log.append(one)
    assert CheckpointLog(lake).progress == log.progress
    return log.progress


def test_a_pipeline_that_never_ran_has_no_progress(lake: Lake) -> None:
    progress = CheckpointLog(lake).progress
    assert (progress.last_batch, progress.is_first_run, dict(progress.ends)) == (0, True, {})


def test_a_plan_comes_back_exactly_as_it_was_stored(lake: Lake) -> None:
    stored = plan_of(1, (0, 0, 5), (1, 2, 2))
    assert progress_of(lake, planned(stored, "run", NOW)).unfinished == stored


def test_a_finished_batch_moves_every_end(lake: Lake) -> None:
    progress = progress_of(
        lake,
        planned(plan_of(1, (0, 0, 5), (1, 0, 2)), "run", NOW),
        row("DONE", 1, (0, 0, 5), (1, 0, 2)),
        planned(plan_of(2, (0, 5, 9), (1, 2, 2)), "run", NOW),
        row("DONE", 2, (0, 5, 9), (1, 2, 2)),
    )
    assert (progress.last_batch, progress.unfinished, dict(progress.ends)) == (2, None, {0: 9, 1: 2})


def test_an_abandoned_batch_keeps_its_number_and_the_next_begins_where_it_began(lake: Lake) -> None:
    progress = progress_of(lake, planned(plan_of(1, (0, 3, 5)), "run", NOW), row("ABANDONED", 1, (0, 3, 5)))
    assert (progress.last_batch, progress.unfinished, dict(progress.ends)) == (1, None, {0: 3})


def test_an_accepted_loss_moves_only_the_lost_partition(lake: Lake) -> None:
    progress = progress_of(
        lake,
        planned(plan_of(1, (0, 0, 5), (1, 0, 2)), "run", NOW),
        row("DONE", 1, (0, 0, 5), (1, 0, 2)),
        row("LOSS", 1, (1, 2, 8), resume={"1": 8}),
    )
    assert dict(progress.ends) == {0: 5, 1: 8}


def test_an_adopted_topic_begins_a_new_generation(lake: Lake) -> None:
    adopted = replace(row("ADOPTED", 1, (0, 3, 3)), topic_id="topic-2")
    progress = progress_of(
        lake, planned(plan_of(1, (0, 0, 5), (1, 0, 2)), "run", NOW), row("DONE", 1, (0, 0, 5), (1, 0, 2)), adopted
    )
    assert (progress.topic_id, dict(progress.ends)) == ("topic-2", {0: 3})


@pytest.mark.group("CC")
@pytest.mark.proves("F156")
def test_a_row_that_landed_although_it_was_refused_is_ours_and_the_run_goes_on(lake: Lake) -> None:
    CheckpointLog(lake).create()
    mine, landed = CheckpointLog(lake), CheckpointLog(lake)
    row_of_mine = planned(plan_of(1, (0, 0, 5)), "mine", NOW)
    landed.append(row_of_mine)
    mine.append(row_of_mine)
    mine.append(row("DONE", 1, (0, 0, 5)))
    assert [one.state for one in CheckpointLog(lake).rows] == ["PLANNED", "DONE"]
    with pytest.raises(Superseded):
        landed.append(replace(row("DONE", 1, (0, 0, 5)), run_id="another"))


@pytest.mark.group("CC")
@pytest.mark.proves("F156")
def test_a_row_that_was_refused_and_did_not_land_is_tried_again_and_nobody_else_is_blamed(lake: Lake) -> None:
    CheckpointLog(lake).create()
    log = CheckpointLog(lake)
    for days in (1, 2, 3):
        lake.open(CHECKPOINTS).alter.set_table_properties({"delta.logRetentionDuration": f"interval {days} days"})
    lake.open(CHECKPOINTS).create_checkpoint()
    for commit in TableLog(lake.location(CHECKPOINTS)).commits[:-1]:
        Path(lake.location(CHECKPOINTS), commit.path).unlink()
    with pytest.raises(TryAgain, match="the row PLANNED of batch 1 could not be committed"):
        log.append(planned(plan_of(1, (0, 0, 5)), "mine", NOW))
    assert CheckpointLog(lake).rows == []


def test_a_run_that_read_an_older_log_cannot_append(lake: Lake) -> None:
    CheckpointLog(lake).create()
    first, second = CheckpointLog(lake), CheckpointLog(lake)
    first.append(planned(plan_of(1, (0, 0, 5)), "first", NOW))
    with pytest.raises(Superseded, match="wrote its checkpoint first"):
        second.append(planned(plan_of(1, (0, 0, 6)), "second", NOW))
    assert [one.run_id for one in CheckpointLog(lake).rows] == ["first"]


def test_before_the_first_plan_a_missing_table_is_made_anew_and_never_after_it(lake: Lake) -> None:
    log = CheckpointLog(lake)
    log.append(row("ADOPTED", 0, (0, 3, 3)))
    shutil.rmtree(lake.location(RECORDS))
    log.create()
    assert lake.exists(RECORDS)
    log.append(planned(plan_of(1, (0, 3, 5)), "run", NOW))
    shutil.rmtree(lake.location(RECORDS))
    CheckpointLog(lake).create()
    assert not lake.exists(RECORDS)


def test_of_two_first_runs_that_both_found_no_table_the_second_cannot_append(lake: Lake) -> None:
    first, second = CheckpointLog(lake), CheckpointLog(lake)
    first.append(planned(plan_of(1, (0, 0, 5)), "first", NOW))
    with pytest.raises(Superseded, match="wrote its checkpoint first"):
        second.append(planned(plan_of(1, (0, 0, 6)), "second", NOW))
    assert [one.run_id for one in CheckpointLog(lake).rows] == ["first"]


def test_a_log_that_another_run_has_gone_on_in_is_told_apart_from_a_damaged_table(lake: Lake) -> None:
    CheckpointLog(lake).create()
    first, second = CheckpointLog(lake), CheckpointLog(lake)
    second.require_newest()
    first.append(planned(plan_of(1, (0, 0, 5)), "first", NOW))
    with pytest.raises(Superseded, match="it goes on, this one stops"):
        second.require_newest()


def test_a_done_row_comes_back_with_its_counts_and_details(lake: Lake) -> None:
    ranges, counts = (OffsetRange(0, 0, 5),), (Counts(0, 4, 3, 1, 1),)
    done = Done(batch=1, run_id="mine", at=NOW, topic_id="topic-1", ranges=ranges, counts=counts, published=1)
    progress_of(lake, planned(plan_of(1, (0, 0, 5)), "mine", NOW), done)
    assert CheckpointLog(lake).rows[-1] == done


def history(events: Iterable[str]) -> list[tuple[int, LedgerRow]]:
    """Rows as a pipeline writes them: each event is a batch and how it ended,
    a decision between two batches, or a partition more.
    """
    ends, batch, topic, rows = {0: 0, 1: 0}, 0, 1, list[LedgerRow]()
    for event in events:
        if event in ("DONE", "ABANDONED", "unfinished", "counted"):
            batch += 1
            ranges = tuple((number, start, start + batch + number) for number, start in ends.items())
            ids = {"records": f"id {len(rows)}"}
            rows.append(planned(replace(plan_of(batch, *ranges), topic_id=f"topic-{topic}", table_ids=ids), "run", NOW))
            if event == "counted" or batch % 2:
                rows.append(row("COUNTED", batch, *ranges, rounded=batch, gaps={}))
            if event in ("unfinished", "counted"):
                break
            rows.append(replace(row("DONE" if event == "DONE" else "ABANDONED", batch, *ranges), topic_id=f"topic-{topic}"))
            ends = {number: end if event == "DONE" else start for number, start, end in ranges}
        elif event == "LOSS":
            ends[1] += 5
            rows.append(row("LOSS", batch, (1, ends[1] - 5, ends[1]), resume={"1": ends[1]}))
        elif event == "ADOPTED":
            ends, topic = {0: 3, 1: 0}, topic + 1
            rows.append(replace(row("ADOPTED", batch, (0, 3, 3), (1, 0, 0)), topic_id=f"topic-{topic}"))
        else:
            ends[len(ends)] = 0
    return list(enumerate(rows, start=1))


EVENTS = ("DONE", "DONE", "ABANDONED", "LOSS", "ADOPTED", "partition", "unfinished", "counted")


def folded(rows: Iterable[tuple[int, LedgerRow]]) -> Progress:
    return reduce(after, (one for _, one in rows), Progress())


@settings(deadline=None)  # a busy machine is slow at times; what is tested here is no time
@given(st.lists(st.sampled_from(EVENTS)), st.integers(1, 20))
def test_a_log_read_from_the_last_finished_batch_on_stands_where_all_rows_stand(events: list[str], newest: int) -> None:
    rows = history(events)
    assert folded(since_last_finished(rows[-newest:]) or rows) == folded(rows)


@pytest.fixture
def long_log(lake: Lake) -> CheckpointLog:
    """More than twice as many rows as are read at first, each in a file of its own."""
    log = CheckpointLog(lake)
    for _, one in history(["DONE"] * NEWEST):
        log.append(one)
    return log


def test_a_long_log_is_not_read_whole(lake: Lake, long_log: CheckpointLog) -> None:
    oldest = min(lake.open(CHECKPOINTS).file_uris(), key=lambda path: Path(path).stat().st_mtime_ns)
    Path(oldest).unlink()
    log = CheckpointLog(lake)
    assert (log.progress, log.last, log.sequence) == (long_log.progress, long_log.last, long_log.sequence)
    with pytest.raises(TableDamaged, match="a file of it cannot be read"):
        _ = log.rows
    with pytest.raises(TableDamaged, match="is missing"):
        health.require_whole(lake, log)


def test_a_long_log_stands_where_it_stood_once_it_is_compacted(lake: Lake, long_log: CheckpointLog) -> None:
    lake.open(CHECKPOINTS).optimize.compact()
    log = CheckpointLog(lake)
    assert (log.progress, log.last, log.sequence) == (long_log.progress, long_log.last, long_log.sequence)
    assert count_rows(lake.open(CHECKPOINTS)) == len(log.rows) == log.sequence


def test_a_log_without_statistics_is_read_as_well(lake: Lake) -> None:
    lake.create_missing()
    lake.open(CHECKPOINTS).alter.set_table_properties({"delta.dataSkippingNumIndexedCols": "0"})
    log = CheckpointLog(lake)
    for _, one in history(["DONE"] * 30):
        log.append(one)
    again = CheckpointLog(lake)
    assert (again.progress, again.last, again.sequence) == (log.progress, log.last, log.sequence)
    assert count_rows(lake.open(CHECKPOINTS)) == len(log.rows) == log.sequence


@pytest.mark.usefixtures("long_log")
def test_a_long_log_that_lost_its_oldest_rows_is_noticed_before_anything_is_planned(lake: Lake) -> None:
    lake.open(CHECKPOINTS).delete("sequence < 3")
    with pytest.raises(TableDamaged, match=r"row \d+ was written, but it holds \d+: it was restored"):
        health.require_whole(lake, CheckpointLog(lake))


IMPOSSIBLE: dict[str, tuple[list[LedgerRow], str]] = {
    "done without a plan": ([row("DONE", 7, (0, 0, 5))], "row 1: batch 7 cannot be DONE at the beginning"),
    "one batch after another without plans": (
        [
            planned(plan_of(1, (0, 0, 5)), "run", NOW),
            row("DONE", 1, (0, 0, 5)),
            row("DONE", 3, (0, 5, 7)),
            row("ABANDONED", 9, (0, 7, 8)),
        ],
        "row 3: batch 3 cannot be DONE after batch 1 was DONE",
    ),
    "a plan on a plan": (
        [planned(plan_of(1, (0, 0, 5)), "run", NOW), planned(plan_of(2, (0, 5, 7)), "run", NOW), row("DONE", 2, (0, 5, 7))],
        "row 2: batch 2 cannot be PLANNED after batch 1 was PLANNED",
    ),
    "a number left out": (
        [planned(plan_of(1, (0, 0, 5)), "run", NOW), row("DONE", 1, (0, 0, 5)), planned(plan_of(3, (0, 5, 7)), "run", NOW)],
        "row 3: batch 3 cannot be PLANNED after batch 1 was DONE",
    ),
    "done before it was planned": (
        [
            *[planned(plan_of(1, (0, 0, 5)), "run", NOW), row("DONE", 1, (0, 0, 5)), row("DONE", 2, (0, 5, 7))],
            planned(plan_of(2, (0, 5, 7)), "run", NOW),
        ],
        "row 3: batch 2 cannot be DONE after batch 1 was DONE",
    ),
    "a loss inside a batch": (
        [planned(plan_of(1, (0, 0, 5)), "run", NOW), row("LOSS", 1, (0, 0, 5), resume={"0": 5})],
        "row 2: batch 1 cannot be LOSS after batch 1 was PLANNED",
    ),
}


@pytest.mark.group("DF")
@pytest.mark.proves("F154")
@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_rows_in_an_order_in_which_no_run_writes_them_are_named_and_nothing_is_planned(lake: Lake, name: str) -> None:
    rows, told = IMPOSSIBLE[name]
    written = CheckpointLog(lake)
    for one in rows:
        written.append(one)
    log = CheckpointLog(lake)
    with pytest.raises(TableDamaged, match=re.escape(told)) as caught:
        _ = log.progress
    assert caught.value.exit_code == 65
    assert log.rows == rows
    with pytest.raises(TableDamaged, match=re.escape(told)):
        health.require_whole(lake, log)


@pytest.mark.parametrize("known", [{0: 3, 1: 3}, {0: 3}, {}])
def test_the_epochs_that_a_plan_read_under_hold_until_the_topic_or_the_place_is_another(
    lake: Lake, known: dict[int, int]
) -> None:
    first = replace(plan_of(1, (0, 0, 5), (1, 0, 2)), epochs=known)
    progress = progress_of(lake, planned(first, "run", NOW))
    assert (progress.unfinished, dict(progress.epochs)) == (first, {})
    assert progress_of(lake, row("DONE", 1, (0, 0, 5), (1, 0, 2))).epochs == known
    second = replace(plan_of(2, (0, 5, 9), (1, 2, 2)), epochs={0: 4, 1: 4})
    assert progress_of(lake, planned(second, "run", NOW), row("ABANDONED", 2, (0, 5, 9), (1, 2, 2))).epochs == known
    lost = progress_of(lake, row("LOSS", 2, (1, 2, 8), resume={"1": 8}))
    assert lost.epochs == {number: epoch for number, epoch in known.items() if number != 1}
    assert progress_of(lake, replace(row("ADOPTED", 2, (0, 3, 3)), topic_id="topic-2")).epochs == {}


@given(st.lists(st.sampled_from(EVENTS)), st.integers(1, 20))
def test_what_a_pipeline_writes_is_in_order_wherever_reading_begins(events: list[str], newest: int) -> None:
    rows = history(["DONE", *events])[-newest:]
    assert list(disorders((place, one.kind, one.batch) for place, one in rows)) == []


def test_the_page_on_the_design_shows_which_row_may_follow_which() -> None:
    page = (PROJECT / "docs" / "design.md").read_text()
    for kind, following in FOLLOWS.items():
        before = f"`{kind.STATE}`" if kind else "nothing"
        assert f"| {before} | {', '.join(f'`{one.STATE}`' for one in following)} |\n" in page
