"""Messages with declared fields, the rules they are read by, and what Spark makes of them."""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from spark_jobs.pipeline.declared import DerivedSettings, FieldSettings
from spark_jobs.pipeline.record_rules import RecordRules, record_rules
from spark_jobs.pipeline.rules import DeclaredRules, TimeRules
from spark_jobs.readings.declared_records import declared_records_of
from tests.message_cases import NONCE

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

KAFKA = (
    "key binary, value binary, partition int, offset long, timestamp timestamp, headers array<struct<key: string, value: binary>>"
)
ARRIVED = datetime(2026, 5, 6, 7, 8, 9)
TIMES = TimeRules(
    time_field="ts",
    time_format=("iso8601", "epoch_millis"),
    timezone="Europe/Zurich",
    earliest=datetime(2020, 1, 1, tzinfo=UTC),
    latest=datetime(2030, 1, 1, tzinfo=UTC),
)
FIELDS: dict[str, dict[str, Any]] = {
    "channel": {"type": "string", "one_of": ["mail", "web", "caf\u00e9"]},
    "user": {"type": "string", "path": "user.id"},
    "note": {"type": "string", "required": False, "allow_empty": True},
    "cost": {"type": "decimal(12,6)", "required": False},
    "price": {"type": "decimal(18,2)", "excess_digits": "reject", "required": False},
    "clicks": {"type": "long", "required": False},
    "is_new": {"type": "boolean", "required": False},
    "born": {"type": "date", "required": False},
    "seen": {"type": "timestamp", "required": False},
    "device": {"key": "string", "required": False},
    "packed": {"key": "binary", "required": False},
    "tries": {"header": "tries", "type": "long", "required": False},
    "price_told": {"header": "price", "type": "decimal(6,2)", "required": False},
    "seen_told": {"header": "seen", "type": "timestamp", "required": False},
    "is_told": {"header": "told", "type": "boolean", "required": False},
}
GOOD = {"ts": "2026-05-01T10:00:00Z", "channel": "mail", "user": {"id": "u1"}}


@dataclass(frozen=True)
class Sent:
    """A message with its key and its headers."""

    value: bytes | None
    key: bytes | None = b"k"
    headers: tuple[tuple[str, bytes | None], ...] = ()


def rules_of(fields: dict[str, dict[str, Any]] = FIELDS, where: str | None = None, /, **derived: dict[str, str]) -> RecordRules:
    return record_rules(
        {name: FieldSettings.model_validate(one) for name, one in fields.items()},
        {name: DerivedSettings.model_validate(one) for name, one in derived.items()},
        where,
        TIMES.timezone,
    )


def read(
    spark: "SparkSession", sent: Sequence[Sent], rules: RecordRules, *, shapes: Sequence[str] = (), times: TimeRules = TIMES
) -> list[dict[str, Any]]:
    rows = [(one.key, one.value, 1, offset, ARRIVED, list(one.headers) or None) for offset, one in enumerate(sent)]
    declared = DeclaredRules(**dict(times), records=rules, aggregates=())
    records = declared_records_of(spark.createDataFrame(rows, KAFKA), rules=declared, batch=7, nonce=NONCE, shapes=shapes)
    found: list[dict[str, Any]] = sorted(records.toArrow().to_pylist(), key=lambda row: row["offset"])
    return found


def written(**changes: Any) -> Sent:
    return Sent(json.dumps({**GOOD, **changes}, ensure_ascii=False).encode())


VALUES: tuple[Any, ...] = (
    *("mail", "web", "caf\u00e9", "", " ", "x" * 256, "x" * 257, "\u00e9" * 129, "\x00", "true", "null", "\U0001f600"),
    *(0, 1, -1, -0.0, 1.5, 1e3, 10**17, 2**63, 2**63 - 1, -(2**63), 123456.7890125, 0.0000005, 9999999.5),
    *("1", "-1", "01", "1.0", "+1", " 1", "1e2", "NaN", "-Infinity", "1,5", "9" * 40, "0." + "1" * 40),
    *(True, False, None, [], {}, [1], {"id": "u2"}, {"id": None}, {"id": 5}, {"id": {"id": "u3"}}, [{"id": "u4"}]),
    *("2026-02-29", "2024-02-29", "0000-01-01", "0001-01-01", "9999-12-31", "2024-2-9", "2024-02-29 ", 20240229),
    *("2026-05-01T10:00:00Z", "2026-05-01T10:00", "2026-03-29T02:30:00", "1900-01-01T00:00:00Z", 1777629600000, "1777629600000"),
)
KEYS = (None, b"", b"k", b"\xff", b"x" * 256, b"x" * 257, "caf\u00e9".encode())
TEXTS = (None, b"", b"1", b"-7", b"1.005", b"true", b"false", b"True", b"\xff", b"2026-05-01T10:00:00Z", b"1777629600000")
BROKEN = (
    None,
    b"",
    b" ",
    b"\xff",
    b"{",
    b"[]",
    b"5",
    b'{"ts": 1} x',
    b'{"ts": 1, "ts": 2}',
    b'{"user.id": "u", "ts": "x"}',
    b"NaN",
)


def random_sent(chosen: random.Random) -> Sent:
    fields = dict(GOOD)
    for name in chosen.sample(["ts", "channel", "user", *list(FIELDS)[2:9]], chosen.choice((0, 1, 1, 2, 3))):
        fields[name] = chosen.choice(VALUES)
        if chosen.random() < 0.1:
            del fields[name]
    items = list(fields.items())
    chosen.shuffle(items)
    text = json.dumps(dict(items), ensure_ascii=chosen.random() < 0.5, separators=chosen.choice(((",", ":"), (", ", ": "))))
    names = chosen.choices(("tries", "price", "seen", "told", "other"), k=chosen.choice((0, 0, 1, 2)))
    return Sent(text.encode(), chosen.choice(KEYS), tuple((name, chosen.choice(TEXTS)) for name in names))
