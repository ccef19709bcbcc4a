"""What the disk is asked to keep of a table."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from spark_jobs.base.machine import Machine, running_on
from spark_jobs.lake.durability import sync_commits


@pytest.fixture
def kept() -> Iterator[list[str]]:
    """Names of all that the disk was asked to keep."""
    names: list[str] = []
    with running_on(Machine(keep=lambda path: names.append(path.name))):
        yield names


@pytest.fixture
def table(tmp_path: Path) -> DeltaTable:
    """A table of four versions."""
    for number in range(4):
        write_deltalake(str(tmp_path / "t"), pa.table({"n": [number]}), mode="append")
    return DeltaTable(tmp_path / "t")


def commits(names: list[str]) -> list[int]:
    return [int(Path(name).stem) for name in names if name.endswith(".json")]


def test_commits_since_a_version_are_kept_with_what_they_name(table: DeltaTable, kept: list[str]) -> None:
    sync_commits(table.table_uri, 1)
    assert commits(kept) == [2, 3]
    assert len([name for name in kept if name.endswith(".parquet")]) == 2
    assert {"t", "_delta_log"} < set(kept)


def test_from_the_beginning_on_the_tables_creation_is_kept_too(table: DeltaTable, kept: list[str]) -> None:
    sync_commits(table.table_uri, 0)
    assert commits(kept) == [0, 1, 2, 3]


def test_commits_behind_a_version_that_the_logs_cleaning_removed_are_kept(
    table: DeltaTable, kept: list[str], tmp_path: Path
) -> None:
    (tmp_path / "t" / "_delta_log" / f"{2:020d}.json").unlink()
    sync_commits(table.table_uri, 1)
    assert commits(kept) == [3]
