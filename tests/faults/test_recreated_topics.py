"""Topics that are created again or get more partitions: noticed by id and number, whatever their length,
at any moment of a batch.
"""

import pytest

from spark_jobs.base.errors import DecisionNeeded, OffsetsLost, TopicRecreated
from tests import oracle
from tests.conftest import NewWorld
from tests.faults.batches import some
from tests.faults.cases import case
from tests.faults.checkpoint_rows import states
from tests.world import World

pytestmark = pytest.mark.group("KO")


@pytest.fixture
def world(new_world: NewWorld) -> World:
    return new_world()


@pytest.mark.proves("F10", "F11", "C2")
@pytest.mark.parametrize("count", [case(one, telling=one == 4) for one in (1, 4, 9)], ids=["shorter", "equal", "longer"])
def test_a_topic_created_anew_stops_the_run_until_it_is_adopted(world: World, count: int) -> None:
    world.send(0, *some(4))
    world.run()
    world.recreate_input(3)
    world.send(0, *some(count, day=17))
    with pytest.raises(TopicRecreated, match="--adopt-topic"):
        world.run()
    (done,) = world.run(adopt_topic=True)
    assert (done.batch, done.ranges[0].start, done.ranges[0].end) == (2, 0, count)
    contributions = oracle.found_contributions(world.tables)
    assert sorted(row[1] for row in contributions.values()) == sorted([4, count])


@pytest.mark.proves("F10", "F11", "C2")
def test_the_input_created_anew_under_an_unfinished_batch_is_told(world: World) -> None:
    world.send(0, *some(4))
    world.run_with_fault("after:plan_commit:raise")
    world.recreate_input(3)
    world.send(0, *some(6))
    with pytest.raises(DecisionNeeded, match="--abandon --adopt-topic"):
        world.run()
    (done,) = world.run(abandon=True, adopt_topic=True)
    assert (done.batch, done.ranges[0].end) == (2, 6)


@pytest.mark.proves("F10", "F11", "F12", "C2")
@pytest.mark.parametrize("count", [1, 4, 9], ids=["shorter", "equal", "longer"])
@pytest.mark.parametrize("point", ["after:records_commit", "after:averages_commit", "after:commit_transaction"])
@pytest.mark.thorough
def test_a_stored_batch_is_finished_before_its_recreated_topic_is_adopted(world: World, point: str, count: int) -> None:
    world.send(0, *some(4))
    assert world.run_with_fault(f"{point}:raise")
    world.recreate_input(3)
    world.send(0, *some(count, 17))
    for _ in range(2):
        with pytest.raises(TopicRecreated, match="--adopt-topic"):
            world.run()
    world.run(adopt_topic=True)
    contributions = oracle.found_contributions(world.tables)
    assert {batch: row[1] for (batch, _, _), row in contributions.items()} == {1: 4, 2: count}
    assert [record[:1] + record[2:] for record in world.output()[0]] == [("2006-12-16", 1, 1, 4), ("2006-12-17", 2, 1, count)]


@pytest.mark.proves("F10", "F12", "F32")
@pytest.mark.parametrize("count", [1, 4, 9], ids=["shorter", "equal", "longer"])
@pytest.mark.thorough
def test_a_topic_adopted_under_a_batch_that_dies_is_read_on_from_the_plan(world: World, count: int) -> None:
    world.send(0, *some(4))
    world.run()
    world.recreate_input(3)
    world.send(0, *some(count, 17))
    assert world.run_with_fault("after:records_commit:raise", adopt_topic=True)
    world.send(1, *some(2, 18))
    resumed, following = world.run()
    assert [(row.batch, sum(one.read for one in row.counts)) for row in (resumed, following)] == [(2, count), (3, 2)]
    assert world.visible_batches() == {1, 2, 3}


@pytest.mark.thorough
@pytest.mark.proves("F10", "F12")
@pytest.mark.parametrize("kill", ["before:plan_commit", "after:plan_commit"])
def test_an_adoption_is_written_down_once_whatever_dies_after_it(world: World, kill: str) -> None:
    world.send(0, *some(4))
    world.run()
    world.recreate_input(3)
    world.send(0, *some(2, 17))
    assert world.run_with_fault(f"{kill}:raise", adopt_topic=True)
    world.run()
    assert states(world).count("ADOPTED") == 1
    assert {batch: row[1] for (batch, _, _), row in oracle.found_contributions(world.tables).items()} == {1: 4, 2: 2}


@pytest.mark.proves("F15")
@pytest.mark.proves("F13")
def test_a_partition_added_is_read_from_its_beginning(world: World) -> None:
    world.send(0, *some(2))
    world.run()
    world.add_partitions(5)
    world.send(4, *some(3))
    world.run()
    world.assert_all_counted()


@pytest.mark.thorough
@pytest.mark.proves("F13", "F14")
@pytest.mark.parametrize(
    "point",
    [
        "after:plan_commit",
        "after:ends_resolved",
        "before:records_files",
        "after:records_commit",
        "after:begin_transaction",
    ],
)
def test_a_partition_added_while_a_run_works_waits_for_the_next_run(world: World, point: str) -> None:
    world.send(0, *some(2))

    def grow() -> None:
        world.add_partitions(5)
        world.send(4, *some(3))

    (done,) = world.run_disturbed(point, grow)
    assert [one.partition for one in done.ranges] == [0, 1, 2]
    world.run()
    world.assert_all_counted()


@pytest.mark.proves("F13", "F14")
@pytest.mark.parametrize("kill", ["after:plan_commit", "after:records_commit", "after:commit_transaction"])
@pytest.mark.thorough
def test_a_partition_added_under_an_unfinished_batch_is_no_part_of_it(world: World, kill: str) -> None:
    world.send(0, *some(2))
    world.run()
    world.send(0, *some(2, 17))
    assert world.run_with_fault(f"{kill}:raise")
    world.add_partitions(4)
    world.send(3, *some(3))
    resumed, following = world.run()
    assert [len(row.ranges) for row in (resumed, following)] == [3, 4]
    world.assert_all_counted()


@pytest.mark.thorough
@pytest.mark.proves("F13")
def test_a_partition_added_whose_first_records_are_gone_already_is_a_loss(world: World) -> None:
    world.send(0, *some(2))
    world.run()
    world.add_partitions(4)
    world.send(3, *some(5))
    world.delete_records(3, 2)
    with pytest.raises(OffsetsLost, match=r"partition 3: offsets 0 to 1 \(2 records\) are gone"):
        world.run()
    world.sent = [one for one in world.sent if one.partition != 3 or one.offset >= 2]
    world.run(accept_loss=True)
    world.assert_all_counted()
