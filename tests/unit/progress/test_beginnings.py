"""From which batch on an aggregate counts, by the rows of the checkpoints."""

import pytest

from spark_jobs.progress.beginnings import beginning_notes, uncounted_batches
from spark_jobs.progress.ledger import LedgerRow
from spark_jobs.progress.offsets import Rebuild
from spark_jobs.progress.row_codec import columns_of, row_of
from tests.declared.rows import plan, rows

HISTORY = [plan(1, "hourly"), plan(2, "hourly"), plan(3, "hourly"), plan(4, "hourly", "daily")]


def found(history: list[LedgerRow], aggregate: str) -> list[tuple[int, int]]:
    return [(one.planned.batch, one.accepted) for one in uncounted_batches(history, aggregate)]


def test_finished_batches_of_before_an_aggregate_was_declared_do_not_count_in_it() -> None:
    history = rows({1: 5, 3: 7, 4: 1}, HISTORY)
    assert found(history, "daily") == [(1, 5), (3, 7)]
    assert found(history, "hourly") == []
    assert found(history, "of tomorrow") == [(1, 5), (3, 7), (4, 1)]


@pytest.mark.parametrize(("ended", "left"), [(True, []), (False, [(1, 5), (3, 7)])])
def test_a_rebuild_counts_them_once_it_is_done(ended: bool, left: list[tuple[int, int]]) -> None:
    rebuilding = plan(5, "hourly", "daily", rebuild=Rebuild("daily", 3, 12))
    history = rows({1: 5, 3: 7, 4: 1, **({5: 0} if ended else {})}, [*HISTORY, rebuilding])
    assert found(history, "daily") == left


def test_a_rebuild_of_another_aggregate_changes_nothing() -> None:
    rebuilding = plan(5, "hourly", "daily", "other", rebuild=Rebuild("other", 4, 13))
    assert found(rows({1: 5, 3: 7, 4: 1, 5: 0}, [*HISTORY, rebuilding]), "daily") == [(1, 5), (3, 7)]


@pytest.mark.parametrize("rebuild", [None, Rebuild("daily", 3, 12)])
def test_a_plan_that_rebuilds_comes_back_as_it_was_stored(rebuild: Rebuild | None) -> None:
    stored, _ = rows({}, [plan(5, "hourly", "daily", rebuild=rebuild)])
    assert row_of(columns_of(stored)) == stored
    assert ("rebuild" in columns_of(stored)["details"]) == (rebuild is not None)


def test_it_is_said_from_which_batch_on_an_aggregate_counts_as_long_as_it_lacks_any_record() -> None:
    history = rows({1: 5, 3: 7, 4: 1}, HISTORY)
    assert list(beginning_notes(history, ["hourly", "daily"])) == [
        "daily counts from batch 4 on; `dayfold rebuild` adds the 12 records of before"
    ]
    rebuilding = plan(5, "hourly", "daily", rebuild=Rebuild("daily", 3, 12))
    assert list(beginning_notes(rows({1: 5, 3: 7, 4: 1, 5: 0}, [*HISTORY, rebuilding]), ["hourly", "daily"])) == []
    assert list(beginning_notes(rows({1: 0}, HISTORY[:1]), ["daily"])) == []
