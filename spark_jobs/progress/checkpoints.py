"""The rows of the checkpoint table, and what they fold to: what was planned, what was done and what was decided.

Progress is folded from the rows; table history and commit messages are never state. Plain values; `lake/checkpoint_log.py` reads and writes them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, get_args

from spark_jobs.progress.definition import Definition, defined_by, from_details, to_details
from spark_jobs.progress.offsets import OffsetRange, Plan, ends_of
from spark_jobs.progress.row_order import State
from spark_jobs.progress.stored_plans import FORMAT, UNREADABLE, damaged_row, require_known, unusable_plan


@dataclass(frozen=True)
class Counts:
    """What became of one partition's range: `read` = `accepted` + `rejected`, and `gaps` are its offsets without a record."""

    partition: int
    read: int
    accepted: int
    rejected: int
    gaps: int

    @property
    def only_rejected(self) -> "Counts":
        """What is stored of the same where accepted records are not kept."""
        return replace(self, read=self.rejected, accepted=0)


@dataclass(frozen=True)
class Tally:
    """What became of a batch's offsets, before anything of it is averaged; `gaps` says why, per partition that has some."""

    counts: tuple[Counts, ...]
    rounded: int
    gaps: Mapping[str, str]

    @property
    def read(self) -> int:
        return sum(one.read for one in self.counts)

    @property
    def accepted(self) -> int:
        return sum(one.accepted for one in self.counts)


@dataclass(frozen=True)
class Checkpoint:
    """One row of the log, without its place in it."""

    batch: int
    state: State
    run_id: str
    at: datetime
    topic_id: str
    ranges: tuple[OffsetRange, ...]
    counts: tuple[Counts, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def keeps_records(self) -> bool:
        """Whether the batch's accepted records are in the table `records`; rows that do not say so are of a time when all were."""
        return bool(self.details.get("records", True))

    @property
    def revisions_after(self) -> int:
        """What the revisions of a planned batch begin above; rows that do not say so are of a pipeline whose first one was 1."""
        return int(self.details.get("revisions_after", 0))

    @property
    def kept(self) -> tuple[Counts, ...]:
        """What the table `records` holds of the batch, by its counts."""
        return self.counts if self.keeps_records else tuple(one.only_rejected for one in self.counts)


@dataclass(frozen=True)
class Progress:
    """Where the pipeline stands: the fold of all rows so far. `counted` is there once an unfinished batch that keeps no records is.

    `definition` is what the batches that count so far follow, or what an operator decided since; None before the first of them.
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
    last_done: Checkpoint | None = None
    definition: Definition | None = None
    input_topic: str | None = None
    input_start: str | None = None

    @property
    def is_first_run(self) -> bool:
        return self.topic_id is None


def folded(progress: Progress, row: Checkpoint) -> Progress:
    """The same as `after` for a row from a table, which may hold anything; `TableDamaged` if it cannot be understood."""
    try:
        if row.state not in get_args(State):
            raise ValueError("this version knows no such state")
        return after(progress, row)
    except UNREADABLE as error:
        raise damaged_row(f"the row {row.state} of batch {row.batch}", error) from error


def after(progress: Progress, row: Checkpoint) -> Progress:
    """Progress once `row` is in the log."""
    match row.state:
        case "PLANNED":
            return _with_plan(progress, plan_of(row))
        case "COUNTED":
            return replace(progress, counted=Tally(row.counts, row.details["rounded"], row.details["gaps"]))
        case "DONE":
            plan = progress.unfinished
            definition = defined_by(plan) if plan and not plan.trouble else progress.definition
            epochs = plan.epochs if plan else {}
            ends = {**progress.ends, **ends_of(row.ranges)}
            done = replace(progress, ends=ends, epochs=epochs, unfinished=None, counted=None, last_done=row)
            return replace(done, definition=definition)
        case "ABANDONED":
            starts = {one.partition: one.start for one in row.ranges}
            return replace(progress, ends={**progress.ends, **starts}, unfinished=None, counted=None)
        case "LOSS":
            resume = {int(number): offset for number, offset in row.details["resume"].items()}
            known = {number: epoch for number, epoch in progress.epochs.items() if number not in resume}
            return replace(progress, ends={**progress.ends, **resume}, epochs=known)
        case "ADOPTED":
            start = row.details.get("input_start") or row.details.get("start")
            adopted = replace(progress, topic_id=row.topic_id, ends=ends_of(row.ranges), epochs={})
            return replace(adopted, input_topic=row.details.get("input_topic"), input_start=start)
        case "REDEFINED":
            return replace(progress, definition=from_details(row.details, row.at))
        case "REPUBLISHED":
            return progress


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
        input_topic=plan.input_topic,
        input_start=plan.input_start,
    )


def planned(plan: Plan, run_id: str, at: datetime) -> Checkpoint:
    """The row that makes a plan binding."""
    details = {
        "format": FORMAT,
        **to_details(defined_by(plan)),
        "input_topic": plan.input_topic,
        "input_start": plan.input_start,
        "output_starts": {str(number): offset for number, offset in plan.output_starts.items()},
        "table_ids": dict(plan.table_ids),
        "nonce": plan.nonce,
        "records": plan.keeps_records,
        "revisions_after": plan.revisions_after,
        "epochs": {str(number): epoch for number, epoch in plan.epochs.items()},
    }
    return Checkpoint(plan.batch, "PLANNED", run_id, at, plan.topic_id, plan.ranges, details=details)


def plan_of(row: Checkpoint) -> Plan:
    """The plan that a PLANNED row holds, with its `trouble` if that cannot be read."""
    try:
        require_known(row.details)
        return _plan_of(row)
    except UNREADABLE as error:
        return unusable_plan(row.batch, row.topic_id, row.ranges, error)


def _plan_of(row: Checkpoint) -> Plan:
    definition = from_details(row.details, row.at)
    return Plan(
        batch=row.batch,
        topic_id=row.topic_id,
        ranges=row.ranges,
        rules=definition.rules,
        output_topic_id=definition.output_topic_id,
        output_starts={int(number): int(offset) for number, offset in row.details["output_starts"].items()},
        table_ids={str(name): str(table) for name, table in row.details["table_ids"].items()},
        nonce=str(row.details["nonce"]),
        keeps_records=row.keeps_records,
        silent=definition.silent,
        input_topic=row.details.get("input_topic"),
        output_topic=definition.output_topic,
        input_start=row.details.get("input_start"),
        revisions_after=row.revisions_after,
        epochs={int(number): epoch for number, epoch in row.details.get("epochs", {}).items()},
    )


def counted(plan: Plan, tally: Tally, run_id: str, at: datetime) -> Checkpoint:
    """The row that makes the counts of a batch binding whose records are not kept: what is averaged later must be as many."""
    details = {"rounded": tally.rounded, "gaps": dict(tally.gaps), "records": plan.keeps_records}
    return Checkpoint(plan.batch, "COUNTED", run_id, at, plan.topic_id, plan.ranges, tally.counts, details)
