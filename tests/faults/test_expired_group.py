"""The group's offsets expire, as they do after a week without a run: the headers on the output topic are proof enough."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from spark_jobs.local.kafka.server import BrokerOptions, RunningKafka, start_kafka
from tests import oracle
from tests.conftest import IMPATIENT
from tests.faults.batches import some
from tests.submitted import wait_until
from tests.world import World, make_world

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = [pytest.mark.group("KO"), pytest.mark.thorough]

FORGETFUL = BrokerOptions(
    settings={**IMPATIENT.settings, "offsets.retention.minutes": "1", "offsets.retention.check.interval.ms": "500"}
)


@pytest.fixture
def forgetful_kafka(tmp_path: Path) -> Iterator[RunningKafka]:
    with start_kafka(tmp_path / "kafka", options=FORGETFUL, tied_to_us=True) as running:
        yield running


def has_no_group(world: World) -> bool:
    return oracle.group_offsets(world.bootstrap, world.pipeline.name, world.pipeline.input.topic, 3) == {}


@pytest.mark.proves("F32", "K22", "C9")
def test_a_group_that_expired_before_and_after_the_commit_is_replaced_by_headers(
    tmp_path: Path, forgetful_kafka: RunningKafka, spark: "SparkSession"
) -> None:
    worlds = [make_world(tmp_path, forgetful_kafka.bootstrap, lambda: spark) for _ in range(2)]
    for world, point in zip(worlds, ("before:commit_transaction", "after:commit_transaction"), strict=True):
        world.send(0, *some(3))
        world.run()
        world.send(0, *some(3, 17))
        assert world.run_with_fault(f"{point}:raise")
        assert world.run_with_fault("after:fence:raise"), "the open transaction is ended, so that nothing holds the group"
    for world in worlds:
        wait_until(partial(has_no_group, world), "the group to expire", 180)
        world.run()
        world.send(0, *some(1, 18))
        world.run()
        assert [record[2] for record in world.output()[0]] == [1, 2, 3]
