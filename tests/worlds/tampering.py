"""What others do to the tables of a world: upkeep, which changes nothing, and damage, which a run or an audit must notice.

Whoever does it sees to the disk by himself: what he has committed, and what stands before it, survives a power cut.
"""

import random
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from deltalake import DeltaTable, write_deltalake
from deltalake.exceptions import DeltaError

from spark_jobs.broker.publisher import proven_batch
from tests.daily_tables import CONTRIBUTIONS, DAILY_AVERAGES, TABLES
from tests.worlds.truth import OUTPUT, PIPELINE, is_publication

if TYPE_CHECKING:
    from tests.worlds.simulation import Simulation

LARGE = 10**9
KEYS = {
    "records": ("partition", "offset"),
    CONTRIBUTIONS: ("batch", "partition", "date"),
    DAILY_AVERAGES: ("partition", "date"),
    "checkpoints": ("sequence",),
}
NUMBERS = {
    "records": ("value",),
    CONTRIBUTIONS: ("value_sum", "value_count", "value_min", "value_max"),
    DAILY_AVERAGES: ("value_sum", "value_count", "average", "revision"),
}
"""What of a row somebody may change so that it can be seen."""


class Tampering:
    """The deeds of one world's adversary that are aimed at its tables; each says whether it was possible."""

    def __init__(self, world: "Simulation") -> None:
        self._world = world

    # Upkeep

    def optimize(self) -> bool:
        """Somebody else puts the small files of a table together."""
        return self._do("puts files together", lambda table: table.optimize.compact())

    def vacuum(self) -> bool:
        """Somebody else deletes what no version of a table needs but the newest, while nobody is at work."""
        if self._world.activities:
            return False
        return self._do(
            "deletes old files",
            lambda table: table.vacuum(0, dry_run=False, enforce_retention_duration=False, full=self._chosen.random() < 0.5),
        )

    # Damage

    def damage(self) -> bool:
        """Somebody changes what a table says; from now on a run may stop for good, or the audit must find it."""
        act = self._chosen.choice((self._restore, self._delete_row, self._change_row, self._double_row))
        done = act()
        self._world.tampered |= done
        return done

    def forge(self) -> bool:
        """The same, or somebody moves the group, or writes to the output what no batch has published."""
        act = self._chosen.choice((self.damage, self.damage, self._move_group, self._write_to_output))
        done = act()
        self._world.tampered |= done
        return done

    # Older tables

    def copy(self) -> None:
        """Somebody makes a copy of all tables while nobody is at work, once."""
        if self._world.is_set_back and not self._older.exists() and not self._world.activities and self._has_tables:
            shutil.copytree(self._lake, self._older)

    def set_back(self) -> None:
        """All tables are as old as the copy, if the group proves a later batch."""
        proven = max((proven_batch(one[1]) or 0 for one in self._world.cluster.groups.get(PIPELINE, {}).values()), default=0)
        if self._older.exists() and proven > self._last_batch(self._older):
            self._lake.rename(self._newest)
            self._older.rename(self._lake)
            self._world.tell("an older copy of all tables comes back")

    def bring_back(self) -> None:
        """The operator puts the newest copy there again."""
        if self._newest.exists():
            shutil.rmtree(self._lake)
            self._newest.rename(self._lake)
            self._world.tell("the operator brings the newest copy back")

    def _last_batch(self, lake: Path) -> int:
        with suppress(DeltaError, OSError):
            return max(DeltaTable(lake / PIPELINE / "checkpoints").to_pyarrow_table()["batch"].to_pylist(), default=0)
        return LARGE

    @property
    def _has_tables(self) -> bool:
        return (self._lake / PIPELINE / "checkpoints").exists()

    @property
    def _lake(self) -> Path:
        return self._world.disk.root

    @property
    def _older(self) -> Path:
        return self._world.folder / "older"

    @property
    def _newest(self) -> Path:
        return self._world.folder / "newest"

    def _restore(self) -> bool:
        return self._do(
            "restores an older version",
            lambda table: table.restore(self._chosen.randrange(table.version())) if table.version() else None,
        )

    def _delete_row(self) -> bool:
        return self._do_to_row("deletes", lambda table, where, _: table.delete(where))

    def _double_row(self) -> bool:
        return self._do_to_row("doubles", lambda table, _, row: write_deltalake(table, row, mode="append"))

    def _change_row(self) -> bool:
        def change(table: DeltaTable, where: str, row: pa.Table) -> None:
            column = self._chosen.choice(NUMBERS[str(table.metadata().name)])
            if row[column][0].as_py() is not None:
                table.update({column: f"CAST({column} + 1 AS {_sql_type(row.schema.field(column).type)})"}, predicate=where)

        return self._do_to_row("changes", change, tuple(NUMBERS))

    def _do_to_row(self, what: str, act: Callable[[DeltaTable, str, pa.Table], object], tables: tuple[str, ...] = TABLES) -> bool:
        def done(table: DeltaTable) -> None:
            rows, key = table.to_pyarrow_table(), KEYS[str(table.metadata().name)]
            if rows.num_rows:
                row = rows.slice(self._chosen.randrange(rows.num_rows), 1)
                act(table, " AND ".join(f'"{name}" = {_literal(row[name][0].as_py())}' for name in key), row)

        return self._do(f"{what} a row", done, tables)

    def _do(self, what: str, act: Callable[[DeltaTable], object], tables: tuple[str, ...] = TABLES) -> bool:
        """Whether the table has another version afterwards. Nobody works on a table that a power cut has torn."""
        name = self._chosen.choice(tables)
        folder = Path(self._world.truth.tables, name)
        if not all(one.stat().st_size for one in folder.glob("_delta_log/*.json")):
            return False
        with suppress(DeltaError, OSError):
            table = DeltaTable(folder)
            before = table.version()
            act(table)
            after = DeltaTable(folder).version()
            if after != before:
                self._world.disk.keep_all(folder)
                self._world.tell(f"somebody else {what} of {name}: version {before} becomes {after}")
            return after != before
        return False

    def _move_group(self) -> bool:
        offsets = self._world.cluster.groups.get(PIPELINE)
        if not offsets:
            return False
        place = self._chosen.choice(sorted(offsets))
        offset, metadata = offsets[place]
        offsets[place] = max(0, offset + self._chosen.choice((-1, 1, 5))), self._chosen.choice(("", metadata))
        self._world.tell(f"somebody else moves the group on {place} to {offsets[place]}")
        return True

    def _write_to_output(self) -> bool:
        """A copy of what a batch has published."""
        log = self._chosen.choice(self._world.cluster.topics[OUTPUT].logs)
        ours = [one for one in log.shown(log.low, log.stable, committed=True) if is_publication(one)]
        if not ours:
            return False
        copied = self._chosen.choice(ours)
        log.append(copied.key, copied.value, copied.headers, self._world.cluster.milliseconds)
        self._world.tell(f"somebody else copies an average to the end of partition {log.number} of the output")
        return True

    @property
    def _chosen(self) -> random.Random:
        return self._world.chosen


def _literal(value: Any) -> str:
    return str(value) if isinstance(value, int) else f"'{value}'"


def _sql_type(kind: pa.DataType) -> str:
    return f"DECIMAL({kind.precision}, {kind.scale})" if pa.types.is_decimal(kind) else "BIGINT"
