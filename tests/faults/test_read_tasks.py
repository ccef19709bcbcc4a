"""However a read is cut into pieces and combined into tasks: the same records, counted once, their gaps explained."""

from collections.abc import Iterator
from functools import partial

import pytest

from spark_jobs.lake.schemas import RECORDS
from spark_jobs.readings.messages import Tasks, read_messages, tasks_for
from tests.conftest import NewWorld
from tests.faults.audited import audited, told
from tests.faults.batches import some
from tests.faults.input_shapes import SHAPES, sent
from tests.stored import lake_of
from tests.world import World

pytestmark = pytest.mark.group("KO")

DIVISIONS = {
    "offset by offset": Tasks(most_records=1, combined=None),
    "pieces of two offsets": Tasks(most_records=2, combined=None),
    "pieces of three offsets in two tasks": Tasks(most_records=3, combined=2),
    "everything in one task": Tasks(most_records=1000, combined=1),
}


def cases() -> Iterator[object]:
    """All of them; the usual run takes every fourth shape once, each time another division, and with and without records."""
    for number, shape in enumerate(SHAPES):
        for place, division in enumerate(DIVISIONS):
            for keeps in (True, False):
                usual = number % 4 == 0 and number // 4 % len(DIVISIONS) == place and (number // 8 % 2 == 0) == keeps
                marks = [] if usual else [pytest.mark.thorough]
                yield pytest.param(
                    shape, division, keeps, marks=marks, id=f"{shape}, {division}, {'records' if keeps else 'averages only'}"
                )


@pytest.mark.proves("F01", "F05", "F14")
@pytest.mark.parametrize(("shape", "division", "keeps"), list(cases()))
def test_a_batch_is_the_same_however_its_reading_is_divided(new_world: NewWorld, shape: str, division: str, keeps: bool) -> None:
    world = new_world(records=keeps)
    divided = partial(read_messages, divide=lambda *_: DIVISIONS[division])
    with sent(world, shape):
        world.run(read=divided)
    for partition in range(3):
        world.wait_until_stable(partition)
    world.run(read=divided)
    world.assert_all_counted()
    assert told(audited(world, deep=True)) == ""


def count_files(world: World) -> int:
    return len(lake_of(world.pipeline).open(RECORDS).file_uris())


@pytest.mark.proves("F61")
def test_partitions_that_hold_little_share_files(new_world: NewWorld) -> None:
    world = new_world(partitions=12)
    for partition in range(12):
        world.send(partition, b'{"datetime": "16/12/2006 17:24:00", "voltage": 1}')
    world.run()
    world.assert_all_counted()
    # Two cores, so four tasks.
    assert count_files(world) == 4
    assert world.run() == []
    assert told(audited(world)) == ""


def test_a_partition_that_holds_much_is_read_in_pieces(new_world: NewWorld) -> None:
    world = new_world(partitions=2)
    world.send(0, *some(30))
    world.send(1, *some(1))
    world.run(read=partial(read_messages, divide=partial(tasks_for, least=10)))
    world.assert_all_counted()
    # Two cores, so sixteen offsets at most to a piece.
    assert count_files(world) == 3
    assert told(audited(world, deep=True)) == ""
