"""What was measured, work by work, and where it is kept; medians of the runs that count."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import machine
from benchmarks.measure import Kept, Measurement
from benchmarks.session import Run
from benchmarks.works import Work


@dataclass(frozen=True)
class Spread:
    """Median, least and greatest of some runs."""

    middle: float
    least: float
    most: float
    runs: int


@dataclass(frozen=True)
class Measured:
    """One work of one session; `missing` says why a contestant did not take part."""

    name: str
    title: str
    at: str
    repeats: int
    machine: dict[str, str]
    missing: dict[str, str]
    runs: list[Run]

    @property
    def objections(self) -> list[str]:
        return [f"{run.contestant}: {run.objection}" for run in self.runs if run.objection]

    def counting(self, contestant: str, idle: bool = False) -> list[Run]:
        """The runs of a contestant that were right, without that over the history."""
        found = [run for run in self.runs if (run.contestant, run.idle, run.objection) == (contestant, idle, None)]
        return [run for run in found if run.number]

    @property
    def history_steps(self) -> list[dict[str, float]]:
        """Seconds of each step of each batch of a history that was read in many; none if it was not."""
        return next((run.steps for run in self.runs if run.steps), [])

    def spread(self, contestant: str, of: Callable[[Run], float], idle: bool = False) -> Spread | None:
        """Of the runs that count; none if there are none."""
        values = [of(run) for run in self.counting(contestant, idle)]
        return Spread(median(values), min(values), max(values), len(values)) if values else None


@dataclass
class Results:
    """All works measured so far, each by its last session."""

    path: Path
    works: dict[str, Measured] = field(default_factory=dict)

    @classmethod
    def load(cls, path: Path) -> "Results":
        """What a file holds; nothing if there is none."""
        stored = json.loads(path.read_text())["works"] if path.exists() else {}
        return cls(path, {name: _measured(name, work) for name, work in stored.items()})

    def put(self, work: Work, repeats: int, runs: list[Run], missing: dict[str, str]) -> None:
        """Take a work's results in the place of earlier ones."""
        at = datetime.now(UTC).isoformat(timespec="minutes")
        self.works[work.name] = Measured(work.name, work.title, at, repeats, machine.describe(), missing, runs)

    def save(self) -> None:
        """Write all of them, whole or not at all."""
        works = {name: {key: value for key, value in asdict(work).items() if key != "name"} for name, work in self.works.items()}
        beside = self.path.with_suffix(".part")
        beside.write_text(json.dumps({"works": works}, indent=1))
        beside.replace(self.path)


def _measured(name: str, stored: dict[str, Any]) -> Measured:
    return Measured(**{**stored, "name": name, "runs": [_run(run) for run in stored["runs"]]})


def _run(stored: dict[str, Any]) -> Run:
    return Run(**{**stored, "measured": Measurement(**stored["measured"]), "kept": Kept(**stored["kept"])})


def seconds(run: Run) -> float:
    return run.measured.seconds


def processor_seconds(run: Run) -> float:
    return run.measured.cpu_seconds


def memory(run: Run) -> float:
    """The most that its JVM held, or its Python where there is no JVM."""
    return run.measured.java_bytes or run.measured.python_bytes
