"""The checkpoint table: an append-only log of what was planned, what was done and what was decided.

A run reads the newest rows once, through a handle that it also appends through: the first append after somebody else's fails, so two
runs can never both believe to be the last. Progress is folded from the rows; table history and commit messages are never state.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import reduce
from typing import Any, get_args

import pyarrow as pa
from deltalake import DeltaTable

from spark_jobs.base.errors import Superseded, TableDamaged, TryAgain
from spark_jobs.lake.rows import read_rows
from spark_jobs.lake.tables import CHECKPOINTS, SCHEMAS, Lake, LostRace, append_once
from spark_jobs.progress.definition import Definition, defined_by, from_details, to_details
from spark_jobs.progress.offsets import OffsetRange, Plan, ends_of
from spark_jobs.progress.row_order import State, disorders
from spark_jobs.progress.stored_plans import FORMAT, UNREADABLE, damaged_row, details_of, require_known, unusable_plan

NEWEST = 50
"""Rows that are read at first: a batch has two or three, and an operator's decisions come between two batches."""


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


Rows = list[tuple[int, Checkpoint]]
"""Rows with their place in the log, in order."""


class CheckpointLog:
    """The log as one run sees it: its newest rows read when opened, appended through the same handle."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake
        self._table: DeltaTable | None = lake.open(CHECKPOINTS) if lake.exists(CHECKPOINTS) else None
        rows = _rows_to_fold(self._table, lake.known_batch(self._table)) if self._table else []
        self._disorder = next(disorders((place, one.state, one.batch) for place, one in rows), None)
        self._newest = since_last_finished(rows) or rows

    @property
    def progress(self) -> Progress:
        """The fold of all rows so far; `TableDamaged` if they stand in an order in which no run writes them."""
        if self._disorder:
            raise TableDamaged(
                CHECKPOINTS, self._disorder, "Rows were lost or put there by somebody: bring back the newest copy of the table."
            )
        return reduce(folded, (row for _, row in self._newest), Progress())

    @property
    def last(self) -> Checkpoint | None:
        """The newest row that changed anything."""
        return next((row for _, row in reversed(self._newest) if row.state != "REPUBLISHED"), None)

    @property
    def sequence(self) -> int:
        """The place of the newest row, 0 if there is none."""
        return self._newest[-1][0] if self._newest else 0

    @property
    def rows(self) -> list[Checkpoint]:
        """Every row of the version that this log knows, read from the table when asked for."""
        return [row for _, row in _rows(self._table)] if self._table else []

    @property
    def exists(self) -> bool:
        return self._table is not None

    def create(self) -> None:
        """Create the tables that are missing before the first plan. `Superseded` if another run did, and has appended already.

        Later none may be missing: one that is gone was there when the last batch was planned.
        """
        if not self.progress.table_ids:
            self._lake.create_missing()
        if self._table is None:
            self._table = self._lake.open(CHECKPOINTS)
            self._require_no_more_than_read(self._table)

    def require_newest(self) -> None:
        """Raise `Superseded` if another run has appended since this log was read."""
        if self._lake.exists(CHECKPOINTS):
            self._require_no_more_than_read(self._lake.open(CHECKPOINTS))

    def _require_no_more_than_read(self, table: DeltaTable) -> None:
        if _rows(table, self.sequence):
            raise self._superseded()

    def _superseded(self) -> Superseded:
        return Superseded(f"another run of {self._lake.pipeline} wrote its checkpoint first; it goes on, this one stops")

    def append(self, row: Checkpoint) -> None:
        """Append one row. `Superseded` if another run has appended since this log was read."""
        self._append(row, lambda found: found == row)

    def append_or_agree(self, row: Checkpoint) -> None:
        """The same for a row that says nothing new if another run has appended it just before, and nothing else."""
        self._append(row, lambda found: _same(found, row))

    def _append(self, row: Checkpoint, is_ours: Callable[[Checkpoint], bool]) -> None:
        """A store may refuse what it has taken already, or what nobody has written: so what is there decides, and not what it said."""
        if self._table is None:
            self.create()
        assert self._table is not None
        sequence = self.sequence + 1
        try:
            append_once(self._table, _arrow(row, sequence), app=self._lake.app(CHECKPOINTS), version=sequence)
        except LostRace as error:
            self._table = self._lake.open(CHECKPOINTS)
            later = _rows(self._table, self.sequence)
            if not later:
                raise TryAgain(f"the row {row.state} of batch {row.batch} could not be committed ({error}); run again") from error
            if len(later) > 1 or not is_ours(later[0][1]):
                raise self._superseded() from error
            row = later[0][1]
        self._take(sequence, row)

    def _take(self, sequence: int, row: Checkpoint) -> None:
        rows = [*self._newest, (sequence, row)]
        self._newest = since_last_finished(rows) or rows


def _same(one: Checkpoint, other: Checkpoint) -> bool:
    """Whether two rows say the same, whoever wrote them and when."""
    return replace(one, run_id=other.run_id, at=other.at) == other


def since_last_finished(rows: Rows) -> Rows:
    """The rows from the plan of the last finished batch on, none if it is not among them. Their fold is that of all rows: a plan's
    ranges hold every partition, so nothing that stood before them is left once the batch is done.
    """
    finished = {row.batch for _, row in rows if row.state == "DONE"}
    plans = [place for place, (_, row) in enumerate(rows) if row.state == "PLANNED" and row.batch in finished]
    return rows[plans[-1] :] if plans else []


def _rows_to_fold(table: DeltaTable, known: int) -> Rows:
    newest = _rows(table, known - NEWEST)
    return newest if since_last_finished(newest) else _rows(table)


def _rows(table: DeltaTable, since: int = 0) -> Rows:
    """Rows after the one at `since`, in order."""
    where = [("sequence", ">", since)] if since > 0 else ()
    rows = read_rows(table, where=where).sort_by("sequence").to_pylist()
    return [(row["sequence"], _read(row)) for row in rows]


def _read(row: Mapping[str, Any]) -> Checkpoint:
    try:
        return _checkpoint(row)
    except UNREADABLE as error:
        raise damaged_row(f"row {row['sequence']}", error) from error


def _checkpoint(row: Mapping[str, Any]) -> Checkpoint:
    return Checkpoint(
        batch=row["batch"],
        state=row["state"],
        run_id=row["run_id"],
        at=row["at"].astimezone(UTC),
        topic_id=row["topic_id"],
        ranges=tuple(OffsetRange(one["partition"], one["start"], one["end"]) for one in row["ranges"]),
        counts=tuple(Counts(**one) for one in row["counts"]),
        details=details_of(row["details"]),
    )


def _arrow(row: Checkpoint, sequence: int) -> pa.Table:
    values = {
        "sequence": sequence,
        "batch": row.batch,
        "state": row.state,
        "run_id": row.run_id,
        "at": row.at,
        "topic_id": row.topic_id,
        "ranges": [vars(one) for one in row.ranges],
        "counts": [vars(one) for one in row.counts],
        "details": json.dumps(row.details, sort_keys=True),
    }
    return pa.Table.from_pylist([values], schema=SCHEMAS[CHECKPOINTS])
