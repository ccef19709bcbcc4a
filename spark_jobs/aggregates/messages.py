"""What is published of a total: the key, the partition and the value of its message.

The partition is the one that Kafka's Java clients choose for the same key, so a group is where other producers put it. It follows
the dimensions alone and not the window, so all windows of a group are in order in one partition.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from spark_jobs.aggregates.aggregate import PARTITION, REVISION, Aggregate
from spark_jobs.aggregates.states import Row

_SEED, _MULTIPLIER, _SHIFT = 0x9747B28C, 0x5BD1E995, 24
_MASK, _SIGN = 0xFFFFFFFF, 0x7FFFFFFF


AGGREGATE = "aggregate"


def place_of(aggregate: Aggregate, row: Row, partitions: int) -> tuple[int, bytes]:
    """The partition, of so many, and the key of the message for a total or a contribution of its group."""
    if not aggregate.is_declared:
        return row[PARTITION], aggregate.window.text(row[aggregate.window.column]).encode()
    key = json_object(group_fields(aggregate, row)).encode()
    dimensions = {one.column: row[one.column] for one in aggregate.dimensions}
    if PARTITION in dimensions:
        return dimensions[PARTITION], key
    return partition_of(group_key(list(dimensions.values())), partitions), key


def group_fields(aggregate: Aggregate, row: Row) -> Mapping[str, Any]:
    """What tells a group from all others of the topic: the aggregate, its window and its dimensions."""
    window = aggregate.window
    dimensions = {one.column: row[one.column] for one in aggregate.dimensions}
    return {AGGREGATE: aggregate.name, window.column: window.text(row[window.column]), **dimensions}


def value_of(aggregate: Aggregate, row: Row) -> str:
    """The value of the message for a total of a declared aggregate."""
    return json_object(
        {**group_fields(aggregate, row), **{name: row[name] for name in aggregate.published}, REVISION: row[REVISION]}
    )


def json_object(fields: Mapping[str, Any]) -> str:
    """One line of JSON without blanks at its edges; decimals to their last digit.

    >>> json_object({"channel": "caf\u00e9", "cost": Decimal("88.200000"), "last": None})
    '{"channel": "caf\u00e9", "cost": 88.2, "last": null}'
    """
    return "{" + ", ".join(f"{_json(name)}: {_json_value(value)}" for name, value in fields.items()) + "}"


_json = json.JSONEncoder(ensure_ascii=False).encode
"""`json.dumps` makes an encoder for each call that asks for anything unusual."""


def _json_value(value: Any) -> str:
    return json_number(value) if isinstance(value, Decimal) else _json(_plain(value))


def json_number(value: Decimal) -> str:
    """A JSON number without exponent and trailing zeros.

    >>> json_number(Decimal("239.940000")), json_number(Decimal("100.000000")), json_number(Decimal("-0.000000"))
    ('239.94', '100', '0')
    """
    # Not by arithmetic, which keeps 28 digits: a table has up to 38.
    text = f"{value:f}"
    shown = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if shown == "-0" else shown


def partition_of(key: bytes, partitions: int) -> int:
    """As the default partitioner of Kafka's Java clients places a key (KIP-794 leaves keyed records as they were).

    >>> [partition_of(key, 3) for key in (b"", b"a", b"mail", "caf\\u00e9".encode())]
    [0, 1, 1, 0]
    """
    return (murmur2(key) & _SIGN) % partitions


def murmur2(data: bytes) -> int:
    """The 32-bit MurmurHash2 of Kafka's `Utils.murmur2`, as a number without sign; published by Austin Appleby."""
    hashed = (_SEED ^ len(data)) & _MASK
    whole = len(data) & ~3
    for place in range(0, whole, 4):
        word = int.from_bytes(data[place : place + 4], "little") * _MULTIPLIER & _MASK
        word = (word ^ (word >> _SHIFT)) * _MULTIPLIER & _MASK
        hashed = (hashed * _MULTIPLIER & _MASK) ^ word
    if whole < len(data):
        hashed = (hashed ^ int.from_bytes(data[whole:], "little")) * _MULTIPLIER & _MASK
    hashed = (hashed ^ (hashed >> 13)) * _MULTIPLIER & _MASK
    return hashed ^ (hashed >> 15)


def group_key(dimensions: Sequence[Any]) -> bytes:
    """What a group is placed by: the text of its only dimension, or all of them as a JSON array without blanks.

    >>> group_key(["mail"]), group_key([7]), group_key(["mail", None, True])
    (b'mail', b'7', b'["mail",null,true]')
    """
    if len(dimensions) == 1 and dimensions[0] is not None:
        (only,) = dimensions
        return only if isinstance(only, bytes) else _text(only).encode()
    return json.dumps([_plain(one) for one in dimensions], ensure_ascii=False, separators=(",", ":")).encode()


def _text(value: Any) -> str:
    return value if isinstance(value, str) else str(_plain(value)).lower() if isinstance(value, bool) else str(_plain(value))


def _plain(value: Any) -> Any:
    """As JSON can hold it: a date as its text, bytes as hexadecimal digits."""
    if isinstance(value, date):
        return value.isoformat()
    return value.hex() if isinstance(value, bytes) else value
