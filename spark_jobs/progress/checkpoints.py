"""Where a pipeline stands: what the rows of its checkpoints fold to.

Progress is folded from the rows; table history and commit messages are never state. Plain values, knows no table.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from spark_jobs.progress.counts import Tally
from spark_jobs.progress.definition import Definition, defined_by
from spark_jobs.progress.ledger import (
    Abandoned,
    Adopted,
    Counted,
    Done,
    LedgerRow,
    Lost,
    Planned,
    Redefined,
    Republished,
    Unreadable,
)
from spark_jobs.progress.offsets import Plan, ends_of


@dataclass(frozen=True)
class Progress:
    """Where the pipeline stands: the fold of all rows so far. `counted` is there once an unfinished batch that keeps no records
    is.

    `definition` is what the batches that count so far follow, or what an operator decided since; None before the first of them.
    `followed` is that of the last finished batch, `planned` that of the newest plan, whatever became of it.
    `epochs` are those of the leaders of whom was read up to `ends`, where they are known.
    """

    last_batch: int = 0
    topic_id: str | None = None
    ends: Mapping[int, int] = field(default_factory=dict)
    epochs: Mapping[int, int] = field(default_factory=dict)
    table_ids: Mapping[str, str] = field(default_factory=dict)
    revisions_after: int = 0
    unfinished: Plan | None = None
    counted: Tally | None = None
    last_done: Done | None = None
    definition: Definition | None = None
    followed: Definition | None = None
    planned: Definition | None = None
    input_topic: str | None = None
    input_start: str | None = None

    @property
    def is_first_run(self) -> bool:
        return self.topic_id is None


def after(progress: Progress, row: LedgerRow) -> Progress:
    """Progress once `row` is in the log; `TableDamaged` if it cannot be understood and may have moved something."""
    match row:
        case Planned():
            return _with_plan(progress, row.plan)
        case Counted():
            return replace(progress, counted=row.tally)
        case Done():
            return _with_done(progress, row)
        case Abandoned():
            starts = {one.partition: one.start for one in row.ranges}
            return replace(progress, ends={**progress.ends, **starts}, unfinished=None, counted=None)
        case Lost():
            known = {number: epoch for number, epoch in progress.epochs.items() if number not in row.resume}
            return replace(progress, ends={**progress.ends, **row.resume}, epochs=known)
        case Adopted():
            adopted = replace(progress, topic_id=row.topic_id, ends=row.starts, epochs={})
            return replace(adopted, input_topic=row.input_topic, input_start=row.input_start or row.start)
        case Redefined():
            return replace(progress, definition=row.definition)
        case Republished():
            return progress
        case Unreadable():
            if row.kind is Republished:
                return progress
            raise row.damage from row.error


def _with_done(progress: Progress, row: Done) -> Progress:
    plan = progress.unfinished
    is_known = plan is not None and not plan.trouble
    return replace(
        progress,
        ends={**progress.ends, **ends_of(row.ranges)},
        epochs=plan.epochs if plan else {},
        unfinished=None,
        counted=None,
        last_done=row,
        definition=progress.planned if is_known else progress.definition,
        followed=progress.planned if is_known else progress.followed,
    )


def _with_plan(progress: Progress, plan: Plan) -> Progress:
    if plan.trouble:
        return replace(progress, last_batch=plan.batch, topic_id=plan.topic_id, unfinished=plan, counted=None)
    return replace(
        progress,
        last_batch=plan.batch,
        topic_id=plan.topic_id,
        table_ids=plan.table_ids,
        revisions_after=plan.revisions_after,
        unfinished=plan,
        counted=None,
        planned=defined_by(plan),
        input_topic=plan.input_topic,
        input_start=plan.input_start,
    )
