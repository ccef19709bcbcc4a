"""Runs of one pipeline on several machines, played in one process:
each machine has a lock file of its own and shares all else.
"""

import random
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from spark_jobs.base import faults
from spark_jobs.base.outages import as_ours
from tests.faults.batches import send_two_days
from tests.world import World

BLOCKED_SECONDS = 3.0
"""How long a run that does not come to its next point, because it waits for the broker, can hold the others up."""


def on_machine(world: World, name: str, *more: str) -> list[str]:
    """Overrides of a run on another machine than the world's own."""
    return [f"state={world.pipeline.state}-of-{name}", *more]


class Turns:
    """Whose turn it is: at each fault point a run waits until it is drawn, so a seed gives one interleaving.

    How often the same run goes on is drawn as well: from nearly always (a run that freezes for long) to hardly ever.
    """

    def __init__(self, chosen: random.Random, names: Sequence[str]) -> None:
        self._chosen = chosen
        self._moved = threading.Condition()
        self._running = list(names)
        self._working: str | None = None
        self._next = chosen.choice(names)
        self._stays = chosen.choice((0.3, 0.7, 0.9, 0.95))
        self.history: list[str] = []

    def wait(self, name: str, point: str) -> None:
        """Called at a fault point: let the others work until this run is drawn."""
        with self._moved:
            self.history.append(f"{name} {point}")
            self._pause(name)
            self._moved.wait_for(lambda: self._working is None and self._next == name, BLOCKED_SECONDS)
            self._working = name
            others = [other for other in self._running if other != name]
            self._next = name if not others or self._chosen.random() < self._stays else self._chosen.choice(others)

    def leave(self, name: str) -> None:
        """A run has ended; the others share its turns."""
        with self._moved:
            self.history.append(f"{name} ended")
            self._running.remove(name)
            self._pause(name)
            if self._running and self._next == name:
                self._next = self._chosen.choice(self._running)

    def _pause(self, name: str) -> None:
        if self._working == name:
            self._working = None
        self._moved.notify_all()


def run_interleaved(world: World, turns: Turns, names: Sequence[str], allowing: pytest.MonkeyPatch, *more: str) -> list[str]:
    """One run on each machine at once; how each of them ended."""
    session = world.spark()
    world.spark = lambda: session
    allowing.setenv("DAYFOLD_ALLOW_FAULTS", "1")

    def work(name: str) -> str:
        try:
            with faults.calling(partial(turns.wait, name)):
                return ending(lambda: world.run(run_id=name, overrides=on_machine(world, name, *more)))
        finally:
            turns.leave(name)

    with ThreadPoolExecutor(len(names)) as machines:
        return list(machines.map(work, names))


def ending(run: Callable[[], object]) -> str:
    """How a run ends: "finished", or the exit code and words of the error that its process would end with; others are raised."""
    try:
        run()
    except Exception as error:
        ours = as_ours(error)
        if ours is None:
            raise
        return f"{ours.exit_code}: {ours}"
    return "finished"


def on_b(world: World) -> None:
    """The other machine takes over: it finishes what it finds, more arrives, and it finishes that as well."""
    world.run(overrides=on_machine(world, "b"))
    send_two_days(world, 2)
    world.run(overrides=on_machine(world, "b"))
