"""What the program does in simulated worlds is what its model says that it can do."""

import pytest

from tests.worlds.plain import steps_of
from tests.worlds.traces import SEEN, NoPath, follow

WORLDS = range(1, 21)
A_LONG_ONE = 3
"""Where several batches are finished, so that no step of them is the last one."""


@pytest.mark.group("SC")
def test_each_world_is_a_path_of_the_model() -> None:
    seen: set[str] = set()
    for seed in WORLDS:
        trace = steps_of(seed)
        seen |= {step for _, step in trace}
        try:
            list(follow(trace))
        except NoPath as nothing:
            pytest.fail(f"world {seed}: the model cannot go on where {nothing}")
    assert seen >= SEEN.keys()


def test_a_run_that_leaves_out_a_step_is_none() -> None:
    """Or the check would find everything possible."""
    trace = steps_of(A_LONG_ONE)
    for left_out in ("after:checkpoints_read", "after:plan_commit", "after:contributions_commit", "after:send_offsets"):
        with pytest.raises(NoPath):
            list(follow(one for one in trace if one[1] != left_out))
