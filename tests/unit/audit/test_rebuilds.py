"""What an audit wants of a batch that rebuilds an aggregate, by the rows of the checkpoints."""

from dataclasses import replace
from datetime import date

import pytest

from spark_jobs.audit.ledger import Ledger
from spark_jobs.audit.tables import Known, check_contributions
from spark_jobs.lake.schemas import layout_of
from spark_jobs.progress.ledger import Done
from spark_jobs.progress.offsets import Rebuild
from tests.audit_rows import ledger_of
from tests.declared.rows import SPAN, plan, rows, rules

BOTH = ("hourly", "daily")


def ledger(rebuild: Rebuild, *before: str) -> Ledger:
    plans = [plan(1, *before), plan(2, *before, start=SPAN), plan(3, *BOTH, start=SPAN, rebuild=rebuild)]
    return ledger_of(rows({1: 4, 3: 0}, plans))


def test_it_counts_what_was_accepted_before_and_nothing_of_abandoned_batches() -> None:
    found = ledger(Rebuild("daily", 2, 4), "hourly")
    assert found.differences == []
    rebuilding = found.batches[3]
    for partition in (None, 0):
        assert found.accepted_by(rebuilding, "daily", partition) == 4
        assert found.accepted_by(rebuilding, "hourly", partition) == 0
    assert found.accepted_by(rebuilding, "daily", 1) == 0
    assert found.accepted_by(found.batches[1], "hourly", None) == 4


@pytest.mark.parametrize(
    ("rebuild", "before", "sentence"),
    [
        (
            Rebuild("daily", 2, 5),
            ("hourly",),
            "batch 3 rebuilds daily from 5 stored records of the batches up to 2; accepted of them: 4",
        ),
        (Rebuild("daily", 1, 4), BOTH, "accepted of them: 4, of which batch 1 counted in it already"),
    ],
)
def test_one_that_counts_other_records_is_a_difference(rebuild: Rebuild, before: tuple[str, ...], sentence: str) -> None:
    (found,) = ledger(rebuild, *before).differences
    assert sentence in str(found)


def test_one_that_is_done_otherwise_than_planned_is_a_difference() -> None:
    *before, done = rows({1: 4, 2: 0}, [plan(1, "hourly"), plan(2, *BOTH, start=SPAN, rebuild=Rebuild("daily", 1, 4))])
    assert isinstance(done, Done)
    (found,) = ledger_of([*before, replace(done, rebuild=None)]).differences
    assert (
        "batch 2 was planned to rebuild daily from 4 stored records of the batches up to 1 and is DONE having rebuilt nothing"
        in str(found)
    )


def test_a_batch_that_does_not_feed_an_aggregate_contributes_nothing_to_it() -> None:
    known = Known(ledger_of(rows({1: 4, 2: 3}, [plan(1, "hourly"), plan(2, *BOTH, start=SPAN)])), frozenset())
    daily = next(one for one in layout_of(rules(*BOTH)).aggregates if one.name == "daily")
    columns = {**dict.fromkeys(daily.contributions.names), "date": date(2026, 11, 1)}
    right = columns | {"batch": 2, daily.count.column: 3}
    assert list(check_contributions(known, daily, [right])) == []
    (found,) = check_contributions(known, daily, [right, columns | {"batch": 1, daily.count.column: 1}])
    assert "batch 1 counts 1 reading, accepted by its checkpoint: 0" in str(found)
