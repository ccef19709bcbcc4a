"""Input of crash cases: small batches of a shape, made from a seed, so that a case can be repeated exactly."""

import random
from collections.abc import Callable

from tests.world import World, reading

JUNK = (
    b"no reading",
    None,
    b"",
    b'{"datetime": "31/02/2006 00:00:00", "voltage": 1}',
    b'{"datetime": "16/12/2006 17:00:00", "voltage": NaN}',
)
DAYS = (15, 16, 17)


def some_reading(chosen: random.Random) -> bytes:
    moment = f"{chosen.choice(DAYS)}/12/2006 {chosen.randrange(24):02}:{chosen.randrange(60):02}:00"
    return reading(moment, f"{chosen.randint(-999, 260_000) / 1000:.3f}")


def send_tiny(world: World, chosen: random.Random) -> None:
    """One to three readings each on two of the partitions; the last partition stays empty."""
    for partition in range(2):
        world.send(partition, *(some_reading(chosen) for _ in range(chosen.randint(1, 3))))


def send_rejected(world: World, chosen: random.Random) -> None:
    """Readings among messages that must be rejected, and a partition that holds nothing else."""
    for partition in range(2):
        messages = [some_reading(chosen), *chosen.sample(JUNK, chosen.randint(1, 3))]
        chosen.shuffle(messages)
        world.send(partition, *messages)
    world.send(2, chosen.choice(JUNK))


def send_empty(world: World, chosen: random.Random) -> None:
    """Offsets without a visible record: aborted messages and transaction markers."""
    world.send_in_transaction(chosen.randrange(3), *(some_reading(chosen) for _ in range(chosen.randint(1, 3))), commit=False)


SHAPES: dict[str, Callable[[World, random.Random], None]] = {
    "tiny": send_tiny,
    "rejected": send_rejected,
    "empty": send_empty,
}
