"""A message's JSON object by Python's own parser, held to what Spark's strict one takes; for looking at messages one by one.

Numbers stay as they were written. Where it is not certain what Spark would say, neither is said. Knows no settings.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, NoReturn

from spark_jobs.readings.message_formats import Rejection, path_of

WHITESPACE = " \t\r\n"
LARGEST, DEEPEST, LONGEST_NAME = 1_000_000, 500, 20_000
"""Up to so many bytes, levels and characters both parsers surely agree."""

_BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*+"?|(?P<opens>[\[{])|(?P<closes>[\]}])', re.DOTALL)
_SURROGATE = r"\\u[dD][89a-fA-F]"
_ESCAPES = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?P<half>\\u[dD][89a-fA-F])|\\.", re.DOTALL)


class NoObject(Exception):
    """The message is no reading, for this reason."""

    def __init__(self, reason: Rejection) -> None:
        super().__init__(reason)
        self.reason = reason


class Undecided(Exception):
    """Only Spark can say what becomes of the message, because of this."""


class JsonNumber(str):
    """A JSON number as it was written."""

    __slots__ = ()


def strict_object(message: bytes | None) -> dict[str, Any]:
    """The fields of the one JSON object that the message is; raises `NoObject` and `Undecided`."""
    if message is None:
        raise NoObject(Rejection.TOMBSTONE)
    if len(message) > LARGEST:
        raise Undecided(f"it has more than {LARGEST:,} bytes")
    text = _decoded(message).strip(WHITESPACE)
    if not text:
        raise NoObject(Rejection.EMPTY)
    if _depth(text) > DEEPEST:
        raise Undecided(f"it nests deeper than {DEEPEST} levels")
    return _only_object(text)


def field_of(fields: Mapping[str, Any], name: str) -> Any:
    """The field of that name; where there is none, the one that its path leads to from object to object."""
    if name in fields:
        return fields[name]
    value: Any = fields
    for step in path_of(name) or (name,):
        value = value.get(step) if isinstance(value, dict) else None
    return value


def _decoded(message: bytes) -> str:
    try:
        return message.decode()
    except UnicodeDecodeError:
        raise NoObject(Rejection.NOT_UTF8) from None


def _depth(text: str) -> int:
    depth = deepest = 0
    for found in _BRACKETS.finditer(text):
        depth += bool(found["opens"]) - bool(found["closes"])
        deepest = max(deepest, depth)
    return deepest


def _only_object(text: str) -> dict[str, Any]:
    repeated: list[str] = []
    try:
        document, end = _decoder(repeated).raw_decode(text)
    except ValueError:
        raise NoObject(Rejection.NOT_JSON) from None
    if _has_half_a_character(text):
        raise NoObject(Rejection.NOT_JSON)
    if not isinstance(document, dict):
        raise _no_object(document, text, end, repeated)
    if repeated:
        # Spark looks again at such a message with a parser that it does not trust about these.
        raise NoObject(Rejection.NOT_JSON if re.search(_SURROGATE, text) else Rejection.DUPLICATE_KEY)
    if end < len(text):
        raise NoObject(Rejection.TRAILING_DATA)
    return document


def _no_object(document: Any, text: str, end: int, repeated: list[str]) -> Exception:
    if isinstance(document, JsonNumber) and text[end : end + 1] not in ("", *WHITESPACE, ",", "]", "}"):
        # As most lines of CSV begin.
        return NoObject(Rejection.NOT_JSON)
    if repeated or end < len(text):
        return Undecided("it is no object, and which of its faults comes first is Spark's to say")
    return NoObject(Rejection.NOT_AN_OBJECT)


def _has_half_a_character(text: str) -> bool:
    return any(found["half"] for found in _ESCAPES.finditer(text))


def _decoder(repeated: list[str]) -> json.JSONDecoder:
    def fields(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if any(len(name) > LONGEST_NAME for name in found):
            raise Undecided(f"the name of a field has more than {LONGEST_NAME:,} characters")
        if len(found) < len(pairs):
            repeated.append(pairs[-1][0])
        return found

    def refuse(constant: str) -> NoReturn:
        raise ValueError(constant)

    return json.JSONDecoder(object_pairs_hook=fields, parse_float=JsonNumber, parse_int=JsonNumber, parse_constant=refuse)
