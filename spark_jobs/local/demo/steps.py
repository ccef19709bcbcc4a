"""What the demo has done so far, kept in a file: a later start, which finds everything done, still shows how long it took.

Knows no Kafka, no Airflow and no table.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, Self

StepKind = Literal["load", "killed", "resumed", "averaged", "idle"]


@dataclass(frozen=True)
class Step:
    """One part of the demo: when it was done, how long it took, how many records it dealt with, and what else is known of it.

    `killed` is a DAG run that was killed on purpose, `resumed` the one that finished its batch, `idle` one that found nothing to
    do.
    """

    kind: StepKind
    name: str
    at: str
    seconds: float
    records: int
    facts: str = ""
    batch: int | None = None


class Steps:
    """All steps in their order; each is in the file as soon as it is done."""

    def __init__(self, file: Path, steps: Sequence[Step]) -> None:
        self._file = file
        self._steps = list(steps)

    @classmethod
    def of(cls, file: Path) -> Self:
        """Those that the file has."""
        return cls(file, _read(file))

    @property
    def all(self) -> tuple[Step, ...]:
        return tuple(self._steps)

    @property
    def killed(self) -> Step | None:
        """The run that was killed on purpose, if there was one."""
        return next((one for one in self._steps if one.kind == "killed"), None)

    @property
    def next_run(self) -> int:
        """The number of the next DAG run. One that finds nothing to do takes the place of the one before that found nothing."""
        return 1 + sum(one.kind in ("killed", "resumed", "averaged") for one in self._steps)

    def add(self, step: Step) -> None:
        """Only the newest run without anything to do is remembered."""
        self._save([*(one for one in self._steps if one.kind != "idle"), step])

    def clear(self) -> None:
        """Forget those of an earlier demo, whose topic is gone."""
        self._save([])

    def _save(self, steps: Sequence[Step]) -> None:
        self._steps = list(steps)
        self._file.parent.mkdir(parents=True, exist_ok=True)
        beside = self._file.with_suffix(".part")
        beside.write_text(json.dumps([asdict(one) for one in steps], indent=1), encoding="utf-8")
        beside.replace(self._file)


def _read(file: Path) -> list[Step]:
    """The steps of the file; none if there is no file, or one of another version."""
    try:
        return [Step(**one) for one in json.loads(file.read_text(encoding="utf-8"))]
    except (FileNotFoundError, ValueError, TypeError):
        return []
