"""Offsets without a record: explained by what Kafka says of them, or an error; never a silent loss."""

import pytest
from deltalake import DeltaTable

from spark_jobs.base.errors import TableDamaged
from tests.conftest import NewWorld
from tests.faults.batches import some
from tests.faults.cases import case
from tests.world import World

pytestmark = pytest.mark.group("KO")


@pytest.fixture
def world(new_world: NewWorld) -> World:
    return new_world()


@pytest.mark.proves("F01", "F05")
def test_gaps_are_told_by_what_explains_them(world: World) -> None:
    world.send_in_transaction(0, *some(2), commit=True)
    world.send_in_transaction(0, *some(3), commit=False)
    world.send(0, *some(1))
    world.send_in_transaction(1, *some(1), commit=True)
    (done,) = world.run()
    assert {one.partition: one.gaps for one in done.counts} == {0: 5, 1: 1, 2: 0}
    assert done.gaps == {"0": "3 aborted, 2 markers", "1": "1 markers"}
    world.assert_all_counted()


@pytest.mark.parametrize("lost", [case(one, telling=one == 2) for one in (0, 2, 4)], ids=["first", "middle", "last"])
@pytest.mark.proves("F49", "F57")
def test_a_gap_that_nothing_explains_stops_the_run_before_anything_is_averaged(world: World, lost: int) -> None:
    """Plain messages, no transactions: an offset without a row is a lost record, and reading the batch anew brings it back."""
    world.send(0, *some(5))
    assert world.run_with_fault("after:records_commit:raise")
    DeltaTable(f"{world.tables}/records").delete(f"offset = {lost}")
    with pytest.raises(TableDamaged, match=rf"not the one at offset {lost}, which readers of {world.pipeline.input.topic} see"):
        world.run()
    assert DeltaTable(f"{world.tables}/contributions").to_pyarrow_dataset().count_rows() == 0
    (done,) = world.run(abandon=True)
    assert (done.batch, done.counts[0].read) == (2, 5)


@pytest.mark.proves("F08")
def test_gaps_of_records_that_are_gone_by_now_are_counted_as_unchecked(world: World) -> None:
    world.send(0, *some(2))
    world.send_in_transaction(0, *some(1), commit=False)
    assert world.run_with_fault("after:records_commit:raise")
    world.delete_records(0, 4)
    (done,) = world.run()
    assert done.gaps == {"0": "2 unchecked"}
    world.assert_all_counted()
