"""Spark takes a path for text, delta-rs for a part of a URI: a batch's records are written and read in a folder with all allowed
characters.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from spark_jobs.aggregates.daily_average import DAILY_AVERAGE
from spark_jobs.lake.record_files import batch_rows, new_folder, written_files
from spark_jobs.lake.schemas import RECORDS
from spark_jobs.lake.tables import Lake, add_files
from spark_jobs.run.spark_engine import read_stored, write_parquet
from tests.folder_names import AWKWARD

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

EXPRESSIONS = (
    "cast(id % 2 as int) partition, id offset, current_timestamp() kafka_timestamp, cast(null as binary) key, "
    "current_timestamp() event_time, current_date() date, cast(1 as decimal(18,6)) value, cast(null as string) rounded_from, "
    "cast(null as string) rejected_because, cast(null as binary) raw, cast(1 as bigint) batch"
)


@pytest.mark.thorough
@pytest.mark.proves("F195")
@pytest.mark.parametrize("name", AWKWARD)
def test_records_are_written_to_and_read_from_a_folder_of_any_name(name: str, tmp_path: Path, spark: "SparkSession") -> None:
    lake = Lake(str(tmp_path / name), "p")
    lake.create_missing()
    frame = spark.range(6, numPartitions=2).selectExpr(*EXPRESSIONS.split(", "))
    folder = new_folder(1)
    write_parquet(frame, f"{lake.location(RECORDS)}/{folder}")
    add_files(lake.open(RECORDS), written_files(lake, folder), app=lake.app(RECORDS), version=1)
    assert sum(one.read for one in batch_rows(lake.open(RECORDS), 1).values()) == 6
    assert read_stored(spark, lake, (1, 1), DAILY_AVERAGE).count() == 6
    assert [path.name for path in tmp_path.iterdir()] == [name]
