"""Stored plans that cannot be executed: each stops the run with the way on, which works from every such state."""

import pytest
from deltalake import DeltaTable

from spark_jobs.base.errors import ConfigurationError, DecisionNeeded, DefinitionChanged, TableDamaged
from spark_jobs.launch.java import find_java
from spark_jobs.launch.java_zones import read_zones
from spark_jobs.outlook.lookahead import look_ahead
from spark_jobs.pipeline.settings import load_pipeline
from tests.conftest import NewWorld
from tests.faults.batches import some
from tests.faults.checkpoint_rows import states
from tests.faults.unusable import UNUSABLE, Alter, rules, tamper
from tests.world import World

pytestmark = [pytest.mark.group("KO"), pytest.mark.thorough]

END_TO_END = ("a zone that Java does not know", "a rule of a newer version", "no JSON")
"""The others need no broker: tests/unit/progress/test_stored_plans.py."""


def torn(world: World, how: Alter, state: str = "PLANNED") -> None:
    tamper(f"{world.tables}/checkpoints", how, state)


@pytest.fixture
def world(new_world: NewWorld) -> World:
    return new_world()


@pytest.mark.proves("F172")
def test_a_plan_that_cannot_be_executed_needs_a_decision_and_can_be_abandoned(world: World) -> None:
    world.send(0, *some(3))
    world.run()
    world.send(1, *some(2))
    assert world.run_with_fault("after:plan_commit:raise")
    for how, sentence in (UNUSABLE[name] for name in END_TO_END):
        torn(world, how)
        with pytest.raises(DecisionNeeded) as caught:
            world.run()
        assert caught.value.exit_code == 65
        assert caught.value.settled_by == ("abandon",)
        assert "was planned, but its plan cannot be executed here: " in str(caught.value)
        assert sentence in str(caught.value)
        # Told the same before, and nothing is stored by either.
        assert [str(one) for one in look_ahead(world.pipeline, {}).problems] == [str(caught.value)]
        assert states(world)[-1] == "PLANNED"
        assert world.run_with_fault("after:plan_commit:raise", abandon=True)
        assert states(world)[-2:] == ["ABANDONED", "PLANNED"]
    (done,) = world.run()
    assert done.batch == len(END_TO_END) + 2
    world.assert_all_counted()


@pytest.mark.proves("F172")
def test_the_first_plan_may_be_unusable_too(world: World) -> None:
    world.send(0, *some(3))
    assert world.run_with_fault("after:plan_commit:raise")
    torn(world, lambda _: None)
    with pytest.raises(DecisionNeeded, match="no JSON"):
        world.run()
    (done,) = world.run(abandon=True)
    assert done.batch == 2
    world.assert_all_counted()


@pytest.mark.proves("F172")
def test_a_batch_that_is_read_already_needs_its_rules_no_more(world: World) -> None:
    world.send(0, *some(3))
    assert world.run_with_fault("after:records_commit:raise")
    torn(world, rules(timezone="Mars/Olympus"))
    with pytest.raises(DefinitionChanged, match=r"input\.time\.timezone: Mars/Olympus so far, UTC now"):
        world.run()
    assert states(world) == ["PLANNED", "DONE"]
    world.assert_all_counted()


@pytest.mark.thorough
@pytest.mark.proves("F172")
def test_an_averaged_batch_whose_plan_cannot_be_read_says_what_to_bring_back(world: World) -> None:
    world.send(0, *some(3))
    assert world.run_with_fault("after:averages_commit:raise")
    torn(world, lambda _: None)
    with pytest.raises(DecisionNeeded, match=r"has been averaged already and cannot be abandoned: .*bring back the newest copy"):
        world.run()


@pytest.mark.thorough
@pytest.mark.proves("F172")
def test_a_row_that_cannot_be_understood_is_damage_and_no_defect(world: World) -> None:
    world.send(0, *some(3))
    world.run()
    torn(world, lambda _: None, "DONE")
    with pytest.raises(TableDamaged, match="the row DONE of batch 1 cannot be understood"):
        world.run()
    table = DeltaTable(f"{world.tables}/checkpoints")
    table.update(new_values={"state": "PAUSED"}, predicate="state = 'DONE'")
    with pytest.raises(
        TableDamaged, match=r"the row PAUSED of batch 1 cannot be understood .*If a newer version of Dayfold wrote it"
    ):
        world.run()
    with pytest.raises(TableDamaged, match="the row PAUSED"):
        look_ahead(world.pipeline, {})


@pytest.mark.proves("F170")
def test_a_zone_that_java_does_not_know_is_refused_before_anything_is_planned(world: World) -> None:
    unknown = sorted({"America/Coyhaique", "ROC"} - read_zones(find_java()).names)[-1]
    world.send(0, *some(3))
    overrides = [f"input.time.timezone={unknown}"]
    pipeline = load_pipeline(world.config, overrides=overrides)
    for look in (lambda: look_ahead(pipeline, {}), lambda: world.run(overrides=overrides)):
        with pytest.raises(ConfigurationError, match=f"does not know the time zone '{unknown}'"):
            look()
    assert states(world) == []
