"""`dayfold topic create`: the output topic as the input topic has it, once, and never by the way."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from confluent_kafka.admin import ConfigResource, ResourceType

from spark_jobs.base.errors import ConfigurationError
from spark_jobs.beginning.output_topic import COMPACTED, create_output_topic, creation_sentence
from spark_jobs.broker.cluster import Broker, connect
from spark_jobs.broker.publisher import OutputRecord, Publisher
from spark_jobs.local.kafka.server import RunningKafka, create_topics
from spark_jobs.pipeline.settings import load_pipeline
from tests.kafka.conftest import NewSettings
from tests.typed import type_in
from tests.world import World, world_without_spark

pytestmark = pytest.mark.group("KO")


@pytest.fixture
def world(tmp_path: Path, kafka: RunningKafka) -> Iterator[World]:
    """A pipeline whose input topic has three partitions, and whose output topic is not there."""
    with world_without_spark(tmp_path, kafka.bootstrap, create=False) as world:
        create_topics(kafka.bootstrap, {world.pipeline.input.topic: 3})
        yield world


@pytest.mark.proves("F207")
def test_the_output_topic_gets_as_many_partitions_as_the_input_topic_has_and_is_created_once(
    world: World, broker: Broker
) -> None:
    topic = world.pipeline.output_name
    made = create_output_topic(broker, world.pipeline)
    assert (made.created, made.topic.numbers, made.replicas) == (True, world_partitions(broker, world), 1)
    assert creation_sentence(made, "in").startswith(
        f"created {topic}: 3 partitions as in has, replication 1, cleanup.policy=delete, "
    )
    again = create_output_topic(broker, world.pipeline)
    assert (again.created, again.topic.id) == (False, made.topic.id)
    assert creation_sentence(again, "in").startswith(f"{topic} is there already, nothing was created: 3 partitions as in has")


def world_partitions(broker: Broker, world: World) -> object:
    return broker.topic(world.pipeline.input.topic).numbers


def test_a_compacted_topic_is_one_if_it_was_asked_for(world: World, broker: Broker) -> None:
    made = create_output_topic(broker, world.pipeline, config=COMPACTED)
    resource = ConfigResource(ResourceType.TOPIC, made.topic.name)
    found = world.admin.describe_configs([resource])[resource].result(20)
    assert (made.settings["cleanup.policy"], found["cleanup.policy"].value) == ("compact", "compact")


@pytest.mark.proves("F207")
def test_a_topic_of_another_number_of_partitions_is_refused_and_left_as_it_is(world: World, broker: Broker) -> None:
    create_topics(world.bootstrap, {world.pipeline.output_name: 2})
    with pytest.raises(ConfigurationError, match=r"has 3 partitions and .* has 2; each average goes to the partition number"):
        create_output_topic(broker, world.pipeline)
    assert len(broker.topic(world.pipeline.output_name).partitions) == 2


@pytest.mark.proves("F207")
def test_a_topic_with_averages_of_another_pipeline_is_refused(world: World, broker: Broker, new_settings: NewSettings) -> None:
    topic = world.pipeline.output_name
    create_output_topic(broker, world.pipeline)
    publisher = Publisher.open(new_settings(world.bootstrap), f"{topic}-other")
    publisher.fence()
    publisher.publish(topic, [OutputRecord(0, b"2026-01-01", b"{}", (("pipeline", b"other"), ("batch", b"1")))], [])
    with pytest.raises(ConfigurationError, match="holds averages of the pipeline other"):
        create_output_topic(broker, world.pipeline)


@pytest.mark.proves("F207")
def test_of_several_at_once_one_creates_the_topic_and_all_find_it(world: World, new_settings: NewSettings) -> None:
    settings = new_settings(world.bootstrap)

    def create(_: int) -> tuple[bool, str]:
        with connect(settings) as broker:
            made = create_output_topic(broker, world.pipeline)
        return made.created, made.topic.id

    with ThreadPoolExecutor(4) as several:
        found = list(several.map(create, range(4)))
    assert sum(created for created, _ in found) == 1
    assert len({topic_id for _, topic_id in found}) == 1


Spoiled = Callable[[World, Broker], object]
REFUSED: dict[str, tuple[Spoiled, str]] = {
    "no input": (
        lambda world, broker: create_output_topic(broker, load_pipeline(world.config, overrides=["input.topic=nowhere"])),
        "nowhere is no topic of",
    ),
    "too many copies": (
        lambda world, broker: create_output_topic(broker, world.pipeline, replicas=5),
        r"does not create .*-out: .*[Rr]eplication factor.* 5",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_created_is_said_in_one_sentence(world: World, broker: Broker, case: str) -> None:
    ask, sentence = REFUSED[case]
    with pytest.raises(ConfigurationError, match=sentence) as caught:
        ask(world, broker)
    assert "\n" not in str(caught.value)
    assert world.pipeline.output_name not in world.admin.list_topics(timeout=20).topics


@pytest.mark.thorough
@pytest.mark.proves("F207")
def test_plan_names_the_command_that_creates_the_topic_and_then_finds_it(world: World) -> None:
    planned = type_in("plan", str(world.config))
    assert planned.returncode == 78
    assert "`dayfold topic create CONFIG` creates it with the partitions of" in planned.stderr
    made = type_in("topic", "create", str(world.config), "--json")
    assert (made.returncode, json.loads(made.stdout)["partitions"]) == (0, 3), made.stderr
    again = type_in("topic", "create", str(world.config), "--replication", "2", "--compact")
    assert again.returncode == 0
    assert "its replication is 1 and not 2" in again.stdout
    assert "it is not compacted" in again.stdout
    assert type_in("plan", str(world.config)).returncode == 0
