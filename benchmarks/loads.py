"""What a topic is loaded with: the real household readings, and copies of them in earlier years.

A copy is shifted by whole spans of four years (1,461 days), which is longer than the readings are, so no two copies share a day
and all days lie between December 1970 and November 2010. A work takes every reading or one of so many; a day is one partition's.
Sends nothing.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spark_jobs.local.demo.readings import Day, Missing, Readings, find_csv, partition_of, read_readings
from spark_jobs.local.kafka.sending import Sendable

SPAN_DAYS, MOST_COPIES = 1461, 10
INCREMENT_DAYS = 4
PADDING_SEED = 1


@dataclass(frozen=True)
class Shape:
    """Which readings, and how they lie on the topic; `message_bytes` 0 is the plain message of about 55 bytes."""

    copies: int = 1
    every: int = 1
    partitions: int = 4
    skewed: bool = False
    message_bytes: int = 0


@dataclass(frozen=True)
class Portion:
    """Whole days of one copy, each with the partition it goes to."""

    readings: Readings
    days: tuple[Missing, ...]

    @property
    def count(self) -> int:
        return sum(day.count for day in self.days)

    def messages(self) -> Iterator[Sendable]:
        """In the order of time, each with its place."""
        return (Sendable(one.partition, one.day.key, value) for one in self.days for value in self.readings.messages(one))


@dataclass(frozen=True)
class WideReadings(Readings):
    """Readings whose messages carry another field that fills them up with hexadecimal digits, which hardly compress."""

    message_bytes: int = 2048

    def messages(self, missing: Missing) -> Iterator[bytes]:
        """The same messages, each of `message_bytes` bytes."""
        digits = random.Random(f"{PADDING_SEED} {missing.day.date}")
        for plain in super().messages(missing):
            room = self.message_bytes - len(plain) - len(', "note": ""')
            yield b'%s, "note": "%0*x"}' % (plain[:-1], room, digits.getrandbits(4 * room))


def load_of(shape: Shape) -> list[Portion]:
    """The portions of a shape, oldest first."""
    real = read_readings(find_csv())
    copies = [_shaped(_shifted(real, number), shape) for number in reversed(range(shape.copies))]
    return [_portion(readings, shape) for readings in copies]


def split(portions: Sequence[Portion], increments: int, days: int) -> tuple[list[Portion], list[Portion]]:
    """History and increments of so many days each, which are cut from the newest copy; its very last day ends in the evening."""
    *older, newest = portions
    whole = newest.days[:-1]
    first = len(whole) - increments * days
    cut = [whole[at : at + days] for at in range(first, len(whole), days)]
    return [*older, Portion(newest.readings, whole[:first])], [Portion(newest.readings, days) for days in cut]


def newest_records(portions: Sequence[Portion], at_most: int) -> list[Portion]:
    """The newest whole days that hold no more than so many readings."""
    kept: list[Portion] = []
    for portion in reversed(portions):
        days: list[Missing] = []
        for day in reversed(portion.days):
            if (at_most := at_most - day.count) < 0:
                break
            days.insert(0, day)
        kept.insert(0, Portion(portion.readings, tuple(days)))
        if at_most < 0:
            break
    return [portion for portion in kept if portion.days]


def _shifted(readings: Readings, copies_back: int) -> Readings:
    if copies_back == 0:
        return readings
    moments = pc.cast(readings.times, pa.timestamp("s"))
    shift = pa.scalar(np.timedelta64(copies_back * SPAN_DAYS * 86_400, "s"))
    return Readings(pc.cast(pc.subtract(moments, shift), pa.string()), readings.values)


def _shaped(readings: Readings, shape: Shape) -> Readings:
    rows = slice(None, None, shape.every)
    times, values = (column.take(pa.array(np.arange(len(column))[rows])) for column in (readings.times, readings.values))
    if shape.message_bytes:
        return WideReadings(times, values, shape.message_bytes)
    return Readings(times, values)


def _portion(readings: Readings, shape: Shape) -> Portion:
    choose = _skewed_partition if shape.skewed else _partition
    return Portion(readings, tuple(Missing(day, choose(day, shape.partitions), 0) for day in readings.days))


def _partition(day: Day, partitions: int) -> int:
    return partition_of(day.key, partitions)


def _skewed_partition(day: Day, partitions: int) -> int:
    """Nine days of ten on partition 0, by a hash that the others do not depend on."""
    spread = partition_of(b"skew " + day.key, 10 * (partitions - 1))
    return 0 if spread >= partitions - 1 else 1 + spread
