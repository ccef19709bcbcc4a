"""What an aggregate lacks of the past, and whether the stored records can give it: looked at before anything is planned."""

from collections.abc import Iterable, Sequence

from spark_jobs.base.errors import ConfigurationError, DecisionNeeded
from spark_jobs.base.wording import counted
from spark_jobs.lake.schemas import RECORDS, layout_of
from spark_jobs.lake.tables import Lake
from spark_jobs.pipeline.settings import Pipeline
from spark_jobs.progress.beginnings import Uncounted, uncounted_batches
from spark_jobs.progress.ledger import LedgerRow
from spark_jobs.progress.offsets import Rebuild

OTHER_WAY = (
    "To count them all the same, declare it in a pipeline with another name and another output topic, which reads them again."
)


def find_rebuild(lake: Lake, rows: Iterable[LedgerRow], name: str) -> Rebuild | None:
    """What a batch has to add for an aggregate to count all finished batches: None if it does, or if they have no readings.

    `DecisionNeeded` if the stored records cannot give it.
    """
    lacking = uncounted_batches(rows, name)
    readings = sum(one.accepted for one in lacking)
    if not readings:
        return None
    _require_columns(lake, lacking, name)
    _require_records(lake, lacking, name)
    return Rebuild(name, lacking[-1].planned.batch, readings)


def require_declared(pipeline: Pipeline, name: str) -> None:
    """Raise unless the pipeline file declares an aggregate of this name."""
    if not pipeline.aggregates:
        raise ConfigurationError(f"{pipeline.name} declares no aggregates: its daily averages count every batch")
    if name not in pipeline.aggregates:
        raise ConfigurationError(f"{pipeline.name} declares no aggregate {name}; it declares {', '.join(pipeline.aggregates)}")


def _require_columns(lake: Lake, lacking: Sequence[Uncounted], name: str) -> None:
    wanted = next(one for one in lake.layout.aggregates if one.name == name).reads
    for one in lacking:
        definition = one.planned.definition
        there = layout_of(definition.rules).schemas[RECORDS].names if definition else []
        missing = [column for column in wanted if column not in there]
        if missing:
            raise DecisionNeeded(
                f"{name} cannot be rebuilt: it needs {', '.join(missing)}, which the records of batch {one.planned.batch} were "
                f"stored without. {OTHER_WAY}"
            )


def _require_records(lake: Lake, lacking: Sequence[Uncounted], name: str) -> None:
    pruned = lake.pruned_batch(lake.look(RECORDS))
    gone = [one for one in lacking if one.planned.batch <= pruned]
    if gone:
        raise DecisionNeeded(
            f"{name} cannot be rebuilt: maintenance has pruned the records up to batch {pruned}, "
            f"{counted(len(gone), 'batch')} that it would have to count (maintenance.keep_records_days). {OTHER_WAY}"
        )
