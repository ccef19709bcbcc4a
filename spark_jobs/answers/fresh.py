"""Which totals of an aggregate some finished batches changed, and what they are now. Two tables by delta-rs: no Spark, no broker.

For whoever works on after a run, as the DAG that waits for the asset does. Knows no Airflow.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from spark_jobs.aggregates.aggregate import BATCH, REVISION, Aggregate
from spark_jobs.lake.rows import read_rows
from spark_jobs.lake.tables import Lake
from spark_jobs.progress.ledger import LedgerRow, done_rows


@dataclass(frozen=True)
class FreshTotals:
    """The totals of `aggregate` that `batches` changed. `rows` has one row per group, the newest window first: the group, its
    results and its readings; `batch` is the last one that touched the row.
    """

    aggregate: Aggregate
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


def fresh_of_all(lake: Lake, batches: Collection[int]) -> list[FreshTotals]:
    """What these batches changed, one entry for each aggregate of the tables."""
    return [fresh_totals(lake, one, batches) for one in lake.layout.aggregates]


def fresh_totals(lake: Lake, aggregate: Aggregate, batches: Collection[int]) -> FreshTotals:
    """The totals of each group that these batches contributed to, as the newest version has them.

    A batch without contributions, because it was abandoned or had no readings, adds nothing. `TableDamaged` if a table cannot be
    read.
    """
    window, group = aggregate.window.column, list(aggregate.group)
    added = read_rows(lake.open(aggregate.contributions_table), group, [(BATCH, "in", sorted(batches))])
    groups = added.group_by(group, use_threads=False).aggregate([])
    within = aggregate.within(groups) if groups.num_rows else [(BATCH, "<", 0)]
    rows = aggregate.touched(read_rows(lake.open(aggregate.name), _shown_columns(aggregate), within), groups)
    order = [(window, "descending"), *((one.column, "ascending") for one in aggregate.dimensions)]
    return FreshTotals(aggregate, tuple(sorted(batches)), rows.sort_by(order))


class Sums(NamedTuple):
    """Rows of contributions, the different groups among them, and the readings that they count."""

    rows: int
    groups: int
    readings: int


def sums_of_contributions(lake: Lake, aggregate: Aggregate, batches: Collection[int]) -> Sums:
    """What these batches added to an aggregate, as its table of contributions has it."""
    group, count = list(aggregate.group), aggregate.count.column
    added = read_rows(lake.open(aggregate.contributions_table), [*group, count], [(BATCH, "in", sorted(batches))])
    groups = added.group_by(group, use_threads=False).aggregate([])
    return Sums(added.num_rows, groups.num_rows, pc.sum(added[count]).as_py() or 0)


def _shown_columns(aggregate: Aggregate) -> tuple[str, ...]:
    dimensions = (one.column for one in aggregate.dimensions)
    of_group = (aggregate.window.column, *dimensions, *aggregate.published, aggregate.count.column)
    return *dict.fromkeys(of_group), REVISION, BATCH


def batches_of_runs(rows: Iterable[LedgerRow]) -> dict[str, set[int]]:
    """The finished batches of each run, by the rows of the checkpoints; a run without any is not there."""
    found: dict[str, set[int]] = {}
    for row in done_rows(rows):
        found.setdefault(row.run_id, set()).add(row.batch)
    return found
