"""The proof of publication is lost, overwritten or out of date: the output topic decides, and where it cannot, an operator."""

from collections.abc import Callable

import pytest
from confluent_kafka import Consumer, TopicPartition

from spark_jobs.base.errors import DecisionNeeded, DefinitionChanged
from tests.conftest import NewWorld
from tests.faults.batches import some
from tests.faults.checkpoint_rows import states
from tests.faults.forging import age_output
from tests.group import move_group
from tests.submitted import wait_until
from tests.world import World

pytestmark = pytest.mark.group("KO")


@pytest.fixture
def world(new_world: NewWorld) -> World:
    return new_world()


@pytest.mark.proves("F32", "C9")
def test_a_deleted_group_after_the_commit_does_not_publish_twice(world: World) -> None:
    world.send(0, *some(3))
    world.run()
    world.send(0, *some(3))
    world.run_with_fault("after:commit_transaction:raise")
    world.delete_group()
    world.run()
    output = world.output()[0]
    assert [record[2] for record in output] == [1, 2]


@pytest.mark.thorough
@pytest.mark.proves("F32")
def test_a_deleted_group_before_the_commit_does_not_skip_the_publication(world: World) -> None:
    world.send(0, *some(3))
    world.run()
    world.send(0, *some(3))
    world.run_with_fault("before:commit_transaction:raise")
    world.delete_group()
    world.run()
    world.assert_all_counted()


@pytest.mark.thorough
@pytest.mark.proves("F32")
@pytest.mark.parametrize("point", ["after:commit_transaction", "before:commit_transaction"])
def test_headers_on_an_output_topic_created_anew_are_looked_for_from_its_beginning(world: World, point: str) -> None:
    world.send(0, *some(3), *some(3, 17), *some(3, 18))
    world.run()
    world.send(0, *some(1))
    assert world.run_with_fault("after:plan_commit:raise")
    world.recreate(world.pipeline.output_name, 3)
    assert world.run_with_fault(f"{point}:raise")
    world.delete_group()
    with pytest.raises(DefinitionChanged, match="created again"):
        world.run()
    assert [(record[0], record[2]) for record in world.output()[0]] == [("2006-12-16", 2)]


@pytest.mark.proves("F32")
def test_a_proof_that_nobody_can_find_any_more_is_the_operators_decision(world: World) -> None:
    world.send(0, *some(3))
    world.run_with_fault("after:commit_transaction:raise")
    world.delete_group()
    out = world.pipeline.output_name
    world.admin.delete_records([TopicPartition(out, 0, 1)])[TopicPartition(out, 0, 1)].result(20)
    with pytest.raises(DecisionNeeded, match="--published yes or --published no"):
        world.run()
    world.run(published="yes")
    assert world.output() == {}
    assert states(world) == ["PLANNED", "DONE"]


SPOILS: dict[str, Callable[[World], None]] = {
    "the group deleted": lambda world: world.delete_group(),
    "every offset overwritten": lambda world: move_group(world, dict.fromkeys(range(3), 1)),
    "one offset overwritten": lambda world: move_group(world, dict.fromkeys(range(1), 1)),
    "offsets overwritten with words": lambda world: move_group(world, dict.fromkeys(range(3), 1), "b=x, or not b=x"),
}
LATE = ("after:commit_transaction", "before:done_commit")
POINTS = ("after:averages_commit", "after:delivered", "before:commit_transaction", *LATE)


def send_to_all(world: World, day: int) -> None:
    for number in range(3):
        world.send(number, *some(2, day))


@pytest.mark.thorough
@pytest.mark.proves("F12", "F30", "F31", "F32", "F33", "K22", "C9")
@pytest.mark.parametrize("spoilt", SPOILS)
@pytest.mark.parametrize("point", POINTS)
def test_a_spoilt_proof_neither_doubles_nor_skips_a_publication(world: World, point: str, spoilt: str) -> None:
    send_to_all(world, 16)
    world.run()
    send_to_all(world, 17)
    assert world.run_with_fault(f"{point}:raise")
    SPOILS[spoilt](world)
    world.run()
    send_to_all(world, 18)
    world.run()
    world.assert_all_counted()


@pytest.mark.proves("F12", "F32", "F33", "C9")
@pytest.mark.parametrize("spoilt", SPOILS)
@pytest.mark.thorough
def test_a_proof_spoilt_in_the_middle_of_a_run_changes_nothing(world: World, spoilt: str) -> None:
    send_to_all(world, 16)
    world.run()
    send_to_all(world, 17)
    world.run_disturbed("before:done_commit", lambda: SPOILS[spoilt](world))
    send_to_all(world, 18)
    world.run()
    world.assert_all_counted()


@pytest.mark.proves("F32")
@pytest.mark.parametrize(
    "spoilt", [pytest.param(one, marks=[pytest.mark.thorough] if index else []) for index, one in enumerate(SPOILS)]
)
def test_headers_on_one_partition_are_proof_enough(world: World, spoilt: str) -> None:
    send_to_all(world, 16)
    assert world.run_with_fault("after:commit_transaction:raise")
    SPOILS[spoilt](world)
    for number in range(2):
        age_output(world, number, 1)
    world.run()
    assert {number: [record[2] for record in records] for number, records in world.output().items()} == {2: [1]}
    assert states(world) == ["PLANNED", "DONE"]


@pytest.mark.proves("F32", "F33")
@pytest.mark.parametrize("spoilt", [one for one in SPOILS if one != "one offset overwritten"])
@pytest.mark.parametrize("published", [True, False], ids=["published", "not published"])
@pytest.mark.thorough
def test_where_headers_have_aged_out_the_operator_says_whether_it_was_published(
    world: World, spoilt: str, published: bool
) -> None:
    send_to_all(world, 16)
    world.run()
    send_to_all(world, 17)
    assert world.run_with_fault(f"{'after' if published else 'before'}:commit_transaction:raise")
    SPOILS[spoilt](world)
    world.run_with_fault("after:fence:raise")
    for number in range(3):
        age_output(world, number, -1)
    for _ in range(2):
        with pytest.raises(DecisionNeeded, match="--published yes or --published no"):
            world.run()
    world.run(published="yes" if published else "no")
    assert world.visible_batches() == (set() if published else {2})
    send_to_all(world, 18)
    world.run()
    assert world.visible_batches() - {2} == {3}


@pytest.mark.proves("F32")
@pytest.mark.parametrize("point", POINTS)
@pytest.mark.thorough
def test_old_averages_that_age_out_do_not_disturb_the_search_for_headers(world: World, point: str) -> None:
    for day in (16, 17):
        send_to_all(world, day)
        world.run()
    send_to_all(world, 18)
    assert world.run_with_fault(f"{point}:raise")
    world.delete_group()
    for number in range(3):
        age_output(world, number, 2)
    world.run()
    assert [record[2] for record in world.output()[0]] == [2, 3]


@pytest.mark.thorough
@pytest.mark.proves("F33")
def test_a_consumer_that_is_at_work_under_our_groups_name_hinders_no_run(world: World) -> None:
    send_to_all(world, 16)
    settings = {"group.id": world.pipeline.name, "auto.offset.reset": "earliest", "auto.commit.interval.ms": 100}
    consumer = Consumer({"bootstrap.servers": world.bootstrap, **settings})
    seen: list[object] = []
    try:
        consumer.subscribe([world.pipeline.input.topic])

        def has_seen_all() -> bool:
            seen.extend(message for message in [consumer.poll(0.1)] if message is not None and not message.error())
            return len(seen) >= len(world.sent)

        wait_until(has_seen_all, "the consumer to read what was sent")
        world.run()
        send_to_all(world, 17)
        assert world.run_with_fault("after:commit_transaction:raise")
        wait_until(has_seen_all, "the consumer to read on")
    finally:
        consumer.close()
    world.run()
    send_to_all(world, 18)
    world.run()
    world.assert_all_counted()
