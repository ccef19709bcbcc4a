"""The example pipelines: random messages for them, and what each message means, told by plain Python."""

import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import yaml

from tests.declared.oracle import Measured, Reading, Wanted

FOLDER = Path(__file__).parents[2] / "conf" / "examples"
CENT, THOUSANDTH, MILLIONTH = Decimal("0.01"), Decimal("0.001"), Decimal("0.000001")
AROUND = datetime(2026, 10, 25, tzinfo=UTC)
"""Midnight before the clocks of Europe go back, and the first hour is there twice."""


@dataclass(frozen=True)
class Message:
    """What a producer sends."""

    value: bytes | None
    key: bytes | None = None


@dataclass(frozen=True)
class Example:
    """A pipeline file, a maker of messages for it, and what becomes of a message at an offset of a partition."""

    file: str
    make: Callable[[random.Random], Message]
    read: Callable[[Message, int, int], Reading]
    conditions: Mapping[str, Callable[[Mapping[str, Any]], object]]

    @property
    def settings(self) -> dict[str, Any]:
        """The file's."""
        found: dict[str, Any] = yaml.safe_load((FOLDER / self.file).read_text())
        return found

    @property
    def wanted(self) -> list[Wanted]:
        """The aggregates of the file."""
        zone = self.settings["input"]["time"].get("timezone", "UTC")
        return [
            Wanted(name, one["window"], tuple(one["dimensions"]), self._measures(one["measures"]), zone)
            for name, one in self.settings["aggregates"].items()
        ]

    def _measures(self, measures: Mapping[str, Any]) -> dict[str, Measured]:
        found = {}
        for name, one in measures.items():
            if one == "count":
                found[name] = Measured("count")
                continue
            (kind,) = one.keys() - {"where"}
            where = self.conditions[one["where"]] if "where" in one else lambda _: True
            found[name] = Measured(kind, one[kind], where)
        return found


def spoilt(chosen: random.Random, text: str) -> bytes | None:
    """Now and then what is no message."""
    if chosen.random() < 0.9:
        return text.encode()
    return chosen.choice([None, b"", b"{", text.encode()[:-1], b"[1]", text.replace('"', "'").encode(), b"\xff" + text.encode()])


def written(at: datetime, chosen: random.Random) -> str:
    """ISO 8601 as producers write it."""
    return at.astimezone(UTC).strftime(
        chosen.choice(["%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S.%f+00:00", "%Y-%m-%dT%H:%M:%S+0000"])
    )


def _fields(value: bytes | None) -> dict[str, Any] | None:
    try:
        found = json.loads((value or b"").decode(), parse_float=Decimal, parse_int=Decimal)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _number(written_as: Any, places: Decimal, digits: int) -> Decimal | None:
    """A number of so many digits, rounded half up; None if it is none."""
    if not isinstance(written_as, (str, Decimal)):
        return None
    try:
        number = Decimal(written_as).quantize(places, ROUND_HALF_UP)
    except ArithmeticError:
        return None
    return number if abs(number) < Decimal(10) ** digits * places else None


def _moment(chosen: random.Random) -> datetime:
    return AROUND + timedelta(hours=chosen.uniform(-3, 5))


def make_ad(chosen: random.Random) -> Message:
    channel = chosen.choice(["search", "mail", "test", "caf\u00e9", "\U0001f600 'quoted' \" \\", ""])
    fields: dict[str, Any] = {
        "ts": written(_moment(chosen), chosen),
        "channel": channel,
        "user": {"id": f"u-{chosen.randrange(9)}"},
    }
    cost = chosen.choice([None, "0.125", f"{chosen.uniform(0, 9):.8f}", "-1", "1000000", '"2.5"', "1e-3", "true"])
    text = json.dumps(fields, ensure_ascii=chosen.random() < 0.5)
    if cost is not None:
        text = text[:-1] + f', "cost": {cost}}}'
    return Message(spoilt(chosen, text), chosen.choice([b"phone", b"tablet", b"tv", None, b"\xff"]))


def read_ad(message: Message, partition: int, offset: int) -> Reading:
    fields, rejected = _fields(message.value), Reading(partition, offset, None, None)
    if fields is None or message.key in (None, b"\xff") or not fields["channel"]:
        return rejected
    cost = None
    if "cost" in fields:
        cost = _number(fields["cost"], MILLIONTH, 12)
        if cost is None:
            return rejected
    net = None if cost is None else (cost * Decimal("0.9")).quantize(MILLIONTH, ROUND_HALF_UP)
    values = {"channel": fields["channel"], "user": fields["user"]["id"], "cost": cost, "net": net}
    return Reading(partition, offset, datetime.fromisoformat(fields["ts"]), values, fields["channel"] == "test")


def make_booking(chosen: random.Random) -> Message:
    at = AROUND + timedelta(days=chosen.uniform(-3, 8))
    kind = chosen.choice(["bill", "bill", "refund", "gift", 7])
    amount = chosen.choice([f"{chosen.randrange(10**7) / 100:.2f}", "0.005", "9999999999999999.99", 12, "1e2", None])
    fields = {"booked": written(at, chosen), "vendor": f"v-{chosen.randrange(5)}", "kind": kind, "amount": amount}
    return Message(spoilt(chosen, json.dumps(fields)))


def read_booking(message: Message, partition: int, offset: int) -> Reading:
    fields, rejected = _fields(message.value), Reading(partition, offset, None, None)
    if fields is None or fields["kind"] not in ("bill", "refund") or fields["amount"] is None:
        return rejected
    amount = Decimal(fields["amount"])
    if amount != amount.quantize(CENT):
        return rejected
    signed = amount if fields["kind"] == "bill" else -amount
    values = {"vendor": fields["vendor"], "kind": fields["kind"], "amount": amount, "signed": signed}
    return Reading(partition, offset, datetime.fromisoformat(fields["booked"]), values)


def make_climate(chosen: random.Random) -> Message:
    fields: dict[str, Any] = {"time": int(_moment(chosen).timestamp())}
    for name, worst in (("temperature", "99999999"), ("humidity", "1e9"), ("pressure", '"wet"')):
        if chosen.random() < 0.7:
            fields[name] = worst if chosen.random() < 0.05 else round(chosen.uniform(-40, 99), chosen.randrange(5))
    return Message(spoilt(chosen, json.dumps(fields)), f"d-{chosen.randrange(4)}".encode())


def read_climate(message: Message, partition: int, offset: int) -> Reading:
    fields, rejected = _fields(message.value), Reading(partition, offset, None, None)
    if fields is None:
        return rejected
    values: dict[str, Any] = {"device": (message.key or b"").decode()}
    for name, places, digits in (("temperature", THOUSANDTH, 9), ("humidity", CENT, 5), ("pressure", CENT, 9)):
        values[name] = None
        if name in fields:
            values[name] = _number(fields[name], places, digits)
            if values[name] is None:
                return rejected
    return Reading(partition, offset, datetime.fromtimestamp(int(fields["time"]), UTC), values)


EXAMPLES = {
    "ads": Example("ads.yaml", make_ad, read_ad, {}),
    "bank": Example(
        "bank.yaml",
        make_booking,
        read_booking,
        {"kind = 'bill'": lambda one: one["kind"] == "bill", "kind = 'refund'": lambda one: one["kind"] == "refund"},
    ),
    "sensors": Example("sensors.yaml", make_climate, read_climate, {}),
}
