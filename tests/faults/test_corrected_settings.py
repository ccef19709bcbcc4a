"""Settings that are corrected before anything was counted by them: tables that a plan left behind take what is wanted next."""

import json
import os
from copy import deepcopy
from typing import Any

import pytest

from spark_jobs.base.errors import DecisionNeeded, TooManyRejected
from spark_jobs.outlook.lookahead import look_ahead
from tests import oracle as plain
from tests.declared.examples import EXAMPLES
from tests.declared.world import DeclaredWorld, NewDeclared
from tests.faults.audited import differences

pytestmark = pytest.mark.group("DA")

STRICT = "limits.max_rejected_fraction=0"


def write(world: DeclaredWorld, **sections: Any) -> dict[str, Any]:
    """Replace sections of the pipeline file; those that it had."""
    file: dict[str, Any] = json.loads(world.world.config.read_text())
    world.world.config.write_text(json.dumps({**file, **sections}))
    return file


def refusals(world: DeclaredWorld) -> list[str]:
    """What `run` and `plan` end with."""
    found = []
    for ask in (world.world.run, lambda: look_ahead(world.world.pipeline, os.environ)):
        with pytest.raises(DecisionNeeded) as refused:
            ask()
        found.append(str(refused.value))
    return found


@pytest.fixture
def wrong_at_first(new_declared: NewDeclared) -> DeclaredWorld:
    """A first batch whose amounts are no longs, with other measures than were meant; it is rejected."""
    world = new_declared("bank")
    right = write(world)
    wrong = deepcopy(right["input"])
    wrong["fields"]["amount"] = "long"
    wrong["derived"]["signed"] = {"sql": "amount", "type": "long"}
    days = {"window": "day", "dimensions": ["vendor", "kind"], "measures": {"bills": "count", "amounts": {"unique": "amount"}}}
    write(world, input=wrong, aggregates={"vendor_days": days})
    world.send(40)
    with pytest.raises(TooManyRejected):
        world.world.run(overrides=[STRICT])
    write(world, **right)
    return world


def test_a_first_batch_is_abandoned_and_planned_by_corrected_settings(wrong_at_first: DeclaredWorld) -> None:
    world = wrong_at_first
    world.world.run(abandon=True)
    world.assert_all_counted_and_audited()
    world.send(20)
    world.world.run()
    world.assert_all_counted_and_audited()


@pytest.mark.parametrize("point", ["before:plan_commit", "before:columns", "after:columns"])
@pytest.mark.proves("K06", "K07")
def test_a_death_around_the_change_of_columns_is_gone_on_from(wrong_at_first: DeclaredWorld, point: str) -> None:
    world = wrong_at_first
    assert world.world.run_with_fault(f"{point}:raise", abandon=True)
    assert look_ahead(world.world.pipeline, os.environ).problems == ()
    world.world.run()
    world.assert_all_counted_and_audited()


def test_another_kind_of_pipeline_is_refused_by_plan_and_run_alike(wrong_at_first: DeclaredWorld) -> None:
    world = wrong_at_first
    of_one_value = {"topic": world.world.pipeline.input.topic, "time": {"field": "booked", "format": "iso8601"}}
    write(world, input={**of_one_value, "value": {"field": "amount"}}, aggregates={})
    with pytest.raises(DecisionNeeded, match="planned as a pipeline of declared aggregates, and is one of one value now"):
        world.world.run(abandon=True)
    assert len(set(refusals(world))) == 1


@pytest.mark.parametrize("decided", [True, False])
def test_an_aggregate_that_an_abandoned_batch_brought_may_be_corrected(new_declared: NewDeclared, *, decided: bool) -> None:
    ads = EXAMPLES["ads"].settings
    world = new_declared("ads", aggregates={"hourly": ads["aggregates"]["hourly"]})
    world.send(20)
    world.world.run()
    daily = {"window": "month", "dimensions": ["user"], "measures": {"events": "count", "channels": {"unique": "channel"}}}
    write(world, aggregates={"hourly": ads["aggregates"]["hourly"], "daily": daily})
    world.send(20)
    where = ["input.where=channel <> 'tv'"] if decided else []
    assert world.world.run_with_fault("before:contributions_commit:raise", adopt_definition=decided, overrides=where)
    world.declare(since=3)
    world.world.run(abandon=True, adopt_definition=decided)
    assert differences(world.world) == ["", ""]
    world.send(20)
    world.world.run()
    if not decided:
        world.assert_all_counted_and_audited()


def test_an_aggregate_that_only_an_abandoned_batch_had_may_come_back(new_declared: NewDeclared) -> None:
    ads = EXAMPLES["ads"].settings["aggregates"]
    world = new_declared("ads", aggregates={"hourly": ads["hourly"]})
    world.send(20)
    world.world.run()
    write(world, aggregates=ads)
    world.send(20)
    assert world.world.run_with_fault("before:contributions_commit:raise")
    write(world, aggregates={"hourly": ads["hourly"]})
    world.world.run(abandon=True)
    world.declare(since=4)
    world.send(20)
    world.world.run()
    world.assert_all_counted_and_audited()


def test_an_abandoned_field_of_kept_records_needs_another_name(new_declared: NewDeclared) -> None:
    ads = EXAMPLES["ads"].settings
    world = new_declared("ads", aggregates={"hourly": ads["aggregates"]["hourly"]})
    world.send(20)
    world.world.run()
    right = write(world)
    changed = deepcopy(right["input"])
    changed["fields"]["age"] = {"type": "long", "required": False}
    daily = {"window": "day", "dimensions": ["channel"], "measures": {"ages": {"sum": "age"}}}
    write(world, input=changed, aggregates={**right["aggregates"], "daily": daily})
    world.send(20)
    assert world.world.run_with_fault("after:records_commit:raise", adopt_definition=True)
    changed["fields"]["age"] = {"type": "decimal(6,1)", "required": False}
    write(world, input=changed, aggregates={**right["aggregates"], "daily": daily})
    with pytest.raises(DecisionNeeded, match="age is long there, and is to be decimal"):
        world.world.run(abandon=True, adopt_definition=True)
    assert len(set(refusals(world))) == 1
    changed["fields"]["years"] = changed["fields"].pop("age")
    daily["measures"] = {"years": {"average": "years"}}
    write(world, input=changed, aggregates={**right["aggregates"], "daily": daily})
    world.world.run(adopt_definition=True)
    assert differences(world.world) == ["", ""]
    assert max(plain.stored_batches(world.world.tables)) == 3
