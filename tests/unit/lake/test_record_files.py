import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from spark_jobs.lake.delta_log import LOG_FOLDER
from spark_jobs.lake.record_files import PartitionRows, batch_rows, batch_totals, delete_batch, filtered_in, offsets_held
from spark_jobs.lake.schemas import RECORDS
from spark_jobs.lake.tables import Lake, LostRace
from spark_jobs.progress.offsets import OffsetRange
from tests.daily_tables import SCHEMAS
from tests.stored import drop_newest_statistics


def records(batch: int, partition: int, offsets: range, rejected: int = 0) -> pa.Table:
    return pa.Table.from_pylist(
        [
            {
                "partition": partition,
                "offset": offset,
                "kafka_timestamp": datetime(2026, 1, 1, tzinfo=UTC),
                "rejected_because": "EMPTY" if offset - offsets.start < rejected else None,
                "rounded_from": "1.0000001" if offset == offsets.stop - 1 else None,
                "batch": batch,
            }
            for offset in offsets
        ],
        schema=SCHEMAS[RECORDS],
    )


def write_records(lake: Lake, *files: pa.Table) -> DeltaTable:
    for rows in files:
        write_deltalake(lake.location(RECORDS), rows, mode="append")
    return lake.open(RECORDS)


def test_the_rows_of_a_batch_are_counted_per_partition(lake: Lake) -> None:
    table = write_records(
        lake, records(1, 0, range(5)), records(2, 0, range(5, 9), 1), records(2, 0, range(9, 11)), records(2, 1, range(3))
    )
    assert batch_rows(table, 2) == {
        0: PartitionRows(partition=0, read=6, accepted=5, rounded=2, first=5, last=10),
        1: PartitionRows(partition=1, read=3, accepted=3, rounded=1, first=0, last=2),
    }


def test_files_that_hold_several_batches_or_partitions_are_counted_row_by_row(lake: Lake) -> None:
    mixed = pa.concat_tables([records(1, 0, range(5)), records(2, 0, range(5, 9), 1), records(2, 1, range(3))])
    table = write_records(lake, mixed)
    assert batch_rows(table, 2) == {
        0: PartitionRows(partition=0, read=4, accepted=3, rounded=1, first=5, last=8),
        1: PartitionRows(partition=1, read=3, accepted=3, rounded=1, first=0, last=2),
    }


def test_a_file_without_statistics_is_counted_row_by_row(lake: Lake) -> None:
    write_records(lake, records(1, 0, range(5)), records(2, 0, range(5, 9), 1), records(2, 1, range(3)))
    drop_newest_statistics(lake, RECORDS)
    table = lake.open(RECORDS)
    assert batch_totals(table, 1)[:2] == (5, 5)
    assert batch_totals(table, 2)[:2] == (7, 6)
    assert batch_rows(table, 2) == {
        0: PartitionRows(partition=0, read=4, accepted=3, rounded=1, first=5, last=8),
        1: PartitionRows(partition=1, read=3, accepted=3, rounded=1, first=0, last=2),
    }


@pytest.mark.proves("F152")
@pytest.mark.parametrize("dropped", ["numRecords", "batch", "partition", "offset", "rejected_because", "rounded_from"])
def test_a_file_with_some_of_its_statistics_is_counted_row_by_row(lake: Lake, dropped: str) -> None:
    write_records(lake, pa.concat_tables([records(1, 0, range(5)), records(2, 1, range(5, 9), 1)]), records(2, 1, range(9, 11)))
    drop_statistics_of(lake, dropped)
    table = lake.open(RECORDS)
    assert batch_totals(table, 1)[:2] == (5, 5)
    assert batch_totals(table, 2)[:2] == (6, 5)
    assert batch_rows(table, 2) == {1: PartitionRows(partition=1, read=6, accepted=5, rounded=2, first=5, last=10)}


def drop_statistics_of(lake: Lake, what: str) -> None:
    """Take one count or one column out of every file's statistics, as a writer that was told to leave it out."""
    for commit in Path(lake.location(RECORDS), LOG_FOLDER).glob("*.json"):
        actions = [json.loads(line) for line in commit.read_text().splitlines()]
        for one in actions:
            if stats := json.loads(one.get("add", {}).get("stats", "{}")):
                kept = {name: stats[name] for name in stats if name != what}
                one["add"]["stats"] = json.dumps({name: _without(value, what) for name, value in kept.items()})
        commit.write_text("".join(json.dumps(one) + "\n" for one in actions))


def _without(value: Any, what: str) -> Any:
    return {name: one for name, one in value.items() if name != what} if isinstance(value, dict) else value


def test_a_batch_is_totalled_whether_or_not_others_share_its_files(lake: Lake) -> None:
    table = write_records(lake, pa.concat_tables([records(1, 0, range(5), 2), records(1, 1, range(3))]), records(1, 2, range(2)))
    assert batch_totals(table, 1)[:2] == (10, 8)
    table = write_records(lake, pa.concat_tables([records(2, 0, range(5, 9), 1), records(3, 0, range(9, 11))]))
    assert [batch_totals(table, batch)[:2] for batch in (1, 2, 3, 4)] == [(10, 8), (4, 3), (2, 2), (0, 0)]


def test_exact_and_shared_files_of_one_batch_count_together(lake: Lake) -> None:
    shared = pa.concat_tables([records(1, 0, range(5), 2), records(1, 1, range(3))])
    table = write_records(lake, shared, records(1, 1, range(3, 70_000)), records(1, 1, range(70_000, 200_000)))
    assert batch_rows(table, 1) == {
        0: PartitionRows(partition=0, read=5, accepted=3, rounded=1, first=0, last=4),
        1: PartitionRows(partition=1, read=200_000, accepted=200_000, rounded=3, first=0, last=199_999),
    }


def test_each_offset_of_a_range_is_held_or_not(lake: Lake) -> None:
    shared = pa.concat_tables([records(2, 5, range(7, 9)), records(2, 0, range(12, 14)), records(2, 1, range(4))])
    table = write_records(lake, records(1, 0, range(5)), shared, records(2, 5, range(10, 11)))
    held = offsets_held(table, 2, [OffsetRange(5, 6, 12), OffsetRange(0, 10, 14), OffsetRange(3, 0, 2)])
    assert {partition: marks.astype(int).tolist() for partition, marks in held.items()} == {
        5: [0, 1, 1, 0, 1, 0],
        0: [0, 0, 1, 1],
        3: [0, 0],
    }


def test_a_batch_without_rows_has_no_counts(lake: Lake) -> None:
    assert batch_rows(lake.open(RECORDS), 1) == {}
    assert batch_rows(write_records(lake, records(1, 0, range(5))), 2) == {}


def test_only_the_batch_that_is_deleted_goes(lake: Lake) -> None:
    table = write_records(lake, records(1, 0, range(5)), records(2, 0, range(5, 9)))
    delete_batch(table, 2, app="p/records")
    assert [set(batch_rows(lake.open(RECORDS), batch)) for batch in (1, 2)] == [{0}, set()]


def test_of_two_who_delete_a_batch_the_second_gets_an_error(lake: Lake) -> None:
    first = write_records(lake, records(1, 0, range(5)))
    second = lake.open(RECORDS)
    delete_batch(first, 1, app="p/records")
    with pytest.raises(LostRace):
        delete_batch(second, 1, app="p/records")


def test_a_file_without_statistics_says_nothing_of_filtered_records(lake: Lake) -> None:
    table = write_records(lake, records(1, 0, range(5)))
    drop_newest_statistics(lake, RECORDS)
    (file,) = pa.table(lake.open(RECORDS).get_add_actions(flatten=True)).to_pylist()
    assert table.version() == 1
    assert filtered_in(file) is None
