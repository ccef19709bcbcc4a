"""Messages for the example pipelines: made up, always the same for one seed, and like what producers of such topics send.

Some are wrong on purpose, some come late, some are test traffic: what an example shows must be seen. Sends nothing.
"""

import json
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

LATE = 0.02
WRONG: Mapping[str, float] = {"ads": 0.001, "bank": 0, "sensors": 0.001}
"""Fractions of messages. A bank's pipeline stops at the first wrong one."""

CHANNELS = ("search", "mail", "social", "video", "affiliate", "test")
USERS, VENDORS, DEVICES = 20_000, 500, 200
SCREENS = ("phone", "desktop", "tablet")


@dataclass(frozen=True)
class ExampleMessage:
    """What a producer sends."""

    key: bytes
    value: bytes


Maker = Callable[[random.Random, datetime], tuple[str, Mapping[str, Any]]]
"""A message at a time: its key and its fields."""


def _ad(chosen: random.Random, at: datetime) -> tuple[str, Mapping[str, Any]]:
    channel = chosen.choices(CHANNELS, (40, 20, 20, 10, 9, 1))[0]
    # Few people see much, and many see little.
    user = int(chosen.paretovariate(0.6)) % USERS
    fields: dict[str, Any] = {"ts": at.isoformat(timespec="milliseconds"), "channel": channel, "user": {"id": f"u-{user}"}}
    if chosen.random() < 0.7:
        fields["cost"] = round(chosen.lognormvariate(-2, 1), 6)
    return chosen.choice(SCREENS), fields


def _booking(chosen: random.Random, at: datetime) -> tuple[str, Mapping[str, Any]]:
    vendor = f"v-{int(chosen.paretovariate(1)) % VENDORS}"
    kind = "refund" if chosen.random() < 0.05 else "bill"
    cents = int(chosen.lognormvariate(8, 1.5))
    amount = f"{cents // 100}.{cents % 100:02}"
    return vendor, {"booked": at.isoformat(), "vendor": vendor, "kind": kind, "amount": amount}


def _climate(chosen: random.Random, at: datetime) -> tuple[str, Mapping[str, Any]]:
    fields: dict[str, Any] = {"time": int(at.timestamp())}
    warm = 12 - 8 * abs(at.hour - 14) / 12
    for name, usual, spread, places in (("temperature", warm, 4, 3), ("humidity", 55, 12, 2), ("pressure", 1013, 9, 2)):
        if chosen.random() < 0.95:
            fields[name] = round(chosen.gauss(usual, spread), places)
    return f"d-{chosen.randrange(DEVICES)}", fields


MAKERS: Mapping[str, Maker] = {"ads": _ad, "bank": _booking, "sensors": _climate}


def example_messages(example: str, count: int, *, until: datetime, days: float = 3, seed: int = 1) -> Iterator[ExampleMessage]:
    """So many messages of the `days` before `until`, in the order in which they arrive."""
    make, chosen, span = MAKERS[example], random.Random(f"{example} {seed}"), timedelta(days=days)
    for number in range(count):
        at = until - span + span * (number / count)
        if chosen.random() < LATE:
            at -= timedelta(hours=chosen.expovariate(0.2))
        key, fields = make(chosen, at.astimezone(UTC))
        text = json.dumps(fields, separators=(",", ":"))
        yield ExampleMessage(key.encode(), (text[: len(text) // 2] if chosen.random() < WRONG[example] else text).encode())
