"""What an input topic may look like, as data: every shape is sent before a run dies, and once more before the next one.

A shape is a generator: it sends, yields, and ends what it left open (a transaction, for example) when it is taken up again.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.faults.batches import some
from tests.world import World, reading

Shape = Callable[[World], Iterator[None]]


def markers_first(world: World) -> Iterator[None]:
    world.send_in_transaction(0, *some(2), commit=False)
    world.send(0, *some(3))
    yield


def markers_last(world: World) -> Iterator[None]:
    world.send(0, *some(2))
    world.send_in_transaction(0, *some(2, 17), commit=True)
    yield


def markers_in_the_middle(world: World) -> Iterator[None]:
    world.send(0, *some(2))
    world.send_in_transaction(0, *some(3), commit=False)
    world.send_in_transaction(0, *some(1, 17), commit=True)
    world.send(0, *some(1, 18))
    yield


def markers_only(world: World) -> Iterator[None]:
    for partition in range(3):
        world.send_in_transaction(partition, *some(2), commit=False)
    yield


def aborted_only_on_one_partition(world: World) -> Iterator[None]:
    world.send_in_transaction(1, *some(4), commit=False)
    world.send(2, *some(2))
    yield


def open_transaction_at_the_end(world: World) -> Iterator[None]:
    world.send(0, *some(2))
    with world.open_transaction(0, *some(2, 17)) as producer:
        yield
        producer.commit_transaction(20)


def open_transaction_that_is_aborted(world: World) -> Iterator[None]:
    world.send(0, *some(2))
    before = len(world.sent)
    with world.open_transaction(0, *some(2, 17)) as producer:
        aborted = world.sent[before:]
        yield
        producer.abort_transaction(20)
    world.sent = [one for one in world.sent if one not in aborted]


def log_that_begins_late(world: World) -> Iterator[None]:
    if not world.sent:
        world.send(0, *some(5))
        world.delete_records(0, 3)
        del world.sent[:3]
    world.send(0, *some(2, 17))
    yield


def many_days(world: World) -> Iterator[None]:
    for month in range(1, 13):
        world.send(month % 3, *(reading(f"{day:02}/{month:02}/2006 12:00:00", f"{day}.{month}") for day in range(1, 29)))
    yield


def closed_day(world: World) -> Iterator[None]:
    world.send(0, *some(2, 16))
    world.send(0, *some(2, 17))
    world.send(0, *some(1, 16))
    yield


def same_payload_twice(world: World) -> Iterator[None]:
    world.send(0, *some(2), *some(2))
    yield


def rejected_only(world: World) -> Iterator[None]:
    world.send(0, b"no reading", None, b"")
    yield


def uneven(world: World) -> Iterator[None]:
    world.send(0, *some(40))
    world.send(1, *some(1))
    yield


SHAPES: dict[str, Shape] = {
    shape.__name__.replace("_", " "): shape
    for shape in (
        markers_first,
        markers_last,
        markers_in_the_middle,
        markers_only,
        aborted_only_on_one_partition,
        open_transaction_at_the_end,
        open_transaction_that_is_aborted,
        log_that_begins_late,
        many_days,
        closed_day,
        same_payload_twice,
        rejected_only,
        uneven,
    )
}
WITHOUT_READINGS = ("markers only", "rejected only")


@contextmanager
def sent(world: World, name: str) -> Iterator[None]:
    """The shape's messages are on the topic; what it leaves open ends with the block."""
    yield from SHAPES[name](world)
