"""Group and output topic say different things of a batch: what is there decides,
and where they contradict each other, an operator.
"""

from collections.abc import Callable

import pytest

from spark_jobs.base.errors import DecisionNeeded, TryAgain
from spark_jobs.outlook.lookahead import look_ahead
from tests.conftest import NewWorld
from tests.faults.batches import some
from tests.faults.checkpoint_rows import states
from tests.faults.forging import Place, age_output, averages_of, foreign, left_by, put_group, transaction, unnamed, write
from tests.oracle import group_offsets
from tests.world import World

pytestmark = [pytest.mark.group("KO"), pytest.mark.thorough]

UNPUBLISHED, COMMITTED = "after:averages_commit", "after:commit_transaction"


def send_to_all(world: World, day: int) -> None:
    for number in range(3):
        world.send(number, *some(2, day))


@pytest.fixture
def world(new_world: NewWorld) -> World:
    """A pipeline with one finished batch, and more to read on each of three partitions."""
    world = new_world()
    send_to_all(world, 16)
    world.run()
    send_to_all(world, 17)
    return world


def batches(world: World) -> dict[int, list[int]]:
    """Per partition of the output the batches that a reader sees, in order."""
    return {number: [record[2] for record in records] for number, records in sorted(world.output().items())}


ONCE = {0: [1, 2], 1: [1, 2], 2: [1, 2]}


@pytest.mark.proves("F143")
@pytest.mark.parametrize("moved", [range(3), range(1)], ids=["everywhere", "on one partition"])
def test_a_group_that_is_put_back_after_the_commit_does_not_publish_twice(world: World, moved: range) -> None:
    assert world.run_with_fault(f"{COMMITTED}:raise")
    put_group(world, {number: place for number, place in left_by(world, 1).items() if number in moved})
    world.run()
    assert batches(world) == ONCE
    world.assert_all_counted()


Tear = Callable[[World], None]


def rows_on(*partitions: int) -> Tear:
    """The batch's averages are visible on some partitions only."""
    return lambda world: write(world, [one for one in averages_of(world, 2) if one.partition in partitions])


def group_on(*partitions: int) -> Tear:
    """The group proves the batch on some partitions only."""
    return lambda world: put_group(world, {number: left_by(world, 2)[number] for number in partitions})


def both(*tears: Tear) -> Tear:
    def tear(world: World) -> None:
        for one in tears:
            one(world)

    return tear


TORN: dict[str, tuple[Tear, str, list[int]]] = {
    "averages on one partition, the group before it": (rows_on(0), "1 of its 3 averages", [0]),
    "averages on two partitions, the group behind it": (both(rows_on(0, 2), group_on(0, 1, 2)), "2 of its 3 averages", [0, 2]),
    "no averages, the group behind it": (group_on(0, 1, 2), "0 of its 3 averages", []),
    "no averages, the group behind it on one partition": (group_on(1), "0 of its 3 averages", []),
    "averages twice": (both(rows_on(0, 1, 2), rows_on(1)), "4 averages", [0, 1, 1, 2]),
}


@pytest.mark.proves("F142")
@pytest.mark.parametrize(
    "name", [pytest.param(one, marks=[] if index in (0, 2) else pytest.mark.thorough) for index, one in enumerate(TORN)]
)
@pytest.mark.parametrize("answer", ["yes", pytest.param("no", marks=pytest.mark.thorough), "rest"])
def test_a_torn_publication_is_the_operators_decision(world: World, name: str, answer: str) -> None:
    tear, words, visible = TORN[name]
    assert world.run_with_fault(f"{UNPUBLISHED}:raise")
    tear(world)
    with pytest.raises(DecisionNeeded, match=words) as stop:
        world.run()
    for told in (
        world.pipeline.output_name,
        f"group {world.pipeline.name}",
        "--published rest",
        "--published yes",
        "--published no",
    ):
        assert told in str(stop.value)
    assert [str(one) for one in look_ahead(world.pipeline, {}).problems] == [str(stop.value)]
    world.run(published=answer)
    wanted = {"yes": visible, "no": [*visible, 0, 1, 2], "rest": [*visible, *({0, 1, 2} - set(visible))]}[answer]
    found = [number for number, seen in batches(world).items() for batch in seen if batch == 2]
    assert found == sorted(wanted)
    assert states(world) == ["PLANNED", "DONE"] * 2
    assert group_offsets(world.bootstrap, world.pipeline.name, world.pipeline.input.topic, 3) == {
        number: place.offset for number, place in left_by(world, 2).items()
    }


@pytest.mark.proves("F142")
def test_averages_that_retention_took_tear_nothing(world: World) -> None:
    assert world.run_with_fault(f"{COMMITTED}:raise")
    age_output(world, 1, 3)
    world.run()
    assert batches(world) == {0: [1, 2], 2: [1, 2]}


@pytest.mark.proves("F143")
def test_an_output_that_holds_a_later_batch_stops_older_tables(world: World) -> None:
    assert world.run_with_fault(f"{UNPUBLISHED}:raise")
    write(world, [foreign(averages_of(world, 2)[0], batch=b"3")])
    with pytest.raises(DecisionNeeded, match=r"batch 3 .* the checkpoints end at batch 2"):
        world.run()


@pytest.mark.proves("F142")
def test_records_of_others_and_aborted_ones_are_no_sign_of_a_publication(world: World) -> None:
    assert world.run_with_fault(f"{UNPUBLISHED}:raise")
    mine = averages_of(world, 2)
    write(world, mine, commit=False)
    write(world, [unnamed(mine[0])])
    world.run()
    assert {number: seen.count(2) for number, seen in batches(world).items()} == {0: 2, 1: 1, 2: 1}


@pytest.mark.proves("F142")
def test_a_batch_without_averages_is_finished_whatever_the_group_says(new_world: NewWorld) -> None:
    world = new_world()
    world.send(0, b"no reading")
    assert world.run_with_fault(f"{COMMITTED}:raise")
    put_group(world, {0: Place(0, "")})
    world.run()
    assert states(world) == ["PLANNED", "DONE"]
    world.assert_all_counted()


@pytest.mark.proves("F142")
def test_what_an_open_transaction_of_somebody_else_hides_is_waited_for(world: World) -> None:
    """Committed averages behind a record of an open transaction are not visible, and may be there all the same."""
    assert world.run_with_fault(f"{UNPUBLISHED}:raise")
    mine = averages_of(world, 2)
    with transaction(world, [unnamed(one) for one in mine]):
        write(world, mine)
        with pytest.raises(TryAgain, match="open transaction"):
            world.run()
    world.run()
    assert {number: seen.count(2) for number, seen in batches(world).items()} == {0: 2, 1: 2, 2: 2}
