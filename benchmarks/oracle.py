"""What the averages must be, worked out in plain Python from what was sent, and whether a contestant's are the same.

Shares no code with the program. Sums are Decimals of the digits that were sent. What claims to be exact is compared exactly: the
counts and the average rounded half up to six places. Sums of doubles may differ by 1e-9 of the average.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from confluent_kafka import Consumer, Message, TopicPartition

from benchmarks.loads import Portion

TOLERANCE = Decimal("1e-9")
PLACES = Decimal("0.000001")

Key = tuple[int, str]
Averages = Mapping[Key, tuple[Decimal, int]]
"""Partition and ISO date to average and count."""


@dataclass
class Oracle:
    """The readings sent to one topic so far, per partition and day: exact sum and count."""

    totals: dict[Key, tuple[Decimal, int]] = field(default_factory=dict)

    def add(self, portion: Portion) -> None:
        """Take account of what is being sent."""
        for day in portion.days:
            values = portion.readings.values.slice(day.day.first, day.count).to_pylist()
            key = (day.partition, day.day.date)
            total, count = self.totals.get(key, (Decimal(0), 0))
            self.totals[key] = (sum(map(Decimal, values), total), count + len(values))

    @property
    def count(self) -> int:
        return sum(count for _, count in self.totals.values())

    def average(self, key: Key) -> Decimal:
        total, count = self.totals[key]
        return (total / count).quantize(PLACES, ROUND_HALF_UP)

    def objection(self, found: Averages, exact: bool) -> str | None:
        """Why these are not the right averages; none if they are."""
        if strange := set(found) ^ set(self.totals):
            return f"{len(strange)} days are missing or too many, for example {min(strange)}"
        for key, (total, count) in self.totals.items():
            average, counted = found[key]
            if counted != count:
                return f"{key} counts {counted} readings, {count} were sent"
            if (average != self.average(key)) if exact else _differs(average, total / count):
                return f"{key} has the average {average}, not {self.average(key)}"
        return None

    def objection_to_output(self, published: Mapping[Key, Decimal], exact: bool) -> str | None:
        """Why what a reader of the output topic sees last of each day is not right; none if it is."""
        if strange := set(published) ^ set(self.totals):
            return f"the output topic lacks or invents {len(strange)} days, for example {min(strange)}"
        for key, (total, count) in self.totals.items():
            if (published[key] != self.average(key)) if exact else _differs(published[key], total / count):
                return f"the output topic has the average {published[key]} for {key}, not {self.average(key)}"
        return None


def _differs(found: Decimal, exact: Decimal) -> bool:
    return abs(found - exact) > TOLERANCE * abs(exact)


def published(bootstrap: str, topic: str, partitions: int) -> dict[Key, Decimal]:
    """The last average of each day on the output topic, as a read_committed consumer sees it."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "oracle",
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
        }
    )
    found: dict[Key, Decimal] = {}
    try:
        consumer.assign([TopicPartition(topic, number, 0) for number in range(partitions)])
        left = partitions
        while left:
            # One by one: asked for more, the consumer waits for them until the timeout.
            message = consumer.poll(30)
            if message is None:
                raise TimeoutError(f"{topic} was not read to its end within 30 s")
            if message.error():
                left -= 1
                continue
            key, average = _published(message)
            found[key] = average
    finally:
        consumer.close()
    return found


def _published(message: Message) -> tuple[Key, Decimal]:
    fields: dict[str, Any] = json.loads(message.value() or b"", parse_float=Decimal, parse_int=Decimal)
    return (message.partition() or 0, fields["date"]), Decimal(fields["voltage"])
