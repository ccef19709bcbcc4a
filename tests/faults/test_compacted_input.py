"""A compacted input: what the cleaner took before it was read is a gap, what was read before stays counted."""

import pytest
from confluent_kafka import Consumer, TopicPartition

from tests.conftest import NewWorld
from tests.faults.batches import some
from tests.faults.topic_settings import alter_input
from tests.submitted import wait_until
from tests.world import World

pytestmark = pytest.mark.group("KO")


@pytest.fixture
def world(new_world: NewWorld) -> World:
    return new_world()


KILLS = {
    "before the first run": "before:lock",
    "between the plan and the read": "after:plan_commit",
    "after the records were stored": "after:records_commit",
    "between two runs": "after:done_commit",
}
STORED = ("after:records_commit", "after:done_commit")


@pytest.mark.proves("F01", "F17")
@pytest.mark.parametrize(
    "moment", [pytest.param(one, marks=[pytest.mark.thorough] if index else []) for index, one in enumerate(KILLS)]
)
def test_a_compacted_input_has_gaps_and_loses_nothing_that_is_still_there(world: World, moment: str) -> None:
    send_keyed(world)
    assert world.run_with_fault(f"{KILLS[moment]}:raise")
    stored = len(world.sent) if KILLS[moment] in STORED else 0
    send_keyed(world)
    compact(world, stored)
    done = world.run()
    assert sum(count.gaps for row in done for count in row.counts) > 0
    world.assert_all_counted()
    assert world.run() == []


def send_keyed(world: World) -> None:
    """Values of two keys; one of them ends with a tombstone."""
    for value in some(6):
        world.send(0, value, key=b"red")
        world.send(0, value, key=b"blue")
    world.send(0, None, key=b"blue")


def compact(world: World, stored: int) -> None:
    """Let the cleaner work, then stop it. What is sent is then what a consumer still sees, and all before offset `stored`."""
    alter_input(
        world, {"cleanup.policy": "compact", "segment.ms": "100", "min.cleanable.dirty.ratio": "0.01", "delete.retention.ms": "0"}
    )
    before = len(world.sent)

    def has_compacted() -> bool:
        world.send(0, some(1)[0], key=b"green")
        return len(visible_offsets(world)) < before - 4

    wait_until(has_compacted, "the cleaner to compact the input", 90)
    alter_input(world, {"cleanup.policy": "delete", "retention.ms": "-1"})
    visible = visible_offsets(world)
    world.sent = [one for one in world.sent if one.offset < stored or one.offset in visible]


def visible_offsets(world: World) -> set[int]:
    """Offsets that a plain consumer gets from partition 0."""
    settings = {
        "bootstrap.servers": world.bootstrap,
        "group.id": "looks",
        "enable.partition.eof": True,
        "enable.auto.commit": False,
    }
    consumer = Consumer(settings)
    found = set()
    try:
        consumer.assign([TopicPartition(world.pipeline.input.topic, 0, 0)])
        while (message := consumer.poll(10)) is not None and not message.error():
            found.add(int(message.offset() or 0))
    finally:
        consumer.close()
    return found
