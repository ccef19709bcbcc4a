"""Reading back what contestants have stored, by delta-rs and the csv module."""

import csv
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable

from benchmarks.oracle import Key


def delta_averages(location: Path, count: str) -> dict[Key, tuple[Decimal, int]]:
    """Columns partition, date, average and the named count; a day that is there twice is an error."""
    rows = DeltaTable(str(location)).to_pyarrow_dataset().to_table(["partition", "date", "average", count], use_threads=False)
    return _by_day([(row["partition"], str(row["date"]), row["average"], row[count]) for row in rows.to_pylist()])


def delta_records(location: Path) -> int:
    """Rows that the table's log counts."""
    files = pa.table(DeltaTable(str(location)).get_add_actions(flatten=True))
    return int(pc.sum(files["num_records"]).as_py() or 0)


def csv_averages(location: Path, *, header: bool) -> dict[Key, tuple[Decimal, int]]:
    """Columns partition, date, average, count of one file, or of all files below a folder."""
    files = sorted(path for path in location.rglob("*") if path.is_file()) if location.is_dir() else [location]
    rows = [row for path in files for row in list(csv.reader(path.read_text().splitlines()))[header:]]
    return _by_day([(int(row[0]), row[1], row[2], int(row[3])) for row in rows])


def _by_day(rows: list[tuple[int, str, object, int]]) -> dict[Key, tuple[Decimal, int]]:
    found = {(partition, date): (Decimal(str(average)), count) for partition, date, average, count in rows}
    if len(found) != len(rows):
        raise ValueError(f"{len(rows) - len(found)} days are stored twice")
    return found
