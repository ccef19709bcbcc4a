"""Input of fault cases: small batches, each minute another; or of a shape and made from a seed, so that a case can be
repeated exactly.
"""

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


def some(count: int, day: int = 16, month: int = 12) -> list[bytes]:
    """Readings of one day, a minute apart."""
    return [
        reading(f"{day:02}/{month:02}/2006 {17 + minute // 60}:{minute % 60:02}:00", f"23{minute % 10}.84")
        for minute in range(count)
    ]


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


def send_two_days(world: World, minute: int) -> None:
    """Two days on two partitions."""
    for partition in range(2):
        world.send(partition, *(reading(f"{day}/12/2006 17:{minute:02}:00", f"23{minute % 10}.{partition}4") for day in (16, 17)))


def send_some(world: World, minute: int) -> None:
    """Two readings on partition 0, a reading and a rejected message on partition 1, none on the last."""
    world.send(0, reading(f"16/12/2006 17:{minute:02}:00", "234.840"), reading(f"17/12/2006 00:{minute:02}:00", "241.1"))
    world.send(1, reading(f"16/12/2006 18:{minute:02}:00", "233.63"), b"no reading")


SHAPES: dict[str, Callable[[World, random.Random], None]] = {
    "tiny": send_tiny,
    "rejected": send_rejected,
    "empty": send_empty,
}
