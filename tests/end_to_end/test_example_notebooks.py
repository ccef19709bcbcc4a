"""The notebooks of the examples, executed on what their pipelines made of the messages that come with them."""

import random
from pathlib import Path

import pytest

from spark_jobs.base.machine import now
from spark_jobs.local.examples.messages import example_messages
from spark_jobs.local.kafka.sending import Sendable, send_all
from spark_jobs.local.kafka.server import RunningKafka
from tests.declared.world import declared_world
from tests.executed import execute

pytestmark = [pytest.mark.thorough, pytest.mark.xdist_group("notebooks")]

PICTURES = {"ads": 1, "bank": 1, "sensors": 1}


@pytest.mark.parametrize("name", PICTURES)
def test_the_notebook_of_an_example_runs_to_its_end(
    name: str, tmp_path: Path, kafka: RunningKafka, request: pytest.FixtureRequest, chosen: random.Random
) -> None:
    spark = lambda: request.getfixturevalue("spark")  # noqa: E731
    with declared_world(name, tmp_path, kafka.bootstrap, spark, chosen) as world:
        messages = enumerate(example_messages(name, 3_000, until=now()))
        sendable = (Sendable(number % 3, one.key, one.value) for number, one in messages)
        send_all({"bootstrap.servers": kafka.bootstrap}, world.world.pipeline.input.topic, sendable, lambda _: None)
        (done,) = world.world.run()
        executed = execute(f"examples/{name}", world.world, {"tables": "sorted(tables)"})
    assert sum(one.read for one in done.counts) == 3_000
    assert len(executed.pictures) == PICTURES[name]
    assert "records" in executed.answers["tables"]
