"""Aggregates that go out of a pipeline file and come back, and what a run makes of it."""

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable, Field
from deltalake.schema import PrimitiveType

from spark_jobs.base.errors import DecisionNeeded, TableDamaged
from spark_jobs.maintenance.maintain import maintain
from spark_jobs.removal.forget import forget
from spark_jobs.run.republish import republish
from tests.declared.examples import EXAMPLES
from tests.declared.world import DeclaredWorld, NewDeclared
from tests.faults.audited import audited, differences

pytestmark = pytest.mark.group("DA")


def declare(world: DeclaredWorld, aggregates: dict[str, Any], **others: Any) -> None:
    file = json.loads(world.world.config.read_text())
    world.world.config.write_text(json.dumps({**file, "aggregates": aggregates, **others}))


def change(world: DeclaredWorld, section: str, **settings: Any) -> None:
    file = json.loads(world.world.config.read_text())
    world.world.config.write_text(json.dumps({**file, section: {**file[section], **settings}}))


def publish(world: DeclaredWorld, *aggregates: str) -> None:
    output = {"topic": world.world.pipeline.output_name, "aggregates": list(aggregates)}
    declare(world, world.example.settings["aggregates"], output=output)


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


@pytest.mark.proves("F96")
def test_what_was_published_of_an_aggregate_that_was_taken_out_is_judged_by_its_tables_as_long_as_they_are_there(
    new_declared: NewDeclared,
) -> None:
    world = new_declared("bank")
    run_twice(world)
    file = world.example.settings["aggregates"]
    declare(world, {"vendor_dates": file["vendor_days"], "vendor_months": file["vendor_months"]})
    assert differences(world.world) == ["", ""]
    run_twice(world)
    assert differences(world.world) == ["", ""]
    republish(world.world.pipeline, "again")
    assert differences(world.world) == ["", ""]
    for name in ("vendor_days", "vendor_days_contributions"):
        shutil.rmtree(f"{world.world.tables}/{name}")
    assert differences(world.world) == ["", ""]
    assert any("messages of vendor_days on" in note for note in audited(world.world).notes)


@pytest.mark.proves("F96")
def test_each_batch_is_held_to_the_aggregates_that_it_was_to_publish(new_declared: NewDeclared) -> None:
    world = new_declared("bank")
    publish(world, "vendor_days")
    run_twice(world)
    for published in (["vendor_months"], ["vendor_days", "vendor_months"]):
        publish(world, *published)
        world.send(20)
        world.world.run(adopt_definition=True)
        assert differences(world.world) == ["", ""]
    republish(world.world.pipeline, "again")
    assert differences(world.world) == ["", ""]


def test_totals_may_be_published_again_once_the_topic_has_more_partitions(new_declared: NewDeclared) -> None:
    world = new_declared("bank")
    run_twice(world)
    world.world.add_partitions(5)
    republish(world.world.pipeline, "again")
    assert differences(world.world) == ["", ""]
    world.send(20)
    world.world.run()
    republish(world.world.pipeline, "once more")
    assert differences(world.world) == ["", ""]


@pytest.mark.parametrize("decided", [True, False])
def test_an_aggregate_that_no_plan_has_yet_hinders_no_command(new_declared: NewDeclared, *, decided: bool) -> None:
    world = new_declared("ads", aggregates={"hourly": EXAMPLES["ads"].settings["aggregates"]["hourly"]})
    run_twice(world)
    world.declare(since=3)
    if decided:
        change(world, "input", where="channel <> 'tv'")
        world.send(10)
        assert world.world.run_with_fault("after:redefined:raise", adopt_definition=True)
    assert differences(world.world) == ["", ""]
    assert {one.table for one in maintain(world.world.pipeline, now=datetime.now(UTC)).tables} >= {"hourly", "records"}
    assert republish(world.world.pipeline, "again").count
    assert differences(world.world) == ["", ""]
    world.send(10)
    world.world.run()
    assert differences(world.world) == ["", ""]


def test_forgetting_takes_the_tables_of_aggregates_along_that_were_taken_out(new_declared: NewDeclared) -> None:
    world = new_declared("ads")
    run_twice(world)
    declare(world, {"hourly": world.example.settings["aggregates"]["hourly"]})
    run_twice(world)
    belongings = forget(world.world.pipeline, world.world.config, {})
    assert {Path(one.name).name for one in belongings.things if one.kind == "table"} >= {"daily_contributions", "hourly_users"}
    assert not Path(world.world.tables).exists()


def test_members_that_a_restore_took_away_are_missed_before_the_next_batch(new_declared: NewDeclared) -> None:
    world = new_declared("ads")
    world.send(20)
    world.world.run()
    for name, what in (("hourly_users", "group"), ("hourly_users_contributions", "value")):
        table = DeltaTable(f"{world.world.tables}/{name}")
        version = table.version()
        table.delete()
        with pytest.raises(TableDamaged, match=f"table {name}: it holds 0 {what}s of batch 1, by its checkpoint it must hold"):
            world.world.run()
        table.restore(version)
    world.send(20)
    world.world.run()
    world.assert_all_counted_and_audited()


@pytest.mark.parametrize("name", ["daily", "hourly"])
def test_the_table_that_lost_the_rows_of_a_rebuild_is_named(new_declared: NewDeclared, name: str) -> None:
    ads = EXAMPLES["ads"].settings["aggregates"]
    (other,) = ads.keys() - {name}
    world = new_declared("ads", aggregates={other: ads[other]})
    run_twice(world)
    declare(world, ads)
    assert world.world.run_with_fault("after:contributions_commit:raise", rebuild=name)
    DeltaTable(f"{world.world.tables}/{name}_contributions").delete()
    with pytest.raises(TableDamaged, match=f"table {name}_contributions: its log says that batch 3 was averaged, but no row"):
        world.world.run()
