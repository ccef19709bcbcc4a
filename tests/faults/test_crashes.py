"""Kill the job at every point inside it, run it again, and compare everything with what was sent.

The process "dies" by an exception that no handler of the program catches; all objects are made anew for the rerun, as a new
process would. Real kills of real processes are in `test_kills.py`.
"""

import pytest

from tests.conftest import NewWorld
from tests.world import World, reading

pytestmark = pytest.mark.group("CR")

POINTS = [
    "before:lock",
    "before:fence",
    "after:fence",
    "after:ends_resolved",
    "before:plan_commit",
    "after:plan_commit",
    "before:records_files",
    "before:records_commit",
    "after:records_commit",
    "before:contributions_commit",
    "after:contributions_commit",
    "before:averages_commit",
    "after:averages_commit",
    "after:begin_transaction",
    "after:produce",
    "after:delivered",
    "after:send_offsets",
    "before:commit_transaction",
    "after:commit_transaction",
    "before:done_commit",
    "after:done_commit",
]


def send_some(world: World, minute: int) -> None:
    """Readings of two days on two partitions, one of them also rejected messages; the third partition stays empty."""
    world.send(0, reading(f"16/12/2006 17:{minute:02}:00", "234.840"), reading(f"17/12/2006 00:{minute:02}:00", "241.1"))
    world.send(1, reading(f"16/12/2006 18:{minute:02}:00", "233.63"), b"no reading", None)


@pytest.fixture
def world(new_world: NewWorld) -> World:
    return new_world()


@pytest.mark.parametrize("point", POINTS)
def test_a_kill_at_any_point_loses_and_doubles_nothing(world: World, point: str) -> None:
    send_some(world, 1)
    assert world.run_with_fault(f"{point}:raise"), f"{point} was never passed"
    send_some(world, 2)
    world.run()
    world.assert_all_counted()


@pytest.mark.parametrize("point", ["after:averages_commit", "after:commit_transaction"])
def test_a_kill_on_top_of_history_loses_and_doubles_nothing(world: World, point: str) -> None:
    send_some(world, 1)
    world.run()
    send_some(world, 2)
    assert world.run_with_fault(f"{point}:raise")
    world.run()
    world.assert_all_counted()


def test_more_input_between_a_kill_and_the_rerun_does_not_change_the_planned_batch(world: World) -> None:
    send_some(world, 1)
    world.run_with_fault("after:averages_commit:raise")
    send_some(world, 2)
    resumed, following = world.run()
    assert [one.end for one in resumed.ranges] == [2, 3, 0]
    assert [(one.start, one.end) for one in following.ranges] == [(2, 4), (3, 6), (0, 0)]
    world.assert_all_counted()


def test_a_run_killed_again_and_again_at_later_and_later_points_comes_through(world: World) -> None:
    send_some(world, 1)
    for point in POINTS[POINTS.index("after:plan_commit") :]:
        world.run_with_fault(f"{point}:raise")
    world.run()
    world.assert_all_counted()


def test_kafka_is_not_needed_any_more_once_the_records_are_stored(world: World) -> None:
    send_some(world, 1)
    world.run_with_fault("after:records_commit:raise")
    world.delete_records(0, 2)
    world.delete_records(1, 3)
    world.run()
    world.assert_all_counted()
