"""Tables that were deleted, created again or restored are noticed instead of counting anything again."""

import shutil

import pytest
from delta.tables import DeltaTable as SparkDeltaTable
from deltalake import DeltaTable

from spark_jobs.base.errors import DecisionNeeded, TableDamaged
from tests.conftest import NewWorld
from tests.faults.batches import some
from tests.world import World

pytestmark = pytest.mark.group("KO")


@pytest.fixture
def world(new_world: NewWorld) -> World:
    return new_world()


@pytest.mark.proves("F50")
def test_deleted_tables_are_noticed_instead_of_counting_everything_again(world: World) -> None:
    world.send(0, *some(3))
    world.run()
    moved = world.pipeline.model_copy(update={"lake": f"{world.pipeline.lake}-elsewhere"})
    with pytest.raises(DecisionNeeded, match=r"proves that batch 1 was published, but the checkpoints .* end at batch 0"):
        world.run(overrides=[f"lake={moved.lake}"])


@pytest.mark.proves("F50")
def test_a_table_dropped_and_created_again_is_noticed(world: World) -> None:
    world.send(0, *some(3))
    world.run()
    location = f"{world.tables}/contributions"
    schema = DeltaTable(location).schema()
    shutil.rmtree(location)
    DeltaTable.create(location, schema)
    world.send(0, *some(1))
    with pytest.raises(TableDamaged, match="contributions: it was dropped and created again"):
        world.run()


@pytest.mark.thorough
@pytest.mark.proves("F49", "C7")
def test_records_restored_to_before_the_batch_are_noticed_on_resume(world: World) -> None:
    world.send(0, *some(3))
    world.run()
    world.send(0, *some(3))
    world.run_with_fault("after:records_commit:raise")
    SparkDeltaTable.forPath(world.spark(), f"{world.tables}/records").restoreToVersion(1)
    with pytest.raises(TableDamaged, match=r"was the table restored.*--abandon"):
        world.run()
