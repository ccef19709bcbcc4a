"""What the benchmark has to know of a contestant: how a user starts it, and where its results are."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.ads import Totals
from benchmarks.oracle import Averages


@dataclass(frozen=True)
class Place:
    """Where one contestant works: topics, and a folder of its own that holds all it keeps from one run to the next.

    `records` are on the topic, and `starts` is what was read before. `batch`: at most so many at once, where it takes a limit.
    `cores`: on so many only.
    """

    name: str
    bootstrap: str
    topic: str
    output: str
    partitions: int
    folder: Path
    records: int = 0
    batch: int | None = None
    cores: int | None = None
    starts: Mapping[int, int] = field(default_factory=dict)

    @property
    def fresh(self) -> int:
        """Records that were not read yet."""
        return self.records - sum(self.starts.values())

    @property
    def idle(self) -> bool:
        """Nothing is new."""
        return self.fresh == 0


def nothing_missing() -> str | None:
    return None


@dataclass(frozen=True)
class Contestant:
    """One row of the tables.

    `averages`, or `totals` of events, reads what it has stored; a floor has none, it prints `records N` instead or what `counted`
    reads from its log.
    `exact`: its averages must be the exact ones. `records` counts its table of records, by which it is known to hold all. `steps`
    are the seconds of each step of each batch. `goes_on`: it reads only what is new since its last run.
    """

    name: str
    title: str
    delivers: str
    command: Callable[[Place], list[str]]
    averages: Callable[[Place], Averages] | None = None
    totals: Callable[[Place], Totals] | None = None
    counted: Callable[[str], int] | None = None
    exact: bool = True
    publishes: bool = False
    records: Callable[[Place], int] | None = None
    steps: Callable[[Place], list[dict[str, float]]] | None = None
    goes_on: bool = True
    missing: Callable[[], str | None] = nothing_missing
