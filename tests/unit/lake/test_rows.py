from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest

from spark_jobs.base.errors import TableDamaged
from spark_jobs.lake.rows import Condition, count_rows, read_batches, read_rows, require_files
from spark_jobs.lake.tables import Lake, append_once
from tests.daily_tables import CONTRIBUTIONS, SCHEMAS
from tests.stored import drop_newest_statistics


@pytest.fixture
def lake(lake: Lake) -> Lake:
    """Three batches with two rows each, on two days: of the batch, and of the day after."""
    for batch in (1, 2, 3):
        rows = [{"batch": batch, "partition": 0, "date": date(2006, 12, batch + later)} for later in (0, 1)]
        table = pa.Table.from_pylist(rows, schema=SCHEMAS[CONTRIBUTIONS])
        append_once(lake.open(CONTRIBUTIONS), table, app=lake.app(CONTRIBUTIONS), version=batch)
    return lake


def file_of(lake: Lake, batch: int) -> Path:
    files = pa.table(lake.open(CONTRIBUTIONS).get_add_actions(flatten=True)).to_pylist()
    (path,) = [one["path"] for one in files if one["min.batch"] == batch]
    return Path(lake.location(CONTRIBUTIONS), str(path))


@pytest.mark.parametrize(
    ("where", "batches"),
    [
        ([], [1, 1, 2, 2, 3, 3]),
        ([("batch", "=", 2)], [2, 2]),
        ([("batch", "in", [1, 3])], [1, 1, 3, 3]),
        ([("batch", ">=", 2), ("date", "=", date(2006, 12, 3))], [2, 3]),
        ([("batch", "=", 4)], []),
    ],
)
def test_rows_meet_every_condition_with_statistics_and_without(lake: Lake, where: list[Condition], batches: list[int]) -> None:
    assert sorted(read_rows(lake.open(CONTRIBUTIONS), ["batch"], where)["batch"].to_pylist()) == batches
    drop_newest_statistics(lake, CONTRIBUTIONS)
    assert sorted(read_rows(lake.open(CONTRIBUTIONS), ["batch"], where)["batch"].to_pylist()) == batches


def test_rows_are_counted_by_statistics_without_opening_a_file(lake: Lake) -> None:
    assert count_rows(lake.open(CONTRIBUTIONS)) == 6
    file_of(lake, 3).rename(file_of(lake, 3).with_suffix(".away"))
    assert count_rows(lake.open(CONTRIBUTIONS)) == 6, "statistics need no file"


def test_rows_of_a_file_without_statistics_are_counted_in_the_file(lake: Lake) -> None:
    newest = file_of(lake, 3)
    drop_newest_statistics(lake, CONTRIBUTIONS)
    assert count_rows(lake.open(CONTRIBUTIONS)) == 6
    newest.unlink()
    with pytest.raises(TableDamaged, match="a file of it cannot be read"):
        count_rows(lake.open(CONTRIBUTIONS))


def test_a_file_that_is_gone_or_cut_short_is_no_fewer_rows(lake: Lake) -> None:
    file = file_of(lake, 2)
    whole = file.read_bytes()
    for damage in (file.unlink, lambda: file.write_bytes(whole[:-9])):
        damage()
        with pytest.raises(TableDamaged, match="contributions: a file of it cannot be read"):
            list(read_batches(lake.open(CONTRIBUTIONS), ["batch"], [("batch", "=", 2)]))
        assert read_rows(lake.open(CONTRIBUTIONS), where=[("batch", "=", 3)]).num_rows == 2


def test_files_are_looked_at_from_a_batch_on(lake: Lake) -> None:
    file = file_of(lake, 2)
    whole = file.read_bytes()
    file.write_bytes(whole[:-9])
    require_files(lake, CONTRIBUTIONS, lake.open(CONTRIBUTIONS), 3)
    with pytest.raises(TableDamaged, match=f"has {len(whole) - 9:,} of {len(whole):,} bytes"):
        require_files(lake, CONTRIBUTIONS, lake.open(CONTRIBUTIONS), 2)
    file.unlink()
    with pytest.raises(TableDamaged, match="is missing"):
        require_files(lake, CONTRIBUTIONS, lake.open(CONTRIBUTIONS), 1)


def test_a_file_without_statistics_is_looked_at_whatever_the_batch(lake: Lake) -> None:
    newest = file_of(lake, 3)
    drop_newest_statistics(lake, CONTRIBUTIONS)
    require_files(lake, CONTRIBUTIONS, lake.open(CONTRIBUTIONS), 9)
    newest.unlink()
    with pytest.raises(TableDamaged, match="is missing"):
        require_files(lake, CONTRIBUTIONS, lake.open(CONTRIBUTIONS), 9)
