"""The broker dies, freezes or comes back while a submitted job is at work on it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from spark_jobs.local.kafka.server import RunningKafka, start_kafka
from tests.world import World, make_world, reading

pytestmark = pytest.mark.group("BF")


@pytest.fixture
def own_kafka(tmp_path: Path) -> Iterator[RunningKafka]:
    """A broker that a test may kill."""
    with start_kafka(tmp_path / "kafka", tied_to_us=True) as running:
        yield running


@pytest.fixture
def world(tmp_path: Path, own_kafka: RunningKafka) -> Iterator[World]:
    def no_spark() -> None:
        raise AssertionError("only submitted jobs here")

    world = make_world(tmp_path, own_kafka.bootstrap, no_spark, partitions=2)
    for partition in range(2):
        world.send(partition, *(reading(f"{day}/12/2006 17:24:00", f"23{day}.840") for day in (16, 17, 18)))
    yield world
    world.end()


@pytest.mark.thorough
def test_a_broker_that_dies_under_a_run_asks_for_another_try_and_nothing_is_lost(world: World, own_kafka: RunningKafka) -> None:
    job = world.submit(fault="before:records_files:stop")
    job.wait_until_frozen()
    own_kafka.kill()
    code, output = job.wake()
    assert code == 75, output
    assert output.rpartition("\ndayfold: ")[2].count("\n") == 1, output
    with start_kafka(own_kafka.folder, tied_to_us=True):
        code, output = world.submit().finish()
        assert code == 0, output
        world.assert_all_counted()


@pytest.mark.thorough
def test_a_disk_that_is_full_asks_for_another_try(world: World) -> None:
    for point in ("records_commit", "averages_commit"):
        code, output = world.submit(fault=f"before:{point}:enospc").finish()
        assert code == 75, output
        assert "dayfold: the disk is full" in output
    code, output = world.submit().finish()
    assert code == 0, output
    world.assert_all_counted()
