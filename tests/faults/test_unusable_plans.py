"""Stored plans that cannot be executed: each stops the run with the way on, which works from every such state."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from deltalake import DeltaTable

from spark_jobs.config import load_pipeline
from spark_jobs.errors import ConfigurationError, DecisionNeeded, TableDamaged
from spark_jobs.java_zones import read_zones
from spark_jobs.local.java import find_java
from spark_jobs.outlook import look_ahead
from tests import oracle
from tests.conftest import NewWorld
from tests.faults.checkpoint_rows import states
from tests.faults.input_shapes import some
from tests.world import World

pytestmark = pytest.mark.group("KO")

Details = dict[str, Any]


def rules(**changes: object) -> Callable[[Details], object]:
    return lambda details: {**details, "rules": {**details["rules"], **changes}}


def changed(**changes: object) -> Callable[[Details], object]:
    return lambda details: {**details, **changes}


def without(key: str) -> Callable[[Details], object]:
    return lambda details: {name: value for name, value in details.items() if name != key}


UNUSABLE: Mapping[str, tuple[Callable[[Details], object], str]] = {
    "a zone that Java does not know": (rules(timezone="Mars/Olympus"), "does not know the time zone 'Mars/Olympus'"),
    "a format of a newer version": (rules(time_format="epoch_fortnights"), "time format"),
    "a rule of a newer version": (rules(phase_of_moon="full"), "phase_of_moon: Extra inputs are not permitted"),
    "a rule that is gone": (rules(earliest=None), "earliest: "),
    "a time that is none": (rules(latest="soon"), "latest: "),
    "digits that fit no table": (rules(precision=50, scale=40), "decimal(50,40) does not fit the tables"),
    "details of a newer version": (changed(format=2), "it was stored by a newer version of Dayfold"),
    "no rules": (without("rules"), "it lacks 'rules'"),
    "no tables": (changed(table_ids="none"), "it has another form than this version stores"),
    "no output": (changed(output_starts={"zero": 0}), "invalid literal"),
    "a nonce that could be foreseen": (changed(nonce="x"), "its nonce is not 8 or more letters"),
    "a list": (lambda _: [1], "its details are no JSON object"),
    "no JSON": (lambda _: None, "its details are no JSON"),
}


def tamper(world: World, how: Callable[[Details], object], where: str = "state = 'PLANNED'") -> None:
    """Change the details of the newest such row."""
    location = f"{world.tables}/checkpoints"
    newest = max((row for row in oracle.rows(location) if row["state"] in where), key=lambda row: row["sequence"])
    told = how(json.loads(newest["details"]))
    text = "{torn" if told is None else json.dumps(told)
    DeltaTable(location).update(new_values={"details": text}, predicate=f"sequence = {newest['sequence']}")


@pytest.fixture
def world(new_world: NewWorld) -> World:
    return new_world()


@pytest.mark.proves("F172")
def test_a_plan_that_cannot_be_executed_needs_a_decision_and_can_be_abandoned(world: World) -> None:
    world.send(0, *some(3))
    world.run()
    world.send(1, *some(2))
    assert world.run_with_fault("after:plan_commit:raise")
    for how, sentence in UNUSABLE.values():
        tamper(world, how)
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
    assert done.batch == len(UNUSABLE) + 2
    world.assert_all_counted()


@pytest.mark.proves("F172")
def test_the_first_plan_may_be_unusable_too(world: World) -> None:
    world.send(0, *some(3))
    assert world.run_with_fault("after:plan_commit:raise")
    tamper(world, lambda _: None)
    with pytest.raises(DecisionNeeded, match="no JSON"):
        world.run()
    (done,) = world.run(abandon=True)
    assert done.batch == 2
    world.assert_all_counted()


@pytest.mark.proves("F172")
def test_a_batch_that_is_read_already_needs_its_rules_no_more(world: World) -> None:
    world.send(0, *some(3))
    assert world.run_with_fault("after:records_commit:raise")
    tamper(world, rules(timezone="Mars/Olympus"))
    world.run()
    world.assert_all_counted()


@pytest.mark.proves("F172")
def test_an_averaged_batch_whose_plan_cannot_be_read_says_what_to_bring_back(world: World) -> None:
    world.send(0, *some(3))
    assert world.run_with_fault("after:averages_commit:raise")
    tamper(world, lambda _: None)
    with pytest.raises(DecisionNeeded, match=r"has been averaged already and cannot be abandoned: .*bring back the newest copy"):
        world.run()


@pytest.mark.proves("F172")
def test_a_row_that_cannot_be_understood_is_damage_and_no_defect(world: World) -> None:
    world.send(0, *some(3))
    world.run()
    table = DeltaTable(f"{world.tables}/checkpoints")
    tamper(world, lambda _: None, "state = 'DONE'")
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
