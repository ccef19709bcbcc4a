"""What follows for a pipeline when its settings define other averages than those so far, and where that happened before.

Works on what the checkpoints say and what the settings are; the comparison itself is in `definition.py`. Writes nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from spark_jobs.base.errors import DefinitionChanged, DefinitionFixed
from spark_jobs.pipeline.settings import Pipeline
from spark_jobs.progress.checkpoints import Progress
from spark_jobs.progress.definition import Change, Definition, changes, changes_output, defined_now, fixed_changes, silent_bounds
from spark_jobs.progress.ledger import Abandoned, Done, LedgerRow, Planned, Redefined
from spark_jobs.progress.offsets import Topic


def current_definition(pipeline: Pipeline, output: Topic, now: datetime) -> Definition:
    """What a batch planned at `now` would follow."""
    return defined_now(pipeline.rules(now), silent_bounds(pipeline.input.time), output)


def changes_since(progress: Progress, now: Definition) -> tuple[Change, ...]:
    """What the settings define otherwise than the batches so far; nothing before the first one."""
    return changes(progress.definition, now) if progress.definition else ()


def require_same_definition(pipeline: Pipeline, progress: Progress, now: Definition, *, unfinished: int | None = None) -> None:
    """Raise `DefinitionChanged` with a line for each difference."""
    found = changes_since(progress, now)
    if found:
        lines = tuple(f"  {one}" for one in found)
        if fixed := fixed_since(progress, now):
            raise DefinitionFixed(pipeline.name, lines, fixed)
        moved = now.output_topic if changes_output(found) else None
        raise DefinitionChanged(pipeline.name, lines, unfinished=unfinished, moved=moved)


def fixed_since(progress: Progress, now: Definition) -> tuple[str, ...]:
    """What the settings define otherwise than the last finished batch, and no decision can change."""
    return fixed_changes(progress.followed, now) if progress.followed else ()


def start_note(pipeline: Pipeline, progress: Progress) -> str | None:
    """Why a changed `input.start` does nothing; None if it is what the pipeline began with, as far as that was stored."""
    start = str(pipeline.input.start)
    if progress.is_first_run or start == (progress.input_start or "earliest"):
        return None
    return (
        f"input.start is {start}, which changes nothing: it says where a first run begins, and {pipeline.name} has begun "
        "already and goes on at its stored offsets. Another pipeline, of another name and with another output topic, begins there"
    )


@dataclass(frozen=True)
class Redefinition:
    """From `batch` on batches follow other settings than before; `decided` is the row that says so, None if there is none."""

    batch: int
    changes: tuple[Change, ...]
    output_topic_id: str
    decided: Redefined | None

    def __str__(self) -> str:
        return f"from batch {self.batch} on other settings hold than before ({'; '.join(map(str, self.changes))})"


def redefinitions(rows: Iterable[LedgerRow]) -> tuple[Redefinition, ...]:
    """Every place of the log where the definition changes, oldest first. A batch that was abandoned changes nothing."""
    found: dict[int, Redefinition] = {}
    before: Definition | None = None
    planned: Definition | None = None
    for row in rows:
        match row:
            case Planned():
                # None if it cannot be read: then no batch followed it, it can only be abandoned.
                planned = row.definition
                if before and planned and (different := changes(before, planned)):
                    found[row.batch] = Redefinition(row.batch, different, planned.output_topic_id, None)
            case Abandoned():
                planned = None
                found = {number: one for number, one in found.items() if number != row.batch or one.decided}
            case Done():
                before, planned = planned or before, None
            case Redefined(definition=after):
                found |= {number: replace(found[number], decided=row) for number in row.confirmed if number in found}
                if before and (different := changes(before, after)):
                    found[row.batch + 1] = Redefinition(row.batch + 1, different, after.output_topic_id, row)
                before = after
    return tuple(one for _, one in sorted(found.items()))
