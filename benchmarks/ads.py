"""The topic of advertising: made-up events, hour by hour, always the same, and what must be counted of them in plain Python.

An event is `{"ts": "2026-03-01T09:15:00.250Z", "user": "u-17", "channel": "search", "cost": 0.125, ...}`. Few users see much,
and many see little. One event of fifty comes late. Shares no code with the program; sends nothing.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.messages import visible_values
from spark_jobs.local.kafka.sending import Sendable

if TYPE_CHECKING:
    from benchmarks.contestants.contestant import Contestant, Place

BEGIN, HOUR_MS, MILLIONTHS = datetime(2026, 3, 1, tzinfo=UTC), 3_600_000, 6
CHANNELS = ("search", "mail", "social", "video", "affiliate")
SHARES = (0.4, 0.2, 0.2, 0.11, 0.09)
LATE, LATE_HOURS = 0.02, 5.0
SEEN = 0.6
"""The exponent of how often users see something: the smaller, the more of them see something at all."""

Event = tuple[int, int, int, int]
"""Milliseconds since the first hour, user, channel, and the cost in millionths."""
Key = tuple[str, str, str]
"""The aggregate, its window as ISO text (an hour as `2026-03-01T09`), and the channel, or whatever else it is by."""
Total = tuple[int, Decimal, int]
"""Events, their cost, and how many different users."""
Totals = Mapping[Key, Total]


@dataclass(frozen=True)
class AdShape:
    """So many hours of so many events each. `by_user`: everybody sees as much, and is a group of the only aggregate."""

    hours: int = 80
    per_hour: int = 25_000
    users: int = 20_000
    partitions: int = 4
    by_user: bool = False


@dataclass(frozen=True)
class AdHour:
    """The events that arrive in one hour."""

    shape: AdShape
    number: int

    @property
    def count(self) -> int:
        return self.shape.per_hour

    def events(self) -> Iterator[Event]:
        """In the order in which they arrive."""
        chosen, count = np.random.default_rng(self.number), self.shape.per_hour
        times = self.number * HOUR_MS + np.arange(count) * HOUR_MS // count
        late = chosen.exponential(LATE_HOURS * HOUR_MS, count).astype(np.int64)
        times = np.maximum(0, times - np.where(chosen.random(count) < LATE, late, 0))
        channels = chosen.choice(len(CHANNELS), count, p=SHARES)
        costs = (chosen.lognormal(-2, 1, count) * 10**MILLIONTHS).astype(np.int64)
        yield from zip(times.tolist(), self._users(chosen), channels.tolist(), costs.tolist(), strict=True)

    def _users(self, chosen: np.random.Generator) -> list[int]:
        count, users = self.shape.per_hour, self.shape.users
        if self.shape.by_user:
            return [number % users for number in range(count)]
        return [int(one) for one in (1 + chosen.pareto(SEEN, count)) % users]

    def messages(self) -> Iterator[Sendable]:
        """As their producers write them, each partition in its turn: all of them come as far in time."""
        for number, (at, user, channel, cost) in enumerate(self.events()):
            yield Sendable(number % self.shape.partitions, b"u-%d" % user, _message(at, user, channel, cost).encode())


def _message(at: int, user: int, channel: int, cost: int) -> str:
    whole, part = divmod(cost, 10**MILLIONTHS)
    return (
        f'{{"ts": "{text_of(at)}", "user": "u-{user}", "channel": "{CHANNELS[channel]}", '
        f'"cost": {whole}.{part:06}, "campaign": "c-{user % 97}"}}'
    )


def text_of(at: int) -> str:
    """ISO 8601 to the millisecond."""
    hours, rest = divmod(at, HOUR_MS)
    minutes, rest = divmod(rest, 60_000)
    return f"{hour_text(hours)}:{minutes:02}:{rest // 1000:02}.{rest % 1000:03}Z"


def hour_text(hour: int) -> str:
    """An hour since the first one.

    >>> hour_text(25)
    '2026-03-02T01'
    """
    return (BEGIN + timedelta(hours=hour)).isoformat()[:13]


@dataclass
class AdOracle:
    """What was sent to one topic so far: per group the events, their cost in millionths, and the users; and per partition how
    many messages.
    """

    shape: AdShape
    groups: dict[Key, tuple[int, int, set[int]]] = field(default_factory=dict)
    sent: dict[int, int] = field(default_factory=dict)

    def add(self, portion: Any) -> None:
        """Take account of an `AdHour` that is being sent."""
        for number, (at, user, channel, cost) in enumerate(portion.events()):
            partition = number % self.shape.partitions
            self.sent[partition] = self.sent.get(partition, 0) + 1
            hour = hour_text(at // HOUR_MS)
            if self.shape.by_user:
                self._add(("people", hour[:10], f"u-{user}"), cost, user)
            else:
                self._add(("hourly", hour, CHANNELS[channel]), cost, user)
                self._add(("daily", hour[:10], CHANNELS[channel]), cost, user)

    def _add(self, key: Key, cost: int, user: int) -> None:
        count, total, users = self.groups.get(key, (0, 0, set()))
        users.add(user)
        self.groups[key] = count + 1, total + cost, users

    @property
    def count(self) -> int:
        return sum(self.sent.values())

    def ends(self, partitions: int) -> dict[int, int]:
        """Where each partition ends: nothing but what was sent is on it."""
        return {number: self.sent.get(number, 0) for number in range(partitions)}

    @property
    def totals(self) -> Totals:
        return {key: (count, Decimal(cost).scaleb(-MILLIONTHS), len(users)) for key, (count, cost, users) in self.groups.items()}

    def objection(self, found: Totals, where: str = "its tables") -> str | None:
        """Why these are not the right totals; none if they are."""
        wanted = self.totals
        if strange := set(found) ^ set(wanted):
            return f"{where}: {len(strange)} groups are missing or too many, for example {min(strange)}"
        wrong = [key for key, total in wanted.items() if found[key] != total]
        if wrong:
            return f"{where}: {len(wrong)} groups are wrong, for example {wrong[0]} is {found[wrong[0]]}, not {wanted[wrong[0]]}"
        return None

    def objection_to(self, contestant: "Contestant", place: "Place") -> str | None:
        """Why a contestant's tables or output topic are not right; none if they are."""
        assert contestant.totals is not None
        if objection := self.objection(contestant.totals(place)):
            return objection
        if contestant.publishes:
            return self.objection(published_totals(place.bootstrap, place.output, place.partitions), "the output topic")
        return None


def published_totals(bootstrap: str, topic: str, partitions: int) -> Totals:
    """The last total of each group on the output topic, as a read_committed consumer sees it."""
    found: dict[Key, Total] = {}
    for _, text in visible_values(bootstrap, topic, partitions):
        value = json.loads(text, parse_float=Decimal, parse_int=Decimal)
        window = value["window_start"][:13] if "window_start" in value else value["date"]
        by = value.get("channel", value.get("user"))
        # Of one user there is one.
        users = value.get("users", 1)
        found[value["aggregate"], window, by] = int(value["events"]), Decimal(value["cost"]), int(users)
    return found
