"""The tables of a pipeline as its newest plan fills them, for whoever reads what is there: settings may have changed since."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace

import pyarrow as pa
from deltalake.exceptions import DeltaError

from spark_jobs.base.errors import DayfoldError
from spark_jobs.lake.checkpoint_log import CheckpointLog
from spark_jobs.lake.schemas import CHECKPOINTS, Layout, layout_of, layout_of_all
from spark_jobs.lake.tables import Lake
from spark_jobs.pipeline.settings import Pipeline
from spark_jobs.progress.ledger import Done, LedgerRow, Outset, Planned
from spark_jobs.progress.stored_plans import UNREADABLE

_UNREAD = (DayfoldError, DeltaError, OSError, pa.ArrowException, *UNREADABLE)
"""What a look at checkpoints may end in that are damaged: who needs them says so."""


def stored_lake(pipeline: Pipeline) -> Lake:
    """Those of the settings, where no plan can be read."""
    return as_stored(Lake.of(pipeline))


def as_stored(lake: Lake) -> Lake:
    """The same lake with the tables that its newest plan fills."""
    with suppress(*_UNREAD):
        return lake.defined_by(CheckpointLog(lake).progress.planned if lake.exists(CHECKPOINTS) else None)
    return lake


def as_counted(lake: Lake) -> Lake:
    """The same lake with the tables that finished batches have filled: those of the last one, and of aggregates that were taken
    out of the file, as far as they are still there. Those of the newest plan, where no batch is finished.
    """
    lake = as_stored(lake)
    layouts: list[Layout] = []
    with suppress(*_UNREAD):
        layouts = list(_counted_layouts(CheckpointLog(lake).rows))
    if not layouts:
        return lake
    layout = layout_of_all(layouts)
    there = tuple(one for one in layout.aggregates if one in layouts[-1].aggregates or lake.exists(one.name))
    return replace(lake, layout=replace(layout, aggregates=there))


def _counted_layouts(rows: Iterable[LedgerRow]) -> Iterator[Layout]:
    """What finished batches filled, oldest first, each time that it is another."""
    planned, before = None, None
    for row in rows:
        if isinstance(row, Planned):
            planned = row.definition
        elif isinstance(row, Done) and planned:
            layout = layout_of(planned.rules)
            if layout != before:
                yield layout
            before = layout


def planned_fields(lake: Lake) -> pa.Schema:
    """The columns that any plan has declared for `records`; none where no plan can be read."""
    found: dict[str, pa.DataType] = {}
    with suppress(*_UNREAD):
        rows = CheckpointLog(lake).rows if lake.exists(CHECKPOINTS) else []
        for row in rows:
            if isinstance(row, Planned) and row.definition:
                found |= layout_of(row.definition.rules).fields
    return pa.schema(list(found.items()))


def planned_tables(lake: Lake) -> tuple[str, ...]:
    """The tables of the settings, and after them all others that any plan was made for, as far as plans can be read."""
    found: list[str] = []
    with suppress(*_UNREAD):
        for row in CheckpointLog(lake).rows if lake.exists(CHECKPOINTS) else []:
            if isinstance(row, Planned) and isinstance(row.outset, Outset):
                found += row.outset.table_ids
    return tuple(dict.fromkeys([*lake.filled, *found]))
