"""Why a run finds nothing to do, by the rows of the checkpoints."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from spark_jobs.orchestration.nothing_new import MOST, Reader, readers_of, why_nothing
from spark_jobs.progress.counts import Counts
from spark_jobs.progress.ledger import LedgerRow
from spark_jobs.progress.offsets import OffsetRange
from tests.ledger_rows import stored_row
from tests.nasty import NASTY, hidden_in

MIDNIGHT = datetime(2026, 11, 30, tzinfo=UTC)
ANNA = {"by": {"user": "airflow", "host": "edge1", "triggered_by": "anna"}}


def row(batch: int, run_id: str, state: str = "DONE", details: Mapping[str, object] = {}) -> LedgerRow:
    counts = (Counts(0, 700, 700, 0, 0), Counts(1, 742, 740, 2, 0))
    at = MIDNIGHT + timedelta(minutes=batch)
    return stored_row(state, details, batch=batch, run_id=run_id, at=at, ranges=(OffsetRange(0, 0, 9),), counts=counts)


def told(*rows: LedgerRow, run_id: str = "mine", due: datetime = MIDNIGHT) -> str:
    return why_nothing("readings", readers_of(rows), run_id, due)[0]


@pytest.mark.proves("F204")
def test_the_run_that_took_the_records_is_named_with_who_when_and_which_batch() -> None:
    rows = [row(3, "scheduled__1", details=ANNA)]
    assert told(*rows) == "what was new in readings when this run was due has been read by another run already"
    (reader,) = readers_of(rows)
    assert reader.text == "run scheduled__1 of anna (airflow@edge1): batch 3, done 2026-11-30 00:03:00 UTC, 1,442 records"


@pytest.mark.proves("F204")
def test_nothing_new_since_an_older_run_and_nothing_at_all_are_told_apart() -> None:
    late = MIDNIGHT + timedelta(hours=1)
    assert told(row(3, "before"), due=late) == "nothing has arrived in readings since it was read to its end"
    assert told() == "readings has nothing new, and no run before this one has finished a batch of it"
    assert told(row(1, "before", "PLANNED"), row(1, "before", "ABANDONED")) == told()


def test_a_run_that_is_cleared_finds_that_it_has_read_everything_itself() -> None:
    rows = [row(2, "mine"), row(3, "mine")]
    assert told(*rows) == "nothing has arrived in readings since this very run has read it to its end"
    (reader,) = readers_of(rows)
    assert reader.text == "run mine: batches 2 to 3, done 2026-11-30 00:03:00 UTC, 2,884 records"


def test_of_many_runs_that_came_before_the_newest_are_named() -> None:
    readers = readers_of([row(batch, f"run {batch}") for batch in range(1, 100)])
    _, named = why_nothing("readings", readers, "mine", MIDNIGHT)
    assert [one.run_id for one in named] == [f"run {batch}" for batch in range(99, 99 - MOST, -1)]
    _, named = why_nothing("readings", readers, "mine", MIDNIGHT + timedelta(minutes=97))
    assert [one.last for one in named] == [99, 98]


@pytest.mark.parametrize("text", NASTY.values(), ids=NASTY)
def test_what_somebody_wrote_into_a_run_id_makes_no_line_of_its_own(text: str) -> None:
    assert hidden_in(Reader(text, text, 1, 1, MIDNIGHT, 5).text) == []
    assert "\n" not in told(row(1, text))
