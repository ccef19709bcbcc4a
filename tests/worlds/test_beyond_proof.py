"""What somebody changes in contributions is found by the audit, or no place contradicts it: the judge of worlds knows which."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from deltalake import DeltaTable

from spark_jobs.audit.reconcile import audit
from spark_jobs.broker.cluster import connect_by
from tests.worlds.power import Machines

pytestmark = pytest.mark.group("DF")


@pytest.fixture
def machines(tmp_path: Path) -> Callable[[bool], Machines]:
    """Batch 1 has readings of 2, 3 and 4, batch 2 has 1, 2, 3, 4, 5: all extremes of the day are its own."""

    def new(keeps_records: bool) -> Machines:
        one = Machines(tmp_path, keeps_records=keeps_records)
        for values in ((2, 3, 4), (1, 2, 3, 4, 5)):
            assert one.run(values=[Decimal(value) for value in values])
        return one

    return new


CASES = {
    "a least value that some readings could have": ("value_min", "2.5", False, True),
    "a least value above the greatest": ("value_min", "5", True, False),
    "a greatest value that some readings could have": ("value_max", "4.5", False, True),
    "a greatest value that leaves too little for the others": ("value_max", "9", True, False),
    "a sum": ("value_sum", "9.5", True, False),
}


@pytest.mark.parametrize("keeps_records", [True, False])
@pytest.mark.parametrize("name", CASES)
def test_the_audit_finds_what_is_not_beyond_proof(machines: Callable[[bool], Machines], keeps_records: bool, name: str) -> None:
    column, value, is_found, is_beyond = CASES[name]
    one = machines(keeps_records)
    assert found(one) == []
    DeltaTable(one.lake / "contributions").update({column: f"CAST({value} AS DECIMAL(18, 6))"}, predicate="batch = 1")
    assert bool(found(one)) == (is_found or keeps_records)
    assert one.truth.is_beyond_proof() == (is_beyond and not keeps_records)


def found(one: Machines) -> list[str]:
    with one.place.reached(), connect_by(one.pipeline.kafka, {}) as broker:
        return [str(difference) for difference in audit(broker, one.pipeline, deep=True).differences]
