"""Offsets that show a reader nothing, transaction markers and aborted records: gaps, never a loss, and never waited for."""

import pytest
from deltalake import DeltaTable

from tests.conftest import NewWorld
from tests.faults.batches import some
from tests.world import World

pytestmark = pytest.mark.group("KO")


@pytest.fixture
def world(new_world: NewWorld) -> World:
    return new_world()


@pytest.mark.proves("K05")
def test_nothing_to_read_writes_nothing(world: World) -> None:
    assert world.run() == []
    assert not DeltaTable.is_deltatable(f"{world.tables}/checkpoints")


@pytest.mark.proves("F01", "F02", "F05")
def test_transaction_markers_and_aborted_records_are_gaps_and_never_readings(world: World) -> None:
    world.send_in_transaction(0, *some(2), commit=True)
    world.send_in_transaction(0, *some(5), commit=False)
    world.send_in_transaction(1, *some(1), commit=False)
    world.send(0, *some(1))
    (done,) = world.run()
    assert {one.partition: (one.read, one.gaps) for one in done.counts} == {0: (3, 7), 1: (0, 2), 2: (0, 0)}
    world.assert_all_counted()
    assert world.run() == [], "trailing markers are no new data"


@pytest.mark.thorough
@pytest.mark.proves("F01", "F02")
def test_a_batch_of_nothing_but_markers_moves_on_and_survives_a_kill(world: World) -> None:
    world.send(0, *some(1))
    world.run()
    world.send_in_transaction(0, *some(3), commit=False)
    assert world.run_with_fault("after:records_commit:raise")
    (done,) = world.run()
    assert sum(one.gaps for one in done.counts) == 4
    world.assert_all_counted()


@pytest.mark.proves("F03", "F04", "F06")
def test_an_open_transaction_holds_records_back_until_it_ends(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.send(0, *some(2))
    with world.open_transaction(0, *some(3)) as producer:
        (done,) = world.run()
        assert done.ranges[0].end == 2
        assert "held back by an open transaction: 3 records on partition 0" in caplog.text
        producer.commit_transaction(20)
    world.wait_until_stable(0)
    world.run()
    world.assert_all_counted()


@pytest.mark.proves("F01", "F07")
@pytest.mark.parametrize("before", [pytest.param(3, marks=pytest.mark.thorough), 2, pytest.param(1, marks=pytest.mark.thorough)])
def test_aborted_records_that_are_deleted_after_the_batch_was_stored_do_not_stop_it(world: World, before: int) -> None:
    world.send(0, *some(2))
    world.send_in_transaction(1, *some(2), commit=False)
    assert world.run_with_fault("after:records_commit:raise")
    world.delete_records(1, before)
    world.run()
    world.assert_all_counted()
