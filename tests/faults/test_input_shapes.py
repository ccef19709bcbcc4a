"""Every shape of input against every point where a run may die:
the batch stays what was planned, and nothing is new afterwards.
"""

from collections.abc import Iterator

import pytest

from tests.conftest import NewWorld
from tests.faults.checkpoint_rows import ranges
from tests.faults.input_shapes import SHAPES, WITHOUT_READINGS, sent
from tests.world import World

pytestmark = pytest.mark.group("KO")

KILLS = ["after:plan_commit", "after:records_commit", "after:averages_commit", "after:commit_transaction"]


def cases() -> Iterator[object]:
    """All pairs; the usual run takes one kill of every third shape, another one each time."""
    for index, shape in enumerate(SHAPES):
        kills = [kill for kill in KILLS if kill != "after:averages_commit" or shape not in WITHOUT_READINGS]
        for number, kill in enumerate(kills):
            marks = [] if index % 3 == 0 and number == index // 3 % len(kills) else [pytest.mark.thorough]
            yield pytest.param(shape, kill, marks=marks, id=f"{shape}, killed {kill}")


@pytest.fixture
def world(new_world: NewWorld) -> World:
    return new_world()


@pytest.mark.proves("F01", "F02", "F03", "F05", "F06", "F25", "F102", "F104", "C3", "K07", "K22")
@pytest.mark.parametrize(("shape", "point"), list(cases()))
def test_a_batch_of_any_shape_survives_a_kill_and_does_not_grow(world: World, shape: str, point: str) -> None:
    with sent(world, shape):
        assert world.run_with_fault(f"{point}:raise"), f"{point} was never passed"
        planned = ranges(world, "PLANNED")
        with sent(world, shape):
            world.run()
    for partition in range(3):
        world.wait_until_stable(partition)
    world.run()
    assert ranges(world, "DONE")[1] == planned[1]
    assert ranges(world, "DONE") == ranges(world, "PLANNED")
    world.assert_all_counted()
    assert world.run() == [], "trailing markers are no new data"
