import shutil
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from spark_jobs.aggregates.daily_average import DAILY_AVERAGE
from spark_jobs.base.errors import TableDamaged
from spark_jobs.lake.delta_log import TableLog
from spark_jobs.lake.rows import read_rows
from spark_jobs.lake.schemas import RECORDS
from spark_jobs.lake.tables import Lake, LostRace, add_files, append_once, merge_totals, require_schema
from tests.daily_tables import CONTRIBUTIONS, DAILY_AVERAGES, SCHEMAS
from tests.stored import contributions

DAY = date(2006, 12, 16)


def table_of(name: str, *rows: dict[str, Any]) -> pa.Table:
    return pa.Table.from_pylist(list(rows), schema=SCHEMAS[name])


def averages(batch: int, total: int) -> pa.Table:
    row = {"partition": 0, "date": DAY, "value_sum": Decimal(total), "value_count": 1, "revision": 1, "batch": batch}
    return table_of(DAILY_AVERAGES, row)


def test_tables_are_created_once_and_keep_their_ids(lake: Lake) -> None:
    ids = lake.ids()
    lake.create_missing()
    assert lake.ids() == ids
    assert set(ids) == {RECORDS, CONTRIBUTIONS, DAILY_AVERAGES}


@pytest.mark.group("DF")
@pytest.mark.proves("F63")
def test_tables_need_nothing_that_other_readers_do_not_know(lake: Lake) -> None:
    protocols = [lake.open(name).protocol() for name in SCHEMAS]
    assert {(one.min_reader_version, one.min_writer_version) for one in protocols} == {(1, 2)}


def test_a_missing_table_is_named_with_its_place(lake: Lake) -> None:
    with pytest.raises(TableDamaged, match=r"nowhere: missing at .*/p/nowhere"):
        lake.open("nowhere")


@pytest.mark.group("DF")
@pytest.mark.proves("F53", "F54")
def test_of_two_writers_with_the_same_batch_the_second_gets_an_error(lake: Lake) -> None:
    first, second = lake.open(CONTRIBUTIONS), lake.open(CONTRIBUTIONS)
    append_once(first, contributions(1, [0]), app="p/contributions", version=1)
    with pytest.raises(LostRace):
        append_once(second, contributions(1, [0]), app="p/contributions", version=1)
    assert read_rows(lake.open(CONTRIBUTIONS)).num_rows == 1


def test_of_two_writers_of_the_same_files_the_second_gets_an_error_even_if_there_are_none(lake: Lake) -> None:
    first, second = lake.open(RECORDS), lake.open(RECORDS)
    add_files(first, [], app=lake.app(RECORDS), version=1)
    with pytest.raises(LostRace):
        add_files(second, [], app=lake.app(RECORDS), version=1)
    assert [lake.known_batch(lake.open(name)) for name in (RECORDS, CONTRIBUTIONS)] == [1, 0]


def test_rows_that_do_not_fit_the_table_are_refused_with_every_difference(lake: Lake) -> None:
    wrong = pa.table({"batch": ["1"], "colour": ["blue"]})
    with pytest.raises(TypeError, match=r"batch: string instead of int64; colour: string instead of nothing; date: missing"):
        append_once(lake.open(CONTRIBUTIONS), wrong, app="a", version=1)
    with pytest.raises(TypeError):
        require_schema(wrong.schema, SCHEMAS[CONTRIBUTIONS])


def merged(lake: Lake, *steps: tuple[int, int]) -> dict[str, Any]:
    for batch, total in steps:
        merge_totals(lake.open(DAILY_AVERAGES), averages(batch, total), DAILY_AVERAGE, app="p/daily_averages", version=batch)
    (row,) = read_rows(lake.open(DAILY_AVERAGES)).to_pylist()
    return dict(row)


def test_merging_a_batch_again_changes_nothing(lake: Lake) -> None:
    row = merged(lake, (1, 10), (1, 10))
    assert (row["value_sum"], row["revision"], row["batch"]) == (10, 1, 1)


def test_a_later_batch_raises_the_revision_once(lake: Lake) -> None:
    row = merged(lake, (1, 10), (2, 15), (2, 15))
    assert (row["value_sum"], row["revision"], row["batch"]) == (15, 2, 2)


@pytest.mark.group("DF")
@pytest.mark.proves("C4")
def test_a_writer_that_slept_until_the_log_was_cleaned_up_is_told_and_writes_nothing(lake: Lake) -> None:
    table = lake.open(CONTRIBUTIONS)
    for batch in (1, 2, 3):
        append_once(lake.open(CONTRIBUTIONS), contributions(batch, [0]), app=lake.app(CONTRIBUTIONS), version=batch)
    lake.open(CONTRIBUTIONS).create_checkpoint()
    commits = TableLog(lake.location(CONTRIBUTIONS)).commits
    for commit in commits[:-1]:
        (Path(lake.location(CONTRIBUTIONS)) / commit.path).unlink()
    with pytest.raises(LostRace, match="cleaned up"):
        append_once(table, contributions(1, [0]), app=lake.app(CONTRIBUTIONS), version=1)
    assert sorted(read_rows(lake.open(CONTRIBUTIONS))["batch"].to_pylist()) == [1, 2, 3]
    assert [commit.version for commit in TableLog(lake.location(CONTRIBUTIONS)).commits] == [3]


def test_an_older_batch_cannot_put_old_sums_back(lake: Lake) -> None:
    row = merged(lake, (1, 10), (2, 15), (1, 10))
    assert (row["value_sum"], row["revision"], row["batch"]) == (15, 2, 2)


def test_a_table_that_is_looked_at_again_is_the_newest_version_by_the_same_handle(lake: Lake) -> None:
    looked_at = lake.look(CONTRIBUTIONS)
    append_once(lake.open(CONTRIBUTIONS), contributions(1), app=lake.app(CONTRIBUTIONS), version=1)
    assert lake.look(CONTRIBUTIONS) is looked_at
    assert lake.known_batch(looked_at) == 1
    assert read_rows(looked_at).num_rows == contributions(1).num_rows


def test_what_is_looked_at_meanwhile_leaves_the_handle_that_is_committed_through_where_it_was(lake: Lake) -> None:
    mine = lake.open(CONTRIBUTIONS)
    append_once(lake.open(CONTRIBUTIONS), contributions(1), app=lake.app(CONTRIBUTIONS), version=1)
    lake.look(CONTRIBUTIONS)
    with pytest.raises(LostRace):
        append_once(mine, contributions(1), app=lake.app(CONTRIBUTIONS), version=1)


def test_a_table_that_is_gone_when_it_is_looked_at_again_is_missing(lake: Lake) -> None:
    lake.look(CONTRIBUTIONS)
    shutil.rmtree(lake.location(CONTRIBUTIONS))
    with pytest.raises(TableDamaged, match="missing"):
        lake.look(CONTRIBUTIONS)
