"""Worlds as simple as the protocol's model: one partition, good messages and runs alone; what happens to runs is the same."""

import tempfile
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from tests.worlds.simulation import MEMORY, Simulation
from tests.worlds.truth import reading


class PlainSimulation(Simulation):
    """Runs on up to two machines are killed, frozen and overtaken, and their requests are late, repeated or lost."""

    declares, brief = 0.0, 0.0

    def __init__(self, seed: int, folder: Path) -> None:
        super().__init__(seed, folder)
        for name in self.cluster.topics:
            del self.cluster.topics[name].logs[1:]
        self.machines = self.machines[:2]
        self.harm.events = []
        self.harm.rates = replace(self.harm.rates, imagined=0.0, wrong_rows=0.0)
        self.keeps_records, self.audits, self.plans, self.forges = 1.0, False, False, False

    def start(self, machine_name: str) -> None:
        self.outcome.runs += 1
        self.begin(f"run{self.outcome.runs}", machine_name, self.run)

    def message(self) -> bytes | None:
        return reading(self.chosen.randint(1, 3), Decimal(self.chosen.randint(-9, 99)) / 4)

    def _arrive_in_transaction(self) -> None:
        """Nobody does."""


def steps_of(seed: int) -> list[tuple[str, str]]:
    """What commands did in the plain world of this seed, in its order."""
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None, prefix="world-") as folder:
        world = PlainSimulation(seed, Path(folder))
        try:
            world.live()
        finally:
            world.end()
        return world.trace
