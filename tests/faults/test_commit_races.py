"""Two delta-rs writers on one local table without any lock: what gets lost, what gets doubled, and what a compare-and-set
prevents.

This is why every commit of the job goes through the handle that was looked at before.
"""

import multiprocessing
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from datetime import date
from decimal import Decimal
from functools import partial
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from spark_jobs.lake.tables import Lake, LostRace, append_once
from tests import oracle
from tests.daily_tables import CONTRIBUTIONS, SCHEMAS

pytestmark = pytest.mark.group("CC")

APP = "races/contributions"
COMMITS = [20, pytest.param(200, marks=pytest.mark.thorough)]


@pytest.fixture
def location(tmp_path: Path) -> str:
    lake = Lake(str(tmp_path), "races")
    lake.create_missing()
    return lake.location(CONTRIBUTIONS)


def row(batch: int, writer: int) -> pa.Table:
    values = {"batch": batch, "partition": writer, "date": date(2006, 12, 16), "value_sum": Decimal(1), "value_count": 1}
    return pa.Table.from_pylist([{**values, "value_min": Decimal(1), "value_max": Decimal(1)}], schema=SCHEMAS[CONTRIBUTIONS])


def append_all(location: str, commits: int, writer: int) -> None:
    """One process: appends of its own, by path, as fast as it can."""
    for batch in range(1, commits + 1):
        write_deltalake(location, row(batch, writer), mode="append")


@pytest.mark.proves("C6", "F51")
@pytest.mark.parametrize("commits", COMMITS)
def test_two_processes_that_append_what_is_their_own_lose_no_commit(location: str, commits: int) -> None:
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as processes:
        list(processes.map(partial(append_all, location, commits), (0, 1)))
    assert len(oracle.rows(location)) == 2 * commits
    assert DeltaTable(location).version() == 2 * commits


@pytest.mark.proves("C6", "F51", "F54")
@pytest.mark.parametrize("commits", COMMITS)
@pytest.mark.parametrize(("by_handle", "times"), [(False, 2), (True, 1)], ids=["by path", "by handle"])
def test_two_writers_that_both_found_a_batch_missing_double_it_unless_they_compare_and_set(
    location: str, commits: int, by_handle: bool, times: int
) -> None:
    for batch in range(1, commits + 1):
        looked_at = [DeltaTable(location), DeltaTable(location)]
        assert all((table.transaction_version(APP) or 0) < batch for table in looked_at)
        for writer, table in enumerate(looked_at):
            append_if_alone(table if by_handle else DeltaTable(location), batch, writer)
    counted = Counter(one["batch"] for one in oracle.rows(location))
    assert counted == dict.fromkeys(range(1, commits + 1), times)


def append_if_alone(table: DeltaTable, batch: int, writer: int) -> None:
    try:
        append_once(table, row(batch, writer), app=APP, version=batch)
    except LostRace:
        return
