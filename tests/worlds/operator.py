"""Who operates a world's pipeline, by the book: does what the message of the run that stopped advises, and nothing else."""

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from spark_jobs.base.errors import (
    ConfigurationError,
    DayfoldError,
    DecisionNeeded,
    NotPermitted,
    TooManyRejected,
    TransactionOpen,
)
from tests.worlds.cluster import Cluster
from tests.worlds.truth import Truth

_TORN = re.compile(r"table (\w+): the commit (\S+) is (?:empty|torn).*Move this file out")
_LOST = re.compile(r"table (\w+): .*move every file of version (\d+) and later, and _last_checkpoint, out of")
_ABANDONED = re.compile(r"run again with --abandon to read it again|or abandon the batch with --abandon")
_RESTORED = re.compile(r"If somebody restored it, take that back in Spark: RESTORE TABLE delta\.`([^`]+)` TO VERSION AS OF (\d+)")


class Operator:
    """`asked` is what the next run is given."""

    def __init__(self, cluster: Cluster, truth: Truth, bring_back: Callable[[], object]) -> None:
        self._cluster = cluster
        self._truth = truth
        self._bring_back = bring_back
        self.asked: dict[str, object] = {}

    def take(self) -> dict[str, object]:
        """For a run that begins now."""
        asked, self.asked = self.asked, {}
        return asked

    def follow(self, error: DayfoldError) -> None:
        """Do what the message advises."""
        self.asked.pop("rebuild", None)
        if isinstance(error, DecisionNeeded):
            self._decide(error)
        elif isinstance(error, NotPermitted):
            self._cluster.denied.clear()
        elif isinstance(error, ConfigurationError) and "share or streams group" in str(error):
            self._cluster.not_of_consumers.clear()
        elif isinstance(error, TransactionOpen) and "find-hanging" in str(error):
            self._cluster.end_hanging()

    def _decide(self, error: DecisionNeeded) -> None:
        """Give the next run one of the options that the message names, move the files away that it names, or restore the tables
        that it says were restored, as far as their files are still there.
        """
        self.asked = dict.fromkeys(error.settled_by or (["abandon"] if _ABANDONED.search(str(error)) else []), True)
        if "--published" in str(error):
            self.asked = {"published": self._truth.is_published()}
        if isinstance(error, TooManyRejected):
            self.asked = {"max_rejected": True}
        if "an older copy was restored" in str(error):
            self._bring_back()
        for found in _TORN.finditer(str(error)):
            Path(self._truth.tables, found[1], found[2]).unlink()
        for found in _LOST.finditer(str(error)):
            self._move_out(Path(self._truth.tables, found[1], "_delta_log"), int(found[2]))
        for found in _RESTORED.finditer(str(error)):
            with suppress(DeltaError):
                DeltaTable(found[1]).restore(int(found[2]))

    @staticmethod
    def _move_out(log: Path, first: int) -> None:
        for file in log.iterdir():
            version = re.match(r"\d{20}", file.name)
            if file.name == "_last_checkpoint" or (version and int(version[0]) >= first):
                file.unlink()

    def has_settled(self, problem: DayfoldError) -> bool:
        """Whether what the next run is given answers a problem that plan tells of."""
        if not isinstance(problem, DecisionNeeded):
            return False
        if "--published" in str(problem):
            return "published" in self.asked
        wanted = problem.settled_by or (["abandon"] if _ABANDONED.search(str(problem)) else [])
        return bool(wanted) and all(self.asked.get(option) for option in wanted)


def options(asked: Mapping[str, object]) -> dict[str, object]:
    """Those that are options of a run; accepting rejected messages is a setting."""
    return {name: value for name, value in asked.items() if name != "max_rejected"}
