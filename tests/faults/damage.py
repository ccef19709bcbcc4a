"""What breaks tables from outside, and an operator who does what the error says and nothing else."""

import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spark_jobs.base.errors import DayfoldError
from spark_jobs.base.outages import as_ours
from tests.faults.batches import send_some
from tests.world import World

TABLES = ("checkpoints", "records", "contributions", "daily_averages")
LOG = "_delta_log"


def reach(world: World, moment: str) -> None:
    """One finished batch, then another that died after the moment, or also came through."""
    send_some(world, 1)
    world.run()
    send_some(world, 2)
    if moment == "finished":
        world.run()
    else:
        assert world.run_with_fault(f"after:{moment}:raise"), f"{moment} was never passed"


def newest_commit(world: World, table: str) -> Path:
    return sorted(Path(world.tables, table, LOG).glob("*.json"))[-1]


def empty(file: Path) -> None:
    """As a power cut leaves a file that was never synced."""
    file.write_bytes(b"")


def tear(file: Path) -> None:
    """Only the first half reached the disk."""
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])


def blank(file: Path) -> None:
    """The length is there, the content is not."""
    file.write_bytes(bytes(file.stat().st_size))


def ending(world: World, **asked: Any) -> DayfoldError | None:
    """How a run ends: None if it came through, else the error that the operator reads; others are not caught."""
    try:
        world.run(**asked)
    except Exception as error:
        ours = as_ours(error)
        if ours is None:
            raise
        return ours
    return None


def sql(world: World, statement: str) -> None:
    world.spark().sql(statement).collect()


@dataclass
class Operator:
    """Runs the job and obeys its errors until it comes through; has a copy of the lake from before the damage."""

    world: World
    copy: Path
    may_restore: bool = True
    told: list[DayfoldError] = field(default_factory=list)

    @classmethod
    def with_copy(cls, world: World, folder: Path, *, may_restore: bool = True) -> "Operator":
        copy = folder / "copy"
        shutil.copytree(world.tables, copy)
        return cls(world, copy, may_restore)

    def come_through(self) -> list[str]:
        """What was told on the way, in order."""
        asked: dict[str, bool] = {}
        while (error := ending(self.world, **asked)) is not None:
            self.told.append(error)
            assert len(self.told) < 5, self.told
            assert "\n" not in str(error), "one sentence, not a stack trace"
            asked = {"abandon": True} if "--abandon" in str(error) else {}
            if not asked:
                self._obey(str(error))
        return list(map(str, self.told))

    def _obey(self, told: str) -> None:
        if found := re.search(r"the (?:commit|checkpoint) (\S+\.(?:json|parquet)) .*(?:Move this file|move it)", told):
            self._move(self._table(told), found[1])
        elif found := re.search(r"move every file of (?:a later version|version (\d+))", told):
            first = int(found[1]) if found[1] else int(re.findall(r"since version (\d+)", told)[0]) + 1
            self._move_versions(self._table(told), first)
        elif found := re.search(r"(ALTER TABLE .*\))$", told):
            sql(self.world, found[1])
        elif self.may_restore and (found := re.search(r"RESTORE TABLE \S+ TO VERSION AS OF \d+", told)):
            sql(self.world, found[0])
        else:
            self._bring_back(self._table(told), told)

    @staticmethod
    def _table(told: str) -> str:
        return told.removeprefix("table ").partition(":")[0] if told.startswith("table ") else "checkpoints"

    def _move(self, table: str, file: str) -> None:
        Path(self.world.tables, table, file).unlink()
        if file.endswith(".parquet"):
            Path(self.world.tables, table, LOG, "_last_checkpoint").unlink()

    def _move_versions(self, table: str, first: int) -> None:
        for file in Path(self.world.tables, table, LOG).iterdir():
            if file.is_file() and (file.name == "_last_checkpoint" or int(re.findall(r"\d{20}", file.name)[0]) >= first):
                file.unlink()

    def _bring_back(self, table: str, told: str) -> None:
        assert re.search(r"[Bb]ring (?:it|the file) back|[Bb]ring back the newest copy", told), told
        shutil.rmtree(Path(self.world.tables, table), ignore_errors=True)
        shutil.copytree(self.copy / table, Path(self.world.tables, table))
