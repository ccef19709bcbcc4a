"""Where a group's messages go: the partition that Kafka's Java clients choose for the same key, so that a group is in one place.

The partition follows the dimensions alone and not the window, so all windows of a group are in order in one partition.
"""

import json
from collections.abc import Sequence
from datetime import date
from typing import Any

_SEED, _MULTIPLIER, _SHIFT = 0x9747B28C, 0x5BD1E995, 24
_MASK, _SIGN = 0xFFFFFFFF, 0x7FFFFFFF


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
