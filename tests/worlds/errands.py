"""What an operator does besides running a world's pipeline: declares, rebuilds, redefines, republishes, prunes and forgets.

Some of it happens while the adversary acts, and all of it may once everything is right. There each command may die at any of its
steps, and is given again. Drawn by itself, so that it changes nothing of what else happens in a world.
"""

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from spark_jobs.removal.forget import forget
from tests.violations import require
from tests.worlds.declared import WINDOWS
from tests.worlds.machines import TICK, Activity
from tests.worlds.truth import PIPELINE

if TYPE_CHECKING:
    from tests.worlds.simulation import Simulation

MOST_STEPS = 120
"""Of a command, until it dies."""
TRIES = 4
OLD_SECONDS = 200_000.0
"""After so long records are old enough to go."""


class Errands:
    """Those of one world."""

    def __init__(self, world: "Simulation", chosen: random.Random) -> None:
        self._world = world
        self._chosen = chosen
        self._given = 0
        self.excess_digits = "round"
        """A setting that decides nothing here, because no message has so many digits: still it defines what is counted."""

    # While the adversary acts

    def before_a_run(self) -> None:
        """Now and then the file is changed."""
        if self._chosen.random() < 0.06:
            self._redefine()
        declared = self._world.declared
        if declared is None or self._world.activities or self._chosen.random() < 0.5:
            return
        if declared.later:
            self._declare()
        elif declared.since and not self._world.operator.asked:
            self._world.operator.asked = {"rebuild": self._chosen.choice(list(declared.since))}

    def _declare(self) -> None:
        assert self._world.declared is not None
        name = self._world.declared.declare(self._world.cluster.now)
        self._world.tell(f"the aggregate {name} is declared")
        self._world.cluster.pass_time(TICK)
        self._world.write_settings()

    def _redefine(self) -> None:
        self.excess_digits = "reject" if self.excess_digits == "round" else "round"
        self._world.tell(f"excess digits are to be: {self.excess_digits}")
        self._world.write_settings()

    # Afterwards

    def at_last(self) -> bool:
        """Once all is right: some errands, after each of which all must be right again. Whether there were any."""
        given = self._given
        for name, work in self._all():
            self._world.tell(f"errand: {name}")
            work()
            self._world.truth.judge()
        return self._given > given

    def at_the_end(self) -> None:
        """Some pipelines are removed."""
        if self._chosen.random() < 0.15:
            self._forget()

    def _all(self) -> Iterator[tuple[str, Callable[[], None]]]:
        declared = self._world.declared
        if declared:
            for name in declared.since:
                yield f"rebuild {name}", lambda name=name: self._rebuild(name)  # type: ignore[misc]
            if self._chosen.random() < 0.3:
                yield "another window", self._change_what_stays
        if self._chosen.random() < 0.25:
            yield "redefinition", self._adopt
        if self._chosen.random() < 0.25 and (declared is None or declared.published):
            yield "republication", self._republish
        if self._chosen.random() < 0.25:
            yield "pruning", self._prune

    def _rebuild(self, name: str) -> None:
        self._world.operator.asked = {"rebuild": name}
        self._die("rebuild", self._world.run)
        self._world.operator.asked = {"rebuild": name}
        ending = self._work(f"rebuild {name}", self._world.run)
        if ending.startswith("65: DecisionNeeded"):
            ending = self._run()
        require("rebuild", ending == "finished", f"{name} cannot be rebuilt: {ending}")

    def _change_what_stays(self) -> None:
        """A run and plan refuse it, and nothing is written."""
        assert self._world.declared is not None
        name, one = next(iter(self._world.declared.aggregates.items()))
        if self._world.declared.since.get(name) is not None:
            return
        window = one["window"]
        one["window"] = next(other for other in WINDOWS if other != window)
        self._world.write_settings()
        ending = self._work("changed", self._world.run)
        one["window"] = window
        self._world.write_settings()
        require("definition", ending.startswith("65: DefinitionFixed"), f"the window of {name} was changed: {ending}")

    def _adopt(self) -> None:
        self._redefine()
        self._world.arrive()
        self._run()

    def _republish(self) -> None:
        self._die("republication", self._world.republish)
        ending = self._work("republication", self._world.republish)
        require("republication", ending == "finished", f"nothing is published again: {ending}")
        self._world.arrive()
        self._run()

    def _prune(self) -> None:
        self._world.cluster.pass_time(OLD_SECONDS)
        self._die("maintenance", self._world.maintain)
        ending = self._work("maintenance", self._world.maintain)
        require("maintenance", ending == "finished", f"tables are not kept small: {ending}")

    def _run(self) -> str:
        """Run by the book until it finishes; what it dies of is settled as its messages say."""
        self._die("run", self._world.run)
        for _ in range(TRIES):
            ending = self._work("again", self._world.run)
            if ending == "finished":
                return ending
        require("liveness", False, f"after {TRIES} runs by the book: {ending}")
        return ending

    def _forget(self) -> None:
        """However it dies, a run either finds all that there was or stops; and given again it leaves nothing."""
        before = self._left()
        self._die("forget", self._remove)
        left = self._left()
        if left and left != before:
            ending = self._work("run", self._world.run)
            require("forget", ending.startswith(("65", "78")), f"of {before} only {left} is left, and a run {ending}")
        ending = self._work("forget", self._remove)
        require("forget", ending == "finished" and not self._left(), f"{self._left()} is left: {ending}")

    def _remove(self, activity: Activity) -> str:
        pipeline = self._world.pipeline_on(activity.machine)
        return self._world.ended(lambda: forget(pipeline, self._world.folder / "p.yaml", {}))

    def _left(self) -> list[str]:
        tables = Path(self._world.truth.tables)
        group = [PIPELINE] if PIPELINE in self._world.cluster.groups else []
        return sorted(path.name for path in tables.iterdir() if path.is_dir()) + group if tables.is_dir() else group

    def _work(self, name: str, work: Callable[[Activity], str]) -> str:
        """What it ends with; each has a name of its own."""
        self._given += 1
        return self._world.work(f"{name}, errand {self._given}", work)

    def _die(self, name: str, work: Callable[[Activity], str]) -> None:
        """Half of the time the command is given before, and dies somewhere."""
        if self._chosen.random() < 0.5:
            self._given += 1
            self._world.begin(f"{name} that dies, errand {self._given}", self._world.machines[0], work)
            self._world.activities[-1].dies_at = self._chosen.randint(1, MOST_STEPS)
            self._world.finish(self._world.activities[-1])
