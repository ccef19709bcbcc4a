"""What Spark writes and the driver commits, read back by two other readers: delta-rs and Spark's own Delta."""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from deltalake.transaction import AddAction
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from spark_jobs.aggregates.daily_average import DAILY_AVERAGE
from spark_jobs.lake.record_files import PartitionRows, batch_rows, new_folder, written_files
from spark_jobs.lake.rows import read_rows
from spark_jobs.lake.schemas import RECORDS
from spark_jobs.lake.tables import Lake, add_files
from spark_jobs.run.spark_engine import read_stored, write_parquet
from tests.stored import empty_lake

COLUMNS = (
    "partition int, offset bigint, kafka_timestamp timestamp, key binary, event_time timestamp, date date, "
    "value decimal(18,6), rounded_from string, rejected_because string, raw binary, batch bigint"
)
INSTANT = datetime(2006, 12, 16, 17, 24, tzinfo=UTC)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return empty_lake(tmp_path / "a lake with spaces")


def accepted(offset: int, partition: int = 0, batch: int = 1) -> tuple[Any, ...]:
    rounded = "1.0000001" if offset % 2 else None
    return (partition, offset, INSTANT, b"k", INSTANT, date(2006, 12, 16), Decimal(1), rounded, None, None, batch)


def rejected(offset: int, partition: int = 0, batch: int = 1) -> tuple[Any, ...]:
    return (partition, offset, INSTANT, None, None, None, None, None, "EMPTY", b"", batch)


def frame(spark: SparkSession, *rows: tuple[Any, ...], files: int = 1) -> DataFrame:
    return spark.createDataFrame(list(rows), COLUMNS).repartitionByRange(files, "partition", "offset")


def written(records: DataFrame, lake: Lake) -> list[AddAction]:
    folder = new_folder(1)
    write_parquet(records, f"{lake.location(RECORDS)}/{folder}")
    return written_files(lake, folder)


def commit(lake: Lake, records: DataFrame, batch: int = 1) -> None:
    table = lake.open(RECORDS)
    add_files(table, written(records, lake), app=lake.app(RECORDS), version=batch)


def test_what_was_committed_is_what_every_reader_finds(spark: SparkSession, lake: Lake) -> None:
    commit(lake, frame(spark, *(accepted(offset) for offset in range(4)), *(rejected(offset, 1) for offset in range(3)), files=2))
    by_delta_rs = read_rows(lake.open(RECORDS)).sort_by([("partition", "ascending"), ("offset", "ascending")])
    by_spark = spark.read.format("delta").load(lake.location(RECORDS)).orderBy("partition", "offset").toArrow()
    assert by_spark.to_pylist() == by_delta_rs.to_pylist()
    assert by_delta_rs.num_rows == 7
    averaged = read_stored(spark, lake, (1, 1), DAILY_AVERAGE).collect()
    assert sorted(row["rejected_because"] or "" for row in averaged) == ["", "", "", "", "EMPTY", "EMPTY", "EMPTY"]


def test_statistics_count_exactly_what_the_files_hold(spark: SparkSession, lake: Lake) -> None:
    rows = [accepted(3), rejected(4), accepted(6), *(rejected(offset, 1) for offset in range(3)), accepted(9, 2)]
    commit(lake, frame(spark, *rows, files=3))
    expected = {
        0: PartitionRows(partition=0, read=3, accepted=2, rounded=1, first=3, last=6),
        1: PartitionRows(partition=1, read=3, accepted=0, rounded=0, first=0, last=2),
        2: PartitionRows(partition=2, read=1, accepted=1, rounded=1, first=9, last=9),
    }
    assert batch_rows(lake.open(RECORDS), 1) == expected


def test_a_batch_without_records_is_committed_without_files(spark: SparkSession, lake: Lake) -> None:
    commit(lake, frame(spark))
    table = lake.open(RECORDS)
    assert (table.file_uris(), lake.known_batch(table), batch_rows(table, 1)) == ([], 1, {})


@pytest.mark.group("DF")
@pytest.mark.proves("F60")
def test_files_of_an_attempt_that_was_never_committed_are_part_of_nothing(spark: SparkSession, lake: Lake) -> None:
    written(frame(spark, accepted(0)), lake)
    commit(lake, frame(spark, accepted(0)))
    assert read_rows(lake.open(RECORDS)).num_rows == 1
    assert read_stored(spark, lake, (1, 1), DAILY_AVERAGE).count() == 1


@pytest.mark.group("DF")
@pytest.mark.proves("F57", "F64")
def test_files_that_are_not_of_the_tables_columns_are_not_committed(spark: SparkSession, lake: Lake) -> None:
    wrong = frame(spark, accepted(0)).withColumn("value", F.col("value").cast("string"))
    with pytest.raises(TypeError, match=r"^value: string instead of decimal128\(18, 6\)$"):
        written(wrong, lake)
