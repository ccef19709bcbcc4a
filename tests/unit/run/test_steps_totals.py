"""What a batch adds up to is counted before it is committed: until then the batch can be abandoned."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from spark_jobs.base.errors import TableDamaged
from spark_jobs.lake.tables import Lake
from spark_jobs.run.job import Job
from spark_jobs.run.steps_totals import save_contributions
from tests.daily_tables import CONTRIBUTIONS
from tests.plans import plan_of
from tests.stored import contributions, empty_lake


@pytest.mark.parametrize("accepted", [7, 9])
def test_sums_of_more_or_fewer_records_than_were_accepted_are_never_committed(tmp_path: Any, accepted: int) -> None:
    lake: Lake = empty_lake(tmp_path)
    job = cast(Job, SimpleNamespace(lake=lake))
    with pytest.raises(TableDamaged, match=f"batch 1 counts 8 readings, its accepted records are {accepted}"):
        save_contributions(job, plan_of(1, (0, 0, 5)), accepted, lambda _: contributions(1))
    table = lake.open(CONTRIBUTIONS)
    assert (table.version(), lake.known_batch(table)) == (0, 0)
