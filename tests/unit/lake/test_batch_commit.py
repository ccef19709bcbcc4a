"""A batch's commit beside other writers of the table, on real tables."""

from functools import partial
from pathlib import Path

import pytest
from deltalake import DeltaTable

from spark_jobs.base.errors import TryAgain
from spark_jobs.lake.batch_commit import commit_batch
from spark_jobs.lake.delta_log import TableLog
from spark_jobs.lake.rows import read_rows
from spark_jobs.lake.tables import Lake, LostRace, append_once
from tests.daily_tables import CONTRIBUTIONS
from tests.stored import contributions

pytestmark = [pytest.mark.group("CC"), pytest.mark.proves("F55")]


def append(table: DeltaTable, lake: Lake, batch: int) -> None:
    append_once(table, contributions(batch, [0]), app=lake.app(CONTRIBUTIONS), version=batch)


def clean_up(lake: Lake) -> None:
    """What maintenance leaves of a log after a month in which it alone wrote."""
    for number in range(3):
        lake.open(CONTRIBUTIONS).alter.set_table_properties({"delta.logRetentionDuration": f"interval {number + 1} days"})
    lake.open(CONTRIBUTIONS).create_checkpoint()
    for commit in TableLog(lake.location(CONTRIBUTIONS)).commits[:-1]:
        (Path(lake.location(CONTRIBUTIONS)) / commit.path).unlink()


def batches(lake: Lake) -> list[int]:
    return sorted(read_rows(lake.open(CONTRIBUTIONS))["batch"].to_pylist())


def test_a_race_lost_to_a_commit_that_wrote_no_batch_is_run_again(lake: Lake) -> None:
    table = lake.open(CONTRIBUTIONS)
    clean_up(lake)
    commit_batch(lake, table, 1, partial(append, lake=lake, batch=1), attempts=2)
    assert batches(lake) == [1]


def test_a_race_lost_to_the_same_batch_leaves_its_rows(lake: Lake) -> None:
    table = lake.open(CONTRIBUTIONS)
    append(lake.open(CONTRIBUTIONS), lake, 1)
    commit_batch(lake, table, 1, partial(append, lake=lake, batch=1))
    assert batches(lake) == [1]


@pytest.mark.parametrize("attempts", [1, 3])
def test_whoever_loses_every_race_is_told_to_try_again(lake: Lake, attempts: int) -> None:
    lost = []

    def lose(table: DeltaTable) -> None:
        lost.append(table.version())
        clean_up(lake)
        append(table, lake, 1)

    with pytest.raises(TryAgain, match="the contributions of batch 1 could not be committed"):
        commit_batch(lake, lake.open(CONTRIBUTIONS), 1, lose, attempts)
    assert len(lost) == attempts
    assert batches(lake) == []


@pytest.mark.proves("F156")
@pytest.mark.parametrize("lands", [True, False], ids=["refused after it landed", "refused and nothing landed"])
def test_what_the_table_holds_decides_and_not_what_the_store_said(lake: Lake, lands: bool) -> None:
    asked = []

    def commit(table: DeltaTable) -> None:
        asked.append(table.version())
        if lands or len(asked) > 1:
            append(table, lake, 1)
        if len(asked) == 1:
            raise LostRace("the store says that this commit exists")

    commit_batch(lake, lake.open(CONTRIBUTIONS), 1, commit, attempts=2)
    assert batches(lake) == [1]
    assert len(asked) == (1 if lands else 2)


@pytest.mark.proves("F156")
def test_a_refused_commit_that_did_not_land_is_never_taken_for_done(lake: Lake) -> None:
    def refuse(_table: DeltaTable) -> None:
        raise LostRace("the store says that this commit exists")

    with pytest.raises(TryAgain, match="the contributions of batch 1 could not be committed"):
        commit_batch(lake, lake.open(CONTRIBUTIONS), 1, refuse)
    assert batches(lake) == []
