"""Kill the job at every point inside it, run it again, and compare everything with what was sent.

The process "dies" by an exception that no handler of the program catches; all objects are made anew for the rerun, as a new
process would. Real kills of real processes are in `test_kills.py`.
"""

import random

import pytest
from _pytest.mark import ParameterSet

from tests.conftest import NewWorld
from tests.faults.batches import SHAPES, send_tiny
from tests.faults.points import AFTER_THE_PLAN, ONLY_WITH_READINGS, RUN
from tests.invariants import check_second_opinion
from tests.world import World

pytestmark = pytest.mark.group("CR")

BETWEEN_STEPS = {
    "after:plan_commit": "empty",
    "after:records_commit": "rejected",
    "after:contributions_commit": "tiny",
    "after:averages_commit": "rejected",
    "after:commit_transaction": "tiny",
}
"""Each leaves something else behind, and here dies in a batch of this shape.

At all other points the usual run dies in simulated worlds."""
SEEDS = range(5)


def crash_cases() -> list[ParameterSet]:
    """Every point, seed and shape. The usual run takes some points, each with one shape."""
    cases: list[ParameterSet] = []
    for point, rows in RUN.items():
        shapes = [shape for shape in SHAPES if shape != "empty" or point not in ONLY_WITH_READINGS]
        for seed in SEEDS:
            for shape in shapes:
                usual = seed == 0 and BETWEEN_STEPS.get(point) == shape
                marks = [pytest.mark.proves(*rows), *([] if usual else [pytest.mark.thorough])]
                cases.append(pytest.param(point, seed, shape, marks=marks, id=f"{point}-{shape}-{seed}"))
    return cases


@pytest.fixture
def world(new_world: NewWorld) -> World:
    return new_world()


@pytest.mark.parametrize(("point", "seed", "shape"), crash_cases())
def test_a_kill_at_any_point_loses_and_doubles_nothing(
    world: World, point: str, seed: int, shape: str, chosen: random.Random
) -> None:
    """Odd seeds kill on top of history, the last seed kills the rerun as well, at a later point."""
    if seed % 2:
        send_tiny(world, chosen)
        world.run()
    SHAPES[shape](world, chosen)
    assert world.run_with_fault(f"{point}:raise"), f"{point} was never passed"
    SHAPES[chosen.choice(list(SHAPES))](world, chosen)
    if seed == SEEDS[-1]:
        world.run_with_fault(f"{chosen.choice(AFTER_THE_PLAN)}:raise")
    world.run()
    world.assert_all_counted()


@pytest.mark.parametrize("nth", [2, pytest.param(3, marks=pytest.mark.thorough)])
@pytest.mark.proves("K18")
def test_a_kill_between_two_deliveries_publishes_all_of_them_once(world: World, nth: int, chosen: random.Random) -> None:
    for shape in ("tiny", "rejected"):
        SHAPES[shape](world, chosen)
    world.send(2, *(f'{{"datetime": "{day:02}/12/2006 01:00:00", "voltage": 1}}'.encode() for day in (1, 2, 3)))
    assert world.run_with_fault(f"after:produce:raise:{nth}")
    assert world.visible_batches() == set()
    world.run()
    world.assert_all_counted()


@pytest.mark.thorough
@pytest.mark.proves("C3", "K15", "F45")
def test_more_input_between_a_kill_and_the_rerun_does_not_change_the_planned_batch(world: World, chosen: random.Random) -> None:
    send_tiny(world, chosen)
    planned = [sum(one.partition == number for one in world.sent) for number in range(3)]
    assert world.run_with_fault("after:averages_commit:raise")
    send_tiny(world, chosen)
    resumed, following = world.run()
    assert [one.end for one in resumed.ranges] == planned
    assert [one.start for one in following.ranges] == planned
    world.assert_all_counted()


@pytest.mark.thorough
@pytest.mark.parametrize("point", ["after:averages_commit", "before:records_commit", "before:contributions_commit"])
def test_spark_reads_the_tables_of_a_killed_run_as_delta_rs_does(world: World, point: str, chosen: random.Random) -> None:
    SHAPES["rejected"](world, chosen)
    assert world.run_with_fault(f"{point}:raise")
    check_second_opinion(world.spark(), world.tables)
    send_tiny(world, chosen)
    world.run()
    check_second_opinion(world.spark(), world.tables)


@pytest.mark.thorough
@pytest.mark.proves("F65", "F69")
def test_a_run_killed_again_and_again_at_later_and_later_points_comes_through(world: World, chosen: random.Random) -> None:
    send_tiny(world, chosen)
    for point in AFTER_THE_PLAN:
        assert world.run_with_fault(f"{point}:raise"), point
    world.run()
    world.assert_all_counted()


@pytest.mark.proves("F08", "F79")
def test_kafka_is_not_needed_any_more_once_the_records_are_stored(world: World, chosen: random.Random) -> None:
    send_tiny(world, chosen)
    assert world.run_with_fault("after:records_commit:raise")
    for partition in range(2):
        world.delete_records(partition, sum(one.partition == partition for one in world.sent))
    world.run()
    world.assert_all_counted()


@pytest.mark.proves("K25", "F77")
@pytest.mark.parametrize("times", [1, 5])
def test_running_again_after_the_end_finds_nothing_to_do(world: World, times: int, chosen: random.Random) -> None:
    send_tiny(world, chosen)
    world.run()
    for _ in range(times):
        assert world.run() == []
    world.assert_all_counted()
