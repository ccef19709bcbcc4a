"""Whether what the table `records` holds of an unfinished batch is what the batch was planned to read, each record once.

A run asks it before anything is added up, and `dayfold plan` before a run.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping

import numpy as np
import numpy.typing as npt

from spark_jobs.base.errors import TableDamaged
from spark_jobs.base.wording import counted
from spark_jobs.lake.health import way_back
from spark_jobs.lake.record_files import PartitionRows, offsets_held
from spark_jobs.lake.schemas import RECORDS
from spark_jobs.lake.tables import Lake
from spark_jobs.progress.offsets import OffsetRange, Plan
from spark_jobs.progress.standing import Standing

Rows = Mapping[int, PartitionRows]
"""What is stored of a batch, by partition."""

Held = Mapping[int, npt.NDArray[np.bool_]]
"""Of each offset of a range, by partition, whether it has a record."""


def require_planned_records(lake: Lake, plan: Plan, rows: Rows, standing: Callable[[], Standing]) -> Held:
    """Which offsets of each range have a record; raises `TableDamaged` if one is outside of its range, or there twice."""
    held = _held(lake, plan, () if any(rows_outside(plan, rows)) else plan.ranges)
    for what in (*_others(plan, rows), *_doubled(rows, held)):
        raise TableDamaged(RECORDS, f"batch {plan.batch} holds {what}", _way_on(lake, standing()))
    return held


def _way_on(lake: Lake, standing: Standing) -> str:
    if standing.counts_already:
        return way_back(lake, RECORDS)
    return "Nothing was averaged; restore the table or abandon the batch with --abandon."


def rows_outside(plan: Plan, rows: Rows) -> Iterator[PartitionRows]:
    """What was found of partitions whose planned range does not hold it."""
    ranges = {one.partition: one for one in plan.ranges}
    for number, found in rows.items():
        planned_range = ranges.get(number, OffsetRange(number, 0, 0))
        if found.read > planned_range.span or found.first < planned_range.start or found.last >= planned_range.end:
            yield found


def _others(plan: Plan, rows: Rows) -> Iterator[str]:
    for one in rows_outside(plan, rows):
        yield (
            f"{counted(one.read, 'record')} at offsets {one.first} to {one.last} of partition {one.partition}, which are more "
            "than were planned or others"
        )


def _held(lake: Lake, plan: Plan, ranges: Iterable[OffsetRange]) -> Held:
    read = [one for one in ranges if one.span]
    return offsets_held(lake.look(RECORDS), plan.batch, read) if read else {}


def _doubled(rows: Rows, held: Held) -> Iterator[str]:
    """Counts do not show it: a record too many and a marker without any are as many as a range without either."""
    for number, found in held.items():
        more = (rows[number].read if number in rows else 0) - int(np.count_nonzero(found))
        if more:
            yield f"{counted(more, 'record')} of partition {number} more than there are offsets"
