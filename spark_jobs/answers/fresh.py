"""Which daily averages some finished batches changed, and what they are now. Two small tables by delta-rs: no Spark, no broker.

For whoever works on after a run, as the DAG that waits for the asset does. Knows no Airflow.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import pyarrow as pa

from spark_jobs.aggregates.aggregate import BATCH, REVISION
from spark_jobs.aggregates.daily_average import DAILY_AVERAGE
from spark_jobs.lake.rows import read_rows
from spark_jobs.lake.schemas import CONTRIBUTIONS, DAILY_AVERAGES
from spark_jobs.lake.tables import Lake
from spark_jobs.progress.ledger import LedgerRow, done_rows

_GROUP, _WINDOW = DAILY_AVERAGE.group, DAILY_AVERAGE.window
COLUMNS = (
    _WINDOW.column,
    *(one.column for one in DAILY_AVERAGE.dimensions),
    *(one.column for one in DAILY_AVERAGE.results),
    DAILY_AVERAGE.count.column,
    REVISION,
    BATCH,
)


@dataclass(frozen=True)
class FreshAverages:
    """The averages that `batches` changed. `rows` has one row per partition and date, the newest day first, with the columns
    partition, date, average, the count of readings, revision, and batch, which is the last one that touched the row.
    """

    batches: tuple[int, ...]
    rows: pa.Table

    @property
    def changed_since(self) -> int:
        """Rows that a batch other than these has touched since: they hold its readings, too."""
        return sum(batch not in self.batches for batch in self.rows["batch"].to_pylist())

    def newest(self, count: int) -> list[dict[str, Any]]:
        """So many rows as plain values: dates in ISO form, averages as exact texts."""
        rows = self.rows.slice(0, count).to_pylist()
        return [{name: _plain(value) for name, value in row.items()} for row in rows]


def _plain(value: Any) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value


def fresh_averages(lake: Lake, batches: Collection[int]) -> FreshAverages:
    """The rows of `daily_averages` of each (partition, date) that these batches contributed to, as the newest version has them.

    A batch without contributions, because it was abandoned or had no readings, adds nothing. `TableDamaged` if a table cannot be
    read.
    """
    touched = read_rows(lake.open(CONTRIBUTIONS), _GROUP, [(BATCH, "in", sorted(batches))])
    days = touched.group_by(list(_GROUP), use_threads=False).aggregate([])
    averages = read_rows(lake.open(DAILY_AVERAGES), COLUMNS, [(_WINDOW.column, "in", days[_WINDOW.column].unique().to_pylist())])
    rows = averages.join(days, list(_GROUP), join_type="inner", use_threads=False)
    return FreshAverages(
        tuple(sorted(batches)),
        rows.sort_by([(_WINDOW.column, "descending"), *((one.column, "ascending") for one in DAILY_AVERAGE.dimensions)]),
    )


def batches_of_runs(rows: Iterable[LedgerRow]) -> dict[str, set[int]]:
    """The finished batches of each run, by the rows of the checkpoints; a run without any is not there."""
    found: dict[str, set[int]] = {}
    for row in done_rows(rows):
        found.setdefault(row.run_id, set()).add(row.batch)
    return found
