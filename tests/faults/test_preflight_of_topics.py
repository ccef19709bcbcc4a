"""Topics that do not fit together are refused before anything is read, and none is created by asking for it."""

import pytest

from spark_jobs.base.errors import ConfigurationError, DefinitionChanged
from spark_jobs.local.kafka.server import create_topics
from tests.conftest import NewWorld
from tests.faults.batches import some
from tests.faults.checkpoint_rows import states
from tests.world import World

pytestmark = pytest.mark.group("KO")


@pytest.fixture
def world(new_world: NewWorld) -> World:
    return new_world()


@pytest.mark.proves("F36")
def test_topics_with_different_partition_counts_are_refused(new_world: NewWorld) -> None:
    world = new_world(output={"topic": "two-partitions-only"})
    create_topics(world.bootstrap, {"two-partitions-only": 2})
    with pytest.raises(ConfigurationError, match=r"has 3 partitions and two-partitions-only has 2"):
        world.run()


@pytest.mark.proves("F36")
def test_a_missing_output_topic_is_named(new_world: NewWorld) -> None:
    world = new_world(output={"topic": "never-created"})
    world.send(0, *some(1))
    with pytest.raises(
        ConfigurationError, match=r"never-created is no topic of .*: `dayfold topic create CONFIG` creates it with the"
    ):
        world.run()
    assert "never-created" not in world.admin.list_topics(timeout=20).topics


@pytest.mark.proves("F36")
def test_an_output_topic_that_somebody_auto_created_with_one_partition_is_refused(new_world: NewWorld) -> None:
    world = new_world(output={"topic": "auto-created"})
    world.send(0, *some(1))
    create_topics(world.bootstrap, {"auto-created": 1})
    for _ in range(2):
        with pytest.raises(ConfigurationError, match="has 3 partitions and auto-created has 1"):
            world.run()
    assert states(world) == []


@pytest.mark.proves("F36", "F13")
def test_partitions_added_to_the_input_alone_stop_the_run_until_the_output_has_them_too(world: World) -> None:
    world.send(0, *some(2))
    world.run()
    world.send(0, *some(2, 17))
    assert world.run_with_fault("after:plan_commit:raise")
    world.add_partitions(4, topics=[world.pipeline.input.topic])
    with pytest.raises(ConfigurationError, match=r"has 4 partitions and .* has 3"):
        world.run()
    world.add_partitions(4, topics=[world.pipeline.output_name])
    world.run()
    world.assert_all_counted()


@pytest.mark.proves("F36")
@pytest.mark.parametrize("kill", ["after:plan_commit", "after:averages_commit", "before:commit_transaction"])
@pytest.mark.thorough
def test_an_output_topic_created_anew_gets_the_batch_that_was_not_published(world: World, kill: str) -> None:
    world.send(0, *some(2))
    world.run()
    world.send(0, *some(2, 17))
    assert world.run_with_fault(f"{kill}:raise")
    world.recreate(world.pipeline.output_name, 3)
    with pytest.raises(DefinitionChanged, match="created again"):
        world.run()
    assert [record[2] for record in world.output()[0]] == [2]
