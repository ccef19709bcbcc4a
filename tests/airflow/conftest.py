"""One Airflow for all tests of the real scheduler: its start takes half a minute."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from spark_jobs.local.kafka.server import RunningKafka, start_kafka
from tests.airflow.impatient import OVERDUE, TARDY
from tests.airflow.stage import Stage, send, staged
from tests.world import World, make_world

NAMES = ("unpaused", "backfilled", "killed", "marked", "cleared", OVERDUE, TARDY)


@pytest.fixture(scope="package")
def stage(kafka: RunningKafka, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("scheduler")
    worlds = {name: make_world(folder, kafka.bootstrap, lambda: None, name=name) for name in NAMES}
    with staged(folder, {**worlds, "retried": without_broker(folder, "retried")}) as running:
        yield running
    for world in worlds.values():
        world.end()


def without_broker(folder: Path, name: str) -> World:
    """A world with readings on a broker of its own in a folder of that name, which does not run any more."""
    with start_kafka(folder / name, tied_to_us=True) as broker:
        world = make_world(broker.folder, broker.bootstrap, lambda: None, name=name)
        send(world, month=5)
    return replace(world, config=world.config.rename(folder / world.config.name))
