"""What is wrong with the output topic or the group is found by an audit and named; what is only gone is told."""

import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Message, TopicPartition

from spark_jobs.local.kafka.server import create_topics
from tests.conftest import NewWorld
from tests.faults.audited import audited, told
from tests.faults.batches import some
from tests.faults.output_records import publish, visible
from tests.faults.tampering import tampered, update
from tests.group import move_group
from tests.world import World

pytestmark = [pytest.mark.group("DF"), pytest.mark.xdist_group("audit")]


def empty_output(world: World) -> str:
    name = f"{world.pipeline.name}-copy-{uuid.uuid4().hex[:8]}"
    create_topics(world.bootstrap, {name: world.partitions})
    return name


def copied_output(world: World) -> str:
    """A new topic with the same visible records, to be tampered with."""
    name = empty_output(world)
    for message in visible(world, world.pipeline.output_name):
        publish(world, name, message)
    return name


def republish(**changed: Any) -> Callable[[World, str, Message], None]:
    return lambda world, topic, message: publish(world, topic, message, **changed)


ON_THE_OUTPUT: dict[str, tuple[Callable[[World, str, Message], None], str]] = {
    "a record doubled": (republish(), "stands there already, at offset 0"),
    "a record on the wrong partition": (republish(partition=2), "belongs on partition 0"),
    "a record of an abandoned batch": (republish(headers={"batch": b"4"}), "of batch 4, which was abandoned"),
    "a record of an unknown batch": (republish(headers={"batch": b"99"}), "of batch 99, which the checkpoints do not know"),
    "a record of a batch that has no such day": (republish(headers={"batch": b"5"}), "is not in contributions"),
    "a record without a batch": (republish(headers={"batch": b"first"}), "cannot be understood"),
    "a record of two dates": (republish(value=b'{"date": "2006-12-17", "voltage": 1}'), "its date another"),
    "a record of no JSON": (republish(value=b"voltage"), "cannot be understood"),
    "a tombstone": (republish(value=None), "cannot be understood"),
}


@pytest.mark.parametrize("name", ON_THE_OUTPUT)
def test_a_strange_record_on_the_output_is_found_and_named(history: World, name: str) -> None:
    tamper, words = ON_THE_OUTPUT[name]
    output = copied_output(history)
    first = next(one for one in visible(history, output) if one.partition() == 0)
    tamper(history, output, first)
    found = audited(history, output=output)
    assert {one.where for one in found.differences} == {f"topic {output}"}, told(found)
    assert words in told(found)


def test_averages_that_the_output_must_hold_but_does_not_are_found(history: World) -> None:
    output = empty_output(history)
    for message in visible(history, history.pipeline.output_name)[1:]:
        publish(history, output, message)
    found = audited(history, output=output)
    assert [one.where for one in found.differences] == [f"topic {output}"]
    assert "is missing on partition" in told(found)


@pytest.mark.parametrize("changed", [{"value": b'{"date": "2006-12-16", "voltage": 1}'}, {"headers": {"count": b"9"}}], ids=str)
def test_an_average_that_was_published_otherwise_is_found(history: World, changed: dict[str, Any]) -> None:
    output = empty_output(history)
    for message in visible(history, history.pipeline.output_name):
        is_first = (message.partition(), message.offset()) == (0, 0)
        publish(history, output, message, **(changed if is_first else {}))
    found = audited(history, output=output)
    assert [one.where for one in found.differences] == [f"topic {output}"], told(found)
    assert "by contributions it is 232.34" in told(found)


def test_batches_out_of_order_on_the_output_are_found(history: World) -> None:
    output = empty_output(history)
    for message in reversed(visible(history, history.pipeline.output_name)):
        publish(history, output, message)
    found = audited(history, output=output)
    assert {one.where for one in found.differences} == {f"topic {output}"}
    assert "of batch 1 stands after records of batch" in told(found)


def test_records_of_others_on_the_output_are_told_and_no_difference(history: World) -> None:
    output = copied_output(history)
    message = visible(history, output)[0]
    publish(history, output, message, headers={"pipeline": b"another"})
    found = audited(history, output=output)
    assert told(found) == ""
    assert found.notes == (f"{output} holds 1 record not of this pipeline",)


def test_averages_that_retention_has_deleted_are_beyond_proof_and_no_difference(new_world: NewWorld) -> None:
    world = new_world()
    world.send(0, *some(2), *some(2, 17), *some(2, 18))
    world.run()
    world.send(0, *some(2), *some(2, 17))
    world.run()
    output = world.pipeline.output_name
    world.admin.delete_records([TopicPartition(output, 0, 2)])[TopicPartition(output, 0, 2)].result(20)
    found = audited(world)
    assert told(found) == ""
    assert found.notes == (f"2 published averages are beyond proof: {output} does not hold them any more",)


@pytest.mark.proves("F32", "F33")
def test_a_moved_group_is_a_difference_and_a_missing_one_is_not(new_world: NewWorld) -> None:
    world = new_world()
    world.send(0, *some(3))
    world.run()
    assert told(audited(world)) == ""
    move_group(world, {0: 1})
    found = audited(world)
    assert [one.where for one in found.differences] == [f"group {world.pipeline.name}"]
    assert "is at offset 1 of partition 0 (no metadata), batch 1 left it at 3 (b=1)" in told(found)
    move_group(world, {0: 3}, "b=1")
    assert told(audited(world)) == ""
    move_group(world, {0: 9}, "b=2")
    assert "proves batch 2, which the checkpoints do not know" in told(audited(world))
    world.delete_group()
    found = audited(world)
    assert told(found) == ""
    assert "the consumer group has no offsets any more" in found.notes[0]


def test_records_are_compared_with_the_input_where_it_still_holds_them(new_world: NewWorld, tmp_path: Path) -> None:
    world = new_world()
    world.send(0, *some(3))
    world.send_in_transaction(0, *some(2), commit=False)
    world.send(0, *some(2, 17))
    world.run()
    moved = tampered(world, tmp_path, update("records", '"offset" = 1', offset="4"))
    assert told(audited(world, moved)) == ""
    topic = world.pipeline.input.topic
    found = told(audited(world, moved, deep=True))
    assert f"batch 1, partition 0: {topic} shows records that are not stored: 1, offset 1" in found
    assert f"batch 1, partition 0: records are stored that {topic} does not show: 1, offset 4" in found
    world.delete_records(0, 6)
    assert told(audited(world, moved, deep=True)) == ""
