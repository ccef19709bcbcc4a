"""Real processes that freeze (SIGSTOP) in a step and wake up when a run of another machine has long gone on without them."""

from pathlib import Path

import pytest

from tests import oracle
from tests.conftest import NewWorld
from tests.world import World, reading

pytestmark = pytest.mark.group("CC")

thorough = pytest.mark.thorough


@pytest.fixture
def world(new_world: NewWorld) -> World:
    world = new_world()
    for partition in range(3):
        world.send(partition, *(reading(f"{day}/12/2006 17:24:00", f"23{day}.840") for day in (16, 17, 18)), b"no reading")
    return world


@pytest.mark.thorough
@pytest.mark.proves("F65", "F66")
def test_of_two_runs_at_once_one_works_and_the_other_names_it(world: World) -> None:
    first = world.submit(fault="after:fence:stop")
    first.wait_until_frozen()
    code, output = world.submit().finish()
    assert code == 75
    assert f"{world.pipeline.name} is being run by run submitted (process " in output
    code, output = first.wake()
    assert code == 0, output
    world.assert_all_counted()


@pytest.mark.proves("F29", "F30", "C4")
@pytest.mark.parametrize(
    "point",
    [
        pytest.param("before:records_commit", marks=thorough),
        pytest.param("before:averages_commit", marks=thorough),
        "before:averages_merge",
        pytest.param("before:commit_transaction", marks=thorough),
        pytest.param("after:commit_transaction", marks=thorough),
    ],
)
def test_a_frozen_run_of_another_machine_wakes_up_superseded_and_changes_nothing(
    world: World, point: str, tmp_path: Path
) -> None:
    frozen = world.submit(fault=f"{point}:stop")
    frozen.wait_until_frozen()
    other_machine = [f"state={tmp_path / 'another-machine'}"]
    world.run(overrides=other_machine)
    world.send(0, reading("16/12/2006 23:59:00", "1"))
    world.run(overrides=other_machine)
    code, output = frozen.wake()
    assert code == 76, output
    assert "newer run" in output or "another run" in output
    world.assert_all_counted()


@pytest.mark.thorough
@pytest.mark.proves("F65", "K13")
@pytest.mark.parametrize("point", ["before:records_commit", "before:contributions_commit"])
def test_a_frozen_run_cannot_bring_back_a_batch_that_was_abandoned_meanwhile(world: World, point: str, tmp_path: Path) -> None:
    frozen = world.submit(fault=f"{point}:stop")
    frozen.wait_until_frozen()
    assert world.run_with_fault("after:plan_commit:raise", overrides=[f"state={tmp_path / 'another-machine'}"], abandon=True)
    code, output = frozen.wake()
    assert code == 65, output
    assert "about to be abandoned" in output
    (done,) = world.run()
    assert (done.batch, sum(one.read for one in done.counts)) == (2, 12)
    assert {record[-1] for record in oracle.found_records(world.tables)} == {2}
    assert {batch for batch, _, _ in oracle.found_contributions(world.tables)} == {2}
