"""The checkpoint table: an append-only log that a run reads once, through a handle that it also appends through.

The first append after somebody else's fails, so two runs can never both believe to be the last. What the rows mean is known in
`progress/ledger.py`, how they are stored in `progress/row_codec.py`.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import reduce
from typing import Any

import pyarrow as pa
from deltalake import DeltaTable

from spark_jobs.base.errors import Superseded, TableDamaged, TryAgain
from spark_jobs.lake.rows import read_rows
from spark_jobs.lake.schemas import CHECKPOINTS
from spark_jobs.lake.tables import Lake, LostRace, append_once
from spark_jobs.progress.checkpoints import Progress, after
from spark_jobs.progress.ledger import Done, LedgerRow, Planned, Republished
from spark_jobs.progress.row_codec import columns_of, row_of
from spark_jobs.progress.row_order import disorders
from spark_jobs.progress.stored_plans import UNREADABLE, damaged_row

NEWEST = 50
"""Rows that are read at first: a batch has two or three, and an operator's decisions come between two batches."""


Rows = list[tuple[int, LedgerRow]]
"""Rows with their place in the log, in order."""


class CheckpointLog:
    """The log as one run sees it: its newest rows read when opened, appended through the same handle."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake
        self._table: DeltaTable | None = lake.open(CHECKPOINTS) if lake.exists(CHECKPOINTS) else None
        rows = _rows_to_fold(self._table, lake.known_batch(self._table)) if self._table else []
        self._disorder = next(disorders((place, one.kind, one.batch) for place, one in rows), None)
        self._newest = since_last_finished(rows) or rows
        self._is_kept = False

    @property
    def progress(self) -> Progress:
        """The fold of all rows so far; `TableDamaged` if they stand in an order in which no run writes them."""
        if self._disorder:
            raise TableDamaged(
                CHECKPOINTS, self._disorder, "Rows were lost or put there by somebody: bring back the newest copy of the table."
            )
        return reduce(after, (row for _, row in self._newest), Progress())

    @property
    def last(self) -> LedgerRow | None:
        """The newest row that changed anything."""
        return next((row for _, row in reversed(self._newest) if row.kind is not Republished), None)

    @property
    def sequence(self) -> int:
        """The place of the newest row, 0 if there is none."""
        return self._newest[-1][0] if self._newest else 0

    @property
    def rows(self) -> list[LedgerRow]:
        """Every row of the version that this log knows, read from the table when asked for."""
        return [row for _, row in _rows(self._table)] if self._table else []

    @property
    def unfinished_plan(self) -> Planned | None:
        """The row that planned the batch that is not finished."""
        plan = self.progress.unfinished
        if plan is None:
            return None
        return next(row for _, row in reversed(self._newest) if isinstance(row, Planned) and row.batch == plan.batch)

    @property
    def exists(self) -> bool:
        return self._table is not None

    def create(self) -> DeltaTable:
        """Create the tables that no plan was made for yet. `Superseded` if another run created these, and has appended already.

        No other may be missing: one that is gone was there when the last batch was planned.
        """
        planned = self.progress.table_ids
        if not planned or set(self._lake.filled) - planned.keys():
            self._lake.create_missing(planned)
        if self._table is None:
            self._table = self._lake.open(CHECKPOINTS)
            self._require_no_more_than_read(self._table)
        return self._table

    def require_newest(self) -> None:
        """Raise `Superseded` if another run has appended since this log was read."""
        if self._lake.exists(CHECKPOINTS):
            self._require_no_more_than_read(self._lake.open(CHECKPOINTS))

    def _require_no_more_than_read(self, table: DeltaTable) -> None:
        if _rows(table, self.sequence):
            raise self._superseded()

    def _superseded(self) -> Superseded:
        return Superseded(f"another run of {self._lake.pipeline} wrote its checkpoint first; it goes on, this one stops")

    def append(self, row: LedgerRow) -> None:
        """Append one row. `Superseded` if another run has appended since this log was read."""
        self._append(row, lambda found: found == row)

    def append_or_agree(self, row: LedgerRow) -> None:
        """The same for a row that says nothing new if another run has appended it just before, and nothing else."""
        self._append(row, lambda found: _same(found, row))

    def _append(self, row: LedgerRow, is_ours: Callable[[LedgerRow], bool]) -> None:
        """A store may refuse what it has taken already, or what nobody has written:
        so what is there decides, and not what it said.
        """
        table, sequence = self._kept_table(), self.sequence + 1
        try:
            append_once(
                table,
                # In its own columns: an unfinished batch may be of another kind of pipeline than the settings.
                _arrow(row, sequence, pa.schema(table.schema().to_arrow())),
                app=self._lake.app(CHECKPOINTS),
                version=sequence,
            )
        except LostRace as error:
            self._table = self._lake.open(CHECKPOINTS)
            later = _rows(self._table, self.sequence)
            if not later:
                raise TryAgain(f"the row {row.state} of batch {row.batch} could not be committed ({error}); run again") from error
            if len(later) > 1 or not is_ours(later[0][1]):
                raise self._superseded() from error
            row = later[0][1]
            self._lake.keep(CHECKPOINTS)
        self._take(sequence, row)

    def _kept_table(self) -> DeltaTable:
        """To append to. Whoever wrote the newest row may have died before the disk had it, and a row behind one that is lost
        would be worth nothing.
        """
        table = self.create() if self._table is None else self._table
        if not self._is_kept:
            self._lake.keep(CHECKPOINTS)
            self._is_kept = True
        return table

    def _take(self, sequence: int, row: LedgerRow) -> None:
        rows = [*self._newest, (sequence, row)]
        self._newest = since_last_finished(rows) or rows


def _same(one: LedgerRow, other: LedgerRow) -> bool:
    """Whether two rows say the same, whoever wrote them and when."""
    return replace(one, run_id=other.run_id, at=other.at) == other


def since_last_finished(rows: Rows) -> Rows:
    """The rows from the plan of the last finished batch on, none if it is not among them. Their fold is that of all rows: a
    plan's ranges hold every partition, so nothing that stood before them is left once the batch is done.
    """
    finished = {row.batch for _, row in rows if row.kind is Done}
    plans = [place for place, (_, row) in enumerate(rows) if row.kind is Planned and row.batch in finished]
    return rows[plans[-1] :] if plans else []


def _rows_to_fold(table: DeltaTable, known: int) -> Rows:
    newest = _rows(table, known - NEWEST)
    return newest if since_last_finished(newest) else _rows(table)


def _rows(table: DeltaTable, since: int = 0) -> Rows:
    """Rows after the one at `since`, in order."""
    where = [("sequence", ">", since)] if since > 0 else ()
    rows = read_rows(table, where=where).sort_by("sequence").to_pylist()
    return [(row["sequence"], _read(row)) for row in rows]


def _read(row: Mapping[str, Any]) -> LedgerRow:
    try:
        return row_of(row)
    except UNREADABLE as error:
        raise damaged_row(f"row {row['sequence']}", error) from error


def _arrow(row: LedgerRow, sequence: int, schema: pa.Schema) -> pa.Table:
    return pa.Table.from_pylist([{"sequence": sequence, **columns_of(row)}], schema=schema)
