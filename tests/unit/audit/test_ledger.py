from collections.abc import Sequence
from dataclasses import replace

import pytest

from spark_jobs.audit.ledger_fold import read_ledger
from spark_jobs.progress.counts import Counts
from spark_jobs.progress.ledger import Done, LedgerRow
from spark_jobs.progress.offsets import OffsetRange
from tests.audit_rows import done, ledger_of, row
from tests.ledger_rows import stored_row


def loss(batch: int, stored: int, resume: int, cause: str) -> LedgerRow:
    one = {"partition": 0, "from": stored, "to": resume, "count": abs(resume - stored), "cause": cause}
    return row(batch, "LOSS", min(stored, resume), max(stored, resume), resume={"0": resume}, losses=[one])


def averaged_only(states: Sequence[str], batch: int, start: int, end: int) -> list[LedgerRow]:
    return [row(batch, state, start, end, records=False) for state in states]


def counted_as(row: LedgerRow, counts: Counts) -> LedgerRow:
    assert isinstance(row, Done)
    return replace(row, counts=(counts,))


HEALTHY: dict[str, tuple[list[LedgerRow], int]] = {
    "batches": ([*done(1, 5, 9), *done(2, 9, 12)], 12),
    "an empty range": ([*done(1, 0, 3), *done(2, 3, 3)], 3),
    "an unfinished batch": ([*done(1, 0, 3), row(2, "PLANNED", 3, 8)], 3),
    "an abandoned first batch": ([row(1, "PLANNED", 2, 8), row(1, "ABANDONED", 2, 8), *done(2, 2, 8)], 8),
    "a loss": ([*done(1, 0, 3), loss(1, 3, 7, "retention"), *done(2, 7, 9)], 9),
    "a truncated log": ([*done(1, 0, 9), loss(1, 9, 4, "truncated"), *done(2, 4, 6)], 6),
    "a topic adopted": ([*done(1, 0, 9), row(1, "ADOPTED", 0, 0, "t2"), *done(2, 0, 4, "t2")], 4),
    "averages only": ([*averaged_only(["PLANNED", "COUNTED", "DONE"], 1, 0, 3), *done(2, 3, 4)], 4),
    "a counted batch": ([*done(1, 0, 3), *averaged_only(["PLANNED", "COUNTED"], 2, 3, 5)], 3),
    "a counted batch given up": ([*averaged_only(["PLANNED", "COUNTED", "ABANDONED"], 1, 0, 3), *done(2, 0, 4)], 4),
    "a start remembered": ([row(0, "ADOPTED", 7, 7), *done(1, 7, 9)], 9),
}


@pytest.mark.parametrize("name", HEALTHY)
def test_a_log_in_which_each_row_follows_from_the_rows_before_has_no_difference(name: str) -> None:
    rows, end = HEALTHY[name]
    ledger = ledger_of(rows)
    assert [str(one) for one in ledger.differences] == []
    assert ledger.ends == {0: end}


BROKEN: dict[str, tuple[list[LedgerRow], str]] = {
    "a number left out": ([*done(1, 0, 3), *done(3, 3, 4)], "batch 3 was planned after batch 1"),
    "a range that begins too late": ([*done(1, 0, 3), *done(2, 4, 5)], "begins partition 0 at 4, the rows before it end at 3"),
    "a range that begins too early": ([*done(1, 0, 3), *done(2, 2, 5)], "begins partition 0 at 2, the rows before it end at 3"),
    "another topic": ([*done(1, 0, 3), *done(2, 3, 5, "t2")], "was planned on topic id t2, the rows before it are of t1"),
    "done twice": ([*done(1, 0, 3), row(1, "DONE", 0, 3)], "batch 1 is DONE but was DONE before"),
    "done without a plan": ([row(1, "DONE", 0, 3)], "batch 1 is DONE but was never planned"),
    "done otherwise than planned": ([row(1, "PLANNED", 0, 3), row(1, "DONE", 0, 2)], "with other ranges than were planned"),
    "abandoned after it was done": ([*done(1, 0, 3), row(1, "ABANDONED", 0, 3)], "batch 1 is ABANDONED but was DONE"),
    "a loss elsewhere": ([*done(1, 0, 3), loss(1, 5, 7, "retention")], "a LOSS begins at offset 5 of partition 0"),
    "counted without a plan": ([row(1, "COUNTED", 0, 3)], "batch 1 is COUNTED, which only an averages-only batch is"),
    "counted twice": (
        averaged_only(["PLANNED", "COUNTED", "COUNTED"], 1, 0, 3),
        "batch 1 is COUNTED, which only an averages-only batch is",
    ),
    "counted with records": (
        [row(1, "PLANNED", 0, 3), row(1, "COUNTED", 0, 3)],
        "batch 1 is COUNTED, which only an averages-only batch is",
    ),
    "done with other counts": (
        [
            *averaged_only(["PLANNED", "COUNTED"], 1, 0, 3),
            counted_as(averaged_only(["DONE"], 1, 0, 3)[0], Counts(0, 2, 2, 0, 1)),
        ],
        "batch 1 is DONE with other counts than it was COUNTED with",
    ),
    "done as another kind": (
        [*averaged_only(["PLANNED", "COUNTED"], 1, 0, 3), row(1, "DONE", 0, 3)],
        "batch 1 was planned averages only and is DONE with its records",
    ),
    "done without counts": (averaged_only(["PLANNED", "DONE"], 1, 0, 3), "batch 1 is DONE but was never COUNTED"),
    "less than nothing": (
        [row(1, "PLANNED", 0, 3), counted_as(row(1, "DONE", 0, 3), Counts(0, 4, 4, 0, -1))],
        "the counts of batch 1, partition 0 do not add up",
    ),
    "no end": ([row(1, "PLANNED", 0, 3), *done(2, 3, 5)], "batch 1 has neither a DONE nor an ABANDONED row"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_row_that_does_not_follow_from_the_rows_before_is_told(name: str) -> None:
    rows, words = BROKEN[name]
    assert [words in str(one) for one in ledger_of(rows).differences] == [True]


@pytest.mark.parametrize(
    ("sequences", "last", "words"), [([1, 3], 3, "row 2 of 3"), ([1, 2], 4, "row 3, 4 of 4"), ([1, 1], 1, "row 1 is")]
)
def test_rows_missing_or_doubled_are_told_by_their_place(sequences: list[int], last: int, words: str) -> None:
    assert [words in str(one) for one in read_ledger(sequences, [], last).differences] == [True]


@pytest.mark.parametrize(("following", "end"), [(3, "UNTOLD"), (0, "ABANDONED")])
def test_where_the_next_batch_begins_tells_what_a_batch_without_end_was(following: int, end: str) -> None:
    ledger = ledger_of([row(1, "PLANNED", 0, 3), *done(2, following, 5)])
    assert ledger.batches[1].end == end
    assert len(ledger.differences) == 1


def test_what_was_cut_off_the_log_is_remembered_for_the_batches_that_had_read_it() -> None:
    ledger = ledger_of(HEALTHY["a truncated log"][0])
    assert ledger.batches[1].truncated == {0: 4}
    assert ledger.batches[2].truncated == {}


def test_an_unreadable_plan_that_was_abandoned_is_one_difference_and_hides_nothing_after_it() -> None:
    unreadable = stored_row("PLANNED", {}, batch=2, topic_id="t1", ranges=(OffsetRange(0, 3, 8),))
    ledger = ledger_of([*done(1, 0, 3), unreadable, row(2, "ABANDONED", 3, 8), *done(3, 3, 8)])
    told = "the PLANNED row of batch 2 does not hold what such a row holds"
    assert [told in str(one) for one in ledger.differences] == [True]
    assert (ledger.ends, ledger.last_done) == ({0: 8}, 3)
