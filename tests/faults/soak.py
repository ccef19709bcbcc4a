"""`make soak MINUTES=10`: batch after batch with one random fault in every second one, on a topic that grows and forgets.

Not a test that runs by itself. Rounds come from `--seed`; every tenth round and at the end everything is compared with what was
sent.
"""

import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from py4j.protocol import Py4JError
from pyspark.errors import PySparkException

from spark_jobs.base.errors import TryAgain
from spark_jobs.local.kafka.server import RunningKafka, start_kafka, stop_broker
from tests import oracle
from tests.conftest import IMPATIENT
from tests.faults.batches import SHAPES
from tests.faults.points import AFTER_THE_PLAN, RUN
from tests.world import World, make_world

ROUNDS_BETWEEN_CHECKS = 10
MOST_PARTITIONS = 12


@dataclass
class Soak:
    """A pipeline under random faults, and what has happened to it so far."""

    world: World
    kafka: RunningKafka
    chosen: random.Random
    happened: Counter[str] = field(default_factory=Counter)
    round_seconds: list[float] = field(default_factory=list)

    def one_round(self) -> None:
        begun = time.monotonic()
        number = len(self.round_seconds)
        SHAPES[self.chosen.choice(list(SHAPES))](self.world, self.chosen)
        if number % 2:
            self.chosen.choice([self.die, self.die_twice, self.lose_the_broker, self.kill_a_submitted_run])()
        self.world.run()
        self.chosen.choice([self.forget, self.grow, self.nothing, self.nothing])()
        self.round_seconds.append(time.monotonic() - begun)

    def die(self) -> None:
        point = self.chosen.choice(list(RUN))
        self.happened[f"died at {point}"] += self.world.run_with_fault(f"{point}:raise")

    def die_twice(self) -> None:
        for _ in range(2):
            point = self.chosen.choice(AFTER_THE_PLAN)
            self.happened[f"died at {point}"] += self.world.run_with_fault(f"{point}:raise")

    def lose_the_broker(self) -> None:
        """The broker dies in the middle of a run and comes back on the same port and data."""

        point = self.chosen.choice(["after:plan_commit", "before:records_files", "after:begin_transaction"])
        try:
            self.world.run_disturbed(point, self.kafka.kill)
        except (TryAgain, Py4JError, PySparkException, OSError) as error:
            self.happened[f"broker killed under a run ({type(error).__name__})"] += 1
        self.kafka = start_kafka(self.kafka.folder, options=IMPATIENT, tied_to_us=True)

    def kill_a_submitted_run(self) -> None:
        point = self.chosen.choice(AFTER_THE_PLAN)
        self.world.submit(fault=f"{point}:killgroup").finish()
        self.happened[f"process group killed at {point}"] += 1

    def forget(self) -> None:
        """Retention: what every partition has read is gone from the topic."""
        world = self.world
        read = oracle.group_offsets(world.bootstrap, world.pipeline.name, world.pipeline.input.topic, world.partitions)
        for partition, end in read.items():
            world.delete_records(partition, end)
        self.happened["retention"] += 1

    def grow(self) -> None:
        if self.world.partitions < MOST_PARTITIONS:
            self.world.add_partitions(self.world.partitions + 1)
            self.happened["partition added"] += 1

    def nothing(self) -> None:
        """Most rounds."""

    def report(self) -> str:
        seconds = self.round_seconds
        tenth = max(1, len(seconds) // 10)
        first, last = (sorted(part)[len(part) // 2] for part in (seconds[:tenth], seconds[-tenth:]))
        lines = [
            f"{len(seconds)} rounds, nothing lost and nothing doubled; a round took {first:.1f} s at first and {last:.1f} s "
            "at last"
        ]
        return "\n".join(lines + [f"  {count:4} x {what}" for what, count in sorted(self.happened.items()) if count])


@pytest.fixture
def own_kafka(tmp_path: Path) -> Iterator[RunningKafka]:
    """A broker that may be killed; whichever runs in its folder at the end is stopped."""
    running = start_kafka(tmp_path / "kafka", options=IMPATIENT, tied_to_us=True)
    yield running
    stop_broker(running.folder)


def test_nothing_is_lost_or_doubled_however_long_it_goes_on(
    own_kafka: RunningKafka, tmp_path: Path, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    world = make_world(tmp_path, own_kafka.bootstrap, lambda: request.getfixturevalue("spark"))
    soak = Soak(world, own_kafka, random.Random(request.config.getoption("seed")))
    deadline = time.monotonic() + 60 * request.config.getoption("minutes")
    while time.monotonic() < deadline:
        soak.one_round()
        if len(soak.round_seconds) % ROUNDS_BETWEEN_CHECKS == 0:
            world.assert_all_counted()
            with capsys.disabled():
                print(f"\r{len(soak.round_seconds)} rounds, all counted", end="", file=sys.stderr, flush=True)
    world.assert_all_counted()
    with capsys.disabled():
        print(f"\n{soak.report()}", file=sys.stderr)
    world.end()
