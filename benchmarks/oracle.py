"""What the averages must be, worked out in plain Python from what was sent, and whether a contestant's are the same.

Shares no code with the program. Sums are Decimals of the digits that were sent. What claims to be exact is compared exactly: the
counts and the average rounded half up to six places. Sums of doubles may differ by 1e-9 of the average.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Any

from benchmarks.messages import visible_values

if TYPE_CHECKING:
    from benchmarks.contestants.contestant import Contestant, Place

TOLERANCE = Decimal("1e-9")
PLACES = Decimal("0.000001")

Key = tuple[int, str]
Averages = Mapping[Key, tuple[Decimal, int]]
"""Partition and ISO date to average and count."""


@dataclass
class Oracle:
    """The readings sent to one topic so far, per partition and day: exact sum and count."""

    totals: dict[Key, tuple[Decimal, int]] = field(default_factory=dict)

    def add(self, portion: Any) -> None:
        """Take account of a `Portion` that is being sent."""
        for day in portion.days:
            values = portion.readings.values.slice(day.day.first, day.count).to_pylist()
            key = (day.partition, day.day.date)
            total, count = self.totals.get(key, (Decimal(0), 0))
            self.totals[key] = (sum(map(Decimal, values), total), count + len(values))

    @property
    def count(self) -> int:
        return sum(count for _, count in self.totals.values())

    def ends(self, partitions: int) -> dict[int, int]:
        """Where each partition ends: nothing but what was sent is on it."""
        ends = dict.fromkeys(range(partitions), 0)
        for (partition, _), (_, count) in self.totals.items():
            ends[partition] += count
        return ends

    def objection_to(self, contestant: "Contestant", place: "Place") -> str | None:
        """Why a contestant's tables or output topic are not right; none if they are."""
        assert contestant.averages is not None
        if objection := self.objection(contestant.averages(place), contestant.exact):
            return objection
        if contestant.publishes:
            last = published(place.bootstrap, place.output, place.partitions)
            return self.objection_to_output(last, contestant.exact)
        return None

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
    found: dict[Key, Decimal] = {}
    for partition, value in visible_values(bootstrap, topic, partitions):
        fields: dict[str, Any] = json.loads(value, parse_float=Decimal, parse_int=Decimal)
        found[partition, fields["date"]] = Decimal(fields["voltage"])
    return found
