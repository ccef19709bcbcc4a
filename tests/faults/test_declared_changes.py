"""Aggregates that go out of a pipeline file and come back, and what a run makes of it."""

import json
from typing import Any

import pytest
from deltalake import DeltaTable, Field
from deltalake.schema import PrimitiveType

from spark_jobs.base.errors import DecisionNeeded, TableDamaged
from tests.declared.world import DeclaredWorld, NewDeclared

pytestmark = pytest.mark.group("DA")


def declare(world: DeclaredWorld, aggregates: dict[str, Any]) -> None:
    file = json.loads(world.world.config.read_text())
    world.world.config.write_text(json.dumps({**file, "aggregates": aggregates}))


def run_twice(world: DeclaredWorld) -> None:
    for _ in range(2):
        world.send(20)
        world.world.run()


@pytest.mark.proves("F96")
def test_an_aggregate_may_be_renamed_and_cannot_come_back_with_a_hole(new_declared: NewDeclared) -> None:
    world = new_declared("bank")
    run_twice(world)
    file = world.example.settings["aggregates"]
    declare(world, {"vendor_dates": file["vendor_days"], "vendor_months": file["vendor_months"]})
    run_twice(world)
    declare(world, file)
    with pytest.raises(DecisionNeeded, match=r"vendor_days was left out .* after batch 2.* 2 batches have read"):
        world.world.run()


@pytest.mark.proves("F64")
def test_a_column_that_no_plan_had_is_somebody_elses(new_declared: NewDeclared) -> None:
    world = new_declared("bank")
    run_twice(world)
    DeltaTable(f"{world.world.tables}/records").alter.add_columns([Field("mine", PrimitiveType("string"))])
    with pytest.raises(TableDamaged, match="its columns are not the pipeline's: mine"):
        world.world.run()
