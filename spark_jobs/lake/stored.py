"""The tables of a pipeline as its newest plan fills them, for whoever reads what is there: settings may have changed since."""

from contextlib import suppress

import pyarrow as pa
from deltalake.exceptions import DeltaError

from spark_jobs.base.errors import DayfoldError
from spark_jobs.lake.checkpoint_log import CheckpointLog
from spark_jobs.lake.schemas import CHECKPOINTS, layout_of
from spark_jobs.lake.tables import Lake
from spark_jobs.pipeline.settings import Pipeline
from spark_jobs.progress.ledger import Planned
from spark_jobs.progress.stored_plans import UNREADABLE

_UNREAD = (DayfoldError, DeltaError, OSError, pa.ArrowException, *UNREADABLE)
"""What a look at checkpoints may end in that are damaged: who needs them says so."""


def stored_lake(pipeline: Pipeline) -> Lake:
    """Those of the settings, where no plan can be read."""
    return as_stored(Lake.of(pipeline))


def as_stored(lake: Lake) -> Lake:
    """The same lake with the tables that its newest plan fills."""
    with suppress(*_UNREAD):
        return lake.defined_by(CheckpointLog(lake).progress.definition if lake.exists(CHECKPOINTS) else None)
    return lake


def planned_fields(lake: Lake) -> pa.Schema:
    """The columns that any plan has declared for `records`; none where no plan can be read."""
    found: dict[str, pa.DataType] = {}
    with suppress(*_UNREAD):
        rows = CheckpointLog(lake).rows if lake.exists(CHECKPOINTS) else []
        for row in rows:
            if isinstance(row, Planned) and row.definition:
                found |= layout_of(row.definition.rules).fields
    return pa.schema(list(found.items()))
