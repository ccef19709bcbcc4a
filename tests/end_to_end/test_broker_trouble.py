"""The broker dies, freezes or comes back while a submitted job is at work on it."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from spark_jobs.local.kafka_server import RunningKafka, start_kafka
from tests.end_to_end.test_kills import children
from tests.world import World, make_world, reading, wait_until

SECONDS = 400


@pytest.fixture
def own_kafka(tmp_path: Path) -> Iterator[RunningKafka]:
    """A broker that a test may kill."""
    with start_kafka(tmp_path / "kafka", tied_to_us=True) as running:
        yield running


@pytest.fixture
def world(tmp_path: Path, own_kafka: RunningKafka) -> World:
    def no_spark() -> None:
        raise AssertionError("only submitted jobs here")

    world = make_world(tmp_path, own_kafka.bootstrap, no_spark, partitions=2)
    for partition in range(2):
        world.send(partition, *(reading(f"{day}/12/2006 17:24:00", f"23{day}.840") for day in (16, 17, 18)))
    return world


def frozen_at(world: World, point: str) -> "subprocess.Popen[str]":
    job = world.submit(fault=f"{point}:stop")
    wait_until(lambda: any(child.status() == psutil.STATUS_STOPPED for child in children(job.pid)), "the run to stop", SECONDS)
    return job


def woken(job: "subprocess.Popen[str]") -> tuple[int, str]:
    """Exit code and output of a run that goes on."""
    for child in children(job.pid):
        os.kill(child.pid, signal.SIGCONT)
    output, _ = job.communicate(timeout=SECONDS)
    return job.returncode, output


def test_a_broker_that_dies_under_a_run_asks_for_another_try_and_nothing_is_lost(world: World, own_kafka: RunningKafka) -> None:
    job = frozen_at(world, "before:records_files")
    own_kafka.kill()
    code, output = woken(job)
    assert code == 75, output
    assert output.rpartition("\ndayfold: ")[2].count("\n") == 1, output
    with start_kafka(own_kafka.folder, tied_to_us=True):
        finished = world.submit()
        output, _ = finished.communicate(timeout=SECONDS)
        assert finished.returncode == 0, output
        world.assert_all_counted()


def test_a_disk_that_is_full_asks_for_another_try(world: World) -> None:
    for point in ("records_commit", "averages_commit"):
        job = world.submit(fault=f"before:{point}:enospc")
        output, _ = job.communicate(timeout=SECONDS)
        assert job.returncode == 75, output
        assert "dayfold: the disk is full" in output
    finished = world.submit()
    output, _ = finished.communicate(timeout=SECONDS)
    assert finished.returncode == 0, output
    world.assert_all_counted()
