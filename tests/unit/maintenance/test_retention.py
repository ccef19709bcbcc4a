"""Which records may go and how old files must be, from numbers alone."""

from datetime import UTC, datetime, timedelta

import pytest

from spark_jobs.base.errors import ConfigurationError
from spark_jobs.maintenance.retention import last_prunable, vacuum_hours
from spark_jobs.progress.ledger import LedgerRow
from tests.ledger_rows import stored_row

DAY = datetime(2026, 1, 10, tzinfo=UTC)


def row(batch: int, age_days: float, state: str = "DONE") -> LedgerRow:
    return stored_row(state, {}, batch=batch, at=DAY - timedelta(days=age_days))


CASES: dict[str, tuple[list[LedgerRow], int | None, int | None]] = {
    "nothing was ever done": ([], 5, None),
    "everything is kept": ([row(1, 90), row(2, 80)], None, None),
    "the newest batch stays however old it is": ([row(1, 90)], 5, None),
    "of two old batches the first goes": ([row(1, 90), row(2, 80)], 5, 1),
    "a batch goes on the very day": ([row(1, 6), row(2, 5), row(3, 4.9), row(4, 1)], 5, 2),
    "all are young": ([row(1, 4), row(2, 3)], 5, None),
    "an unfinished batch is none": ([row(1, 90), row(2, 80), row(3, 70, "PLANNED")], 5, 1),
    "an abandoned batch in between": ([row(1, 90), row(2, 80, "ABANDONED"), row(3, 70), row(4, 1)], 5, 3),
    "a young one keeps what comes after it, whatever the clock said": ([row(1, 90), row(2, 1), row(3, 80), row(4, 0)], 5, 1),
}


@pytest.mark.parametrize("name", CASES)
def test_only_whole_batches_that_are_old_enough_may_go_and_never_the_newest(name: str) -> None:
    rows, keep_days, batch = CASES[name]
    found = last_prunable(rows, keep_days, DAY)
    assert (found and found.batch) == batch


@pytest.mark.parametrize(
    ("configured", "told", "hours"),
    [
        (168, None, 168),
        (1, None, 168),
        (500, None, 500),
        (168, "interval 1 hours", 168),
        (168, "interval 1 second", 168),
        (168, "interval 2 weeks", 336),
        (168, "30 days", 720),
        (168, "interval 10081 minutes", 169),
    ],
)
def test_files_are_a_week_old_at_least_and_as_old_as_anybody_asks_for(configured: int, told: str | None, hours: int) -> None:
    assert vacuum_hours(configured, told) == hours


def test_an_interval_that_is_not_understood_is_told() -> None:
    with pytest.raises(ConfigurationError, match="deletedFileRetentionDuration is 'for ever'"):
        vacuum_hours(168, "for ever")
