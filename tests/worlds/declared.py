"""Declared pipelines of worlds, drawn from a seed: their files, their messages, and what each message means by plain Python."""

import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from tests.declared.oracle import Measured, Reading, Wanted
from tests.worlds.cluster import Stored
from tests.worlds.truth import OUTPUT

FIELDS: Mapping[str, Mapping[str, Any]] = {
    "user": {"type": "string"},
    "channel": {"type": "string", "required": False},
    "amount": {"type": "decimal(9,2)"},
    "size": {"type": "long", "required": False},
}
Values = Mapping[str, Any]
CONDITIONS: Mapping[str, Callable[[Values], object]] = {
    "amount > 1": lambda values: values["amount"] > 1,
    "size = 2": lambda values: values["size"] == 2,
    "channel <> 'mail'": lambda values: values["channel"] is not None and values["channel"] != "mail",
}
"""What a file may ask for, and the same in Python. What is null is not true."""
MEASURES: tuple[Any, ...] = (
    "count",
    {"count": "size"},
    {"count": "amount", "where": "size = 2"},
    {"sum": "amount"},
    {"sum": "size", "where": "amount > 1"},
    {"min": "channel"},
    {"max": "amount"},
    {"average": "size"},
    {"variance": "amount"},
    {"stddev": "amount"},
    {"summary": "amount"},
    {"first": "channel"},
    {"last": "amount", "where": "channel <> 'mail'"},
    {"unique": "user"},
    {"unique": "channel", "where": "amount > 1"},
)
WINDOWS = ("15 minutes", "hour", "day", "week", "month", "quarter", "year")
DIMENSIONS = ((), ("channel",), ("partition",), ("user",), ("channel", "size"), ("size", "partition"))
DAYS = (date(2026, 3, 29), date(2026, 3, 30), date(2026, 4, 1))
"""On the first one the clocks of Europe leave out an hour."""
NAMES = ("one", "two", "three")


@dataclass
class Declaration:
    """What a world's pipeline declares now. `since` holds when each later aggregate was, by the world's clock."""

    zone: str
    where: str | None
    aggregates: dict[str, dict[str, Any]]
    output: dict[str, Any] | None
    later: dict[str, dict[str, Any]]
    since: dict[str, float] = field(default_factory=dict)

    @classmethod
    def drawn(cls, chosen: random.Random, topic: str) -> "Declaration":
        """One or two aggregates, and perhaps one that is declared later."""
        drawn = {name: aggregate(chosen) for name in NAMES}
        first = NAMES[: chosen.choice((1, 1, 2))]
        published = chosen.choice((None, None, list(first[:1])))
        output = chosen.choice((None, *({"topic": topic, **({"aggregates": published} if published else {})},) * 3))
        return cls(
            chosen.choice(("UTC", "Europe/Zurich")),
            chosen.choice((None, None, "amount > 1")),
            {name: drawn[name] for name in first},
            output,
            {NAMES[2]: drawn[NAMES[2]]} if chosen.random() < 0.6 else {},
        )

    def declare(self, now: float) -> str:
        """The next of the later ones is declared; its name."""
        name = next(iter(self.later))
        self.aggregates[name], self.since[name] = self.later.pop(name), now
        return name

    def settings(self, topic: str, excess_digits: str) -> dict[str, Any]:
        """What a pipeline file says of it."""
        fields = {**FIELDS, "amount": {**FIELDS["amount"], "excess_digits": excess_digits}}
        time = {"field": "at", "format": "iso8601", "timezone": self.zone}
        where = {"where": self.where} if self.where else {}
        output = {"output": self.output} if self.output else {}
        return {"input": {"topic": topic, "time": time, "fields": fields, **where}, "aggregates": self.aggregates, **output}

    @property
    def published(self) -> tuple[str, ...]:
        """The aggregates whose totals become messages."""
        return tuple((self.output.get("aggregates") or self.aggregates) if self.output else ())

    def wanted(self, planned: Mapping[int, float], rebuilt: Mapping[str, int]) -> list[Wanted]:
        """For the oracle: `planned` says when each batch was, `rebuilt` in which batch an aggregate was rebuilt."""
        return [
            Wanted(
                name,
                one["window"],
                tuple(one["dimensions"]),
                {measure: measured(kind) for measure, kind in one["measures"].items()},
                self.zone,
                since=min((batch for batch, at in planned.items() if at > self.since.get(name, -1)), default=10**9),
                rebuilt=rebuilt.get(name),
            )
            for name, one in self.aggregates.items()
        ]

    def read(self, partition: int, record: Stored) -> Reading:
        """What a message means, the slow and simple way."""
        values = values_of(record.value)
        if values is None:
            return Reading(partition, record.offset, None, None)
        at = datetime.fromisoformat(values.pop("at"))
        is_filtered = self.where is not None and not CONDITIONS[self.where](values)
        return Reading(partition, record.offset, at, values, is_filtered)


class DailyAverages:
    """What a pipeline file says that declares no aggregates."""

    def settings(self, topic: str, excess_digits: str) -> dict[str, Any]:
        """See `Declaration`."""
        value = {"field": "voltage", "excess_digits": excess_digits}
        return {
            "input": {"topic": topic, "time": {"field": "datetime", "format": "iso8601"}, "value": value},
            "output": {"topic": OUTPUT},
        }


DAILY = DailyAverages()


def aggregate(chosen: random.Random) -> dict[str, Any]:
    """Any window, dimensions and measures."""
    kinds = chosen.sample(MEASURES, chosen.randint(1, 4))
    return {
        "window": chosen.choice(WINDOWS),
        "dimensions": list(chosen.choice(DIMENSIONS)),
        "measures": {f"m{number}": kind for number, kind in enumerate(kinds)},
    }


def measured(measure: Any) -> Measured:
    """As the oracle has it."""
    if measure == "count":
        return Measured("count")
    (kind,) = measure.keys() - {"where"}
    return Measured(kind, measure[kind], CONDITIONS[measure["where"]] if "where" in measure else lambda _: True)


def message(chosen: random.Random) -> bytes | None:
    """Mostly a good one."""
    midnight = datetime.combine(chosen.choice(DAYS), datetime.min.time(), UTC)
    at = midnight + timedelta(hours=chosen.choice((0, 1, 2, 22, 23)), minutes=chosen.choice((0, 14, 15, 59)))
    fields: dict[str, Any] = {
        "at": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "user": chosen.choice("abc"),
        "channel": chosen.choice((None, "mail", "web", "")) or None,
        "amount": chosen.choice((0, 1, 1.25, 2.5, -3, 1234567.89)),
        "size": chosen.choice((None, 0, 2, 2, -7, 2**62)),
    }
    if chosen.random() < 0.1:
        fields |= chosen.choice(({"user": None}, {"amount": "x"}, {"size": 1.5}, {"channel": 7}, {"at": "now"}))
    if chosen.random() < 0.04:
        return chosen.choice((None, b"", b"no json", b"[1]"))
    return json.dumps({name: value for name, value in fields.items() if value is not None}).encode()


def values_of(raw: bytes | None) -> dict[str, Any] | None:
    """The fields of a message, and its time as it was written; None if it is to be rejected."""
    try:
        found = json.loads(raw or b"", parse_float=Decimal)
        datetime.fromisoformat(found["at"])
        user, amount = found["user"], found["amount"]
        channel, size = found.get("channel"), found.get("size")
    except (ValueError, KeyError, TypeError):
        return None
    is_good = (
        isinstance(user, str)
        and isinstance(amount, (int, Decimal))
        and (channel is None or isinstance(channel, str))
        and (size is None or isinstance(size, int))
    )
    if not is_good:
        return None
    return {"at": found["at"], "user": user, "channel": channel, "amount": Decimal(amount), "size": size}
