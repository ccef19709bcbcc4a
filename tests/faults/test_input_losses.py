"""Records that are gone before they were read: the run stops and says which, and an accepted loss is written down."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from spark_jobs.base.errors import OffsetsLost
from tests import oracle
from tests.conftest import NewWorld
from tests.faults.batches import some
from tests.faults.cases import case
from tests.faults.checkpoint_rows import states
from tests.faults.topic_settings import expire_input, log_starts
from tests.faults.two_machines import ending
from tests.submitted import wait_until
from tests.world import World

pytestmark = pytest.mark.group("KO")


@pytest.fixture
def world(new_world: NewWorld) -> World:
    return new_world()


@pytest.mark.proves("F07", "F18")
def test_records_deleted_before_they_were_read_stop_the_run_until_the_loss_is_accepted(world: World) -> None:
    world.send(0, *some(2))
    world.send(1, *some(1))
    world.run()
    world.send(0, *some(5))
    world.send(1, *some(1))
    world.delete_records(0, 4)
    with pytest.raises(OffsetsLost, match=r"partition 0: offsets 2 to 3 \(2 records\) are gone; first available is 4") as caught:
        world.run()
    assert caught.value.exit_code == 65
    assert "--accept-loss" in str(caught.value)
    assert states(world) == ["PLANNED", "DONE"]
    world.sent = [one for one in world.sent if (one.partition, one.offset) not in {(0, 2), (0, 3)}]
    world.run(accept_loss=True)
    assert states(world) == ["PLANNED", "DONE", "LOSS", "PLANNED", "DONE"]
    world.assert_all_counted()


@pytest.mark.proves("F07", "F18")
def test_a_first_run_begins_where_the_log_begins_without_any_loss(world: World) -> None:
    world.send(0, *some(5))
    world.delete_records(0, 3)
    world.sent = world.sent[3:]
    world.run()
    world.assert_all_counted()


@pytest.mark.proves("F08", "F18")
def test_an_unfinished_batch_whose_records_are_gone_is_abandoned_by_command(world: World) -> None:
    world.send(0, *some(4))
    world.run_with_fault("after:plan_commit:raise")
    world.delete_records(0, 3)
    with pytest.raises(OffsetsLost, match="--abandon --accept-loss"):
        world.run()
    with pytest.raises(OffsetsLost, match="offsets 0 to 2"):
        world.run(abandon=True)
    (done,) = world.run(accept_loss=True)
    assert (done.batch, done.ranges[0].start) == (2, 3)
    assert states(world) == ["PLANNED", "ABANDONED", "LOSS", "PLANNED", "DONE"]


def delete_half(world: World) -> None:
    """The operator's DeleteRecords: partition 0 loses the records that it holds at most four of."""
    world.delete_records(0, 4)


TAKES = {"records deleted by command": delete_half, "retention": expire_input}


def forget_the_lost(world: World, unread_from: int) -> None:
    """What is gone and was not read counts nowhere: the oracle is told so."""
    lows = log_starts(world)
    world.sent = [one for one in world.sent if one.offset < unread_from or one.offset >= lows[one.partition]]


@pytest.mark.proves("F07", "F18")
@pytest.mark.parametrize("takes", [case(one, telling=place == 0) for place, one in enumerate(TAKES)])
def test_a_loss_between_two_runs_is_told_accepted_and_written_down(world: World, takes: str) -> None:
    for number in range(3):
        world.send(number, *some(2))
    world.run()
    for number in range(3):
        world.send(number, *some(4, 17))
    TAKES[takes](world)
    for _ in range(2):
        with pytest.raises(OffsetsLost, match=r"partition 0: offsets 2 to \d+ .* are gone"):
            world.run()
    forget_the_lost(world, 2)
    world.send(1, *some(1, 18))
    world.run(accept_loss=True)
    assert states(world)[:3] == ["PLANNED", "DONE", "LOSS"]
    world.assert_all_counted()


@pytest.mark.proves("F08", "F22")
@pytest.mark.parametrize(
    "takes", [pytest.param(one, marks=[pytest.mark.thorough] if index else []) for index, one in enumerate(TAKES)]
)
@pytest.mark.parametrize("point", ["after:plan_commit", pytest.param("before:records_files", marks=pytest.mark.thorough)])
def test_records_that_go_between_the_plan_and_the_read_are_never_skipped(world: World, takes: str, point: str) -> None:
    for number in range(3):
        world.send(number, *some(6))
    how = ending(lambda: world.run_disturbed(point, lambda: TAKES[takes](world)))
    assert how.startswith("75: records were deleted while Spark was reading them"), how
    assert states(world) == ["PLANNED"]
    with pytest.raises(OffsetsLost, match=r"partition 0: batch 1 was to read 0 to 5"):
        world.run()
    forget_the_lost(world, 0)
    world.send(0, *some(1, 18))
    world.run(abandon=True, accept_loss=True)
    assert states(world) == ["PLANNED", "ABANDONED", "LOSS", "PLANNED", "DONE"]
    world.assert_all_counted()


@pytest.mark.proves("F08", "F18")
@pytest.mark.parametrize("takes", [case(one, telling=place == 0) for place, one in enumerate(TAKES)])
@pytest.mark.parametrize(
    "point",
    [
        "before:records_commit",
        pytest.param("after:records_commit", marks=pytest.mark.thorough),
        pytest.param("before:commit_transaction", marks=pytest.mark.thorough),
        pytest.param("after:commit_transaction", marks=pytest.mark.thorough),
    ],
)
def test_records_that_go_once_they_were_read_are_not_missed(world: World, takes: str, point: str) -> None:
    for number in range(3):
        world.send(number, *some(4))
    world.run_disturbed(point, lambda: TAKES[takes](world))
    world.assert_all_counted()
    world.send(0, *some(2, 17))
    world.run()
    world.assert_all_counted()


@pytest.mark.proves("F08")
@pytest.mark.parametrize("takes", TAKES)
@pytest.mark.parametrize("point", ["after:records_commit", "after:averages_commit", "before:commit_transaction"])
@pytest.mark.thorough
def test_a_batch_that_was_stored_is_finished_after_a_kill_though_its_records_are_gone(
    world: World, takes: str, point: str
) -> None:
    for number in range(3):
        world.send(number, *some(4))
    assert world.run_with_fault(f"{point}:raise")
    TAKES[takes](world)
    world.run()
    world.assert_all_counted()


@pytest.mark.proves("F08", "F22", "F25")
@pytest.mark.thorough
def test_records_that_go_while_spark_reads_are_all_counted_or_told(world: World) -> None:
    for number in range(3):
        world.send(number, *some(1500))
    with deleting_while_read(world):
        how = ending(world.run)
    if how != "finished":
        assert how.startswith("75: records were deleted while Spark was reading them"), how
        with pytest.raises(OffsetsLost, match="partition 2: batch 1 was to read 0 to 1499"):
            world.run()
        assert oracle.found_averages(world.tables) == {}
        return
    world.assert_all_counted()


@contextmanager
def deleting_while_read(world: World) -> Iterator[None]:
    """As soon as Spark writes the first file of records, the last partition's are deleted."""
    folder = Path(world.tables)
    with ThreadPoolExecutor(1) as beside:
        writing = beside.submit(
            wait_until, lambda: any(folder.glob("records/batch-*/_temporary/**/*.parquet")), "Spark to write", 120
        )
        deleted = beside.submit(world.delete_records, 2, 1500)
        yield
        writing.result(120)
        deleted.result(120)
