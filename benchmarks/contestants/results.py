"""Reading back what contestants have stored, by delta-rs and the csv module."""

import csv
from collections.abc import Sequence
from datetime import UTC
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable

from benchmarks.ads import Key as AdKey
from benchmarks.ads import Total, Totals
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


def delta_totals(folder: Path, by: str = "channel", aggregates: Sequence[str] = ("hourly", "daily")) -> Totals:
    """Tables named like the aggregates; a group that is there twice is an error. Of one user there is one."""
    found: list[tuple[AdKey, Total]] = []
    for name in aggregates:
        for row in DeltaTable(str(folder / name)).to_pyarrow_dataset().to_table(use_threads=False).to_pylist():
            window = row["window_start"].astimezone(UTC).isoformat()[:13] if "window_start" in row else str(row["date"])
            found.append(((name, window, row[by]), (row["events"], row["cost"], row.get("users", 1))))
    return _once(found)


def csv_totals(folder: Path) -> Totals:
    """Columns window, channel, events, cost, users of all files below `hourly` and `daily`."""
    found: list[tuple[AdKey, Total]] = []
    for name in ("hourly", "daily"):
        for path in sorted(one for one in (folder / name).rglob("*") if one.is_file()):
            for window, channel, events, cost, users in csv.reader(path.read_text().splitlines()):
                found.append(((name, window, channel), (int(events), Decimal(cost), int(users))))
    return _once(found)


def _once(found: list[tuple[AdKey, Total]]) -> Totals:
    totals = dict(found)
    if len(totals) != len(found):
        raise ValueError(f"{len(found) - len(totals)} groups are stored twice")
    return totals


def _by_day(rows: list[tuple[int, str, object, int]]) -> dict[Key, tuple[Decimal, int]]:
    found = {(partition, date): (Decimal(str(average)), count) for partition, date, average, count in rows}
    if len(found) != len(rows):
        raise ValueError(f"{len(rows) - len(found)} days are stored twice")
    return found
