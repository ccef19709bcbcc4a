"""The program in simulated worlds: whatever happens to it, each message counts once, and it comes back to life."""

import pytest

from tests.worlds.shrinking import shrunk
from tests.worlds.simulation import simulate

EACH = 10


@pytest.mark.group("SC")
@pytest.mark.parametrize("first", range(1, 31, EACH))
def test_in_every_world_each_message_counts_once_and_the_pipeline_comes_back_to_life(first: int) -> None:
    for seed in range(first, first + EACH):
        found = simulate(seed)
        if found.violation:
            pytest.fail("\n".join([f"world {seed}", *shrunk(found).story, found.violation]))


@pytest.mark.group("SC")
@pytest.mark.parametrize("seed", [20021, 20159, 30016])
def test_worlds_that_were_wrong_once_are_right(seed: int) -> None:
    assert simulate(seed).violation is None


@pytest.mark.parametrize("seed", [1, 2], ids=["declared", "of one value"])
def test_a_seed_tells_the_same_story_twice(seed: int) -> None:
    one, other = simulate(seed), simulate(seed)
    assert one.declared == (seed == 1)
    assert (one.points, one.harm, one.endings) == (other.points, other.harm, other.endings)
    assert one.harm
