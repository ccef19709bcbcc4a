"""How a message is written: time patterns, number grammar, the usual form of a message, and why one is rejected.

Everything here is text in, text out: regular expressions in the dialect of Java, which Spark runs, built from the
settings. They are strict where Spark's own parsers are lenient: ASCII digits only, no padding, nothing before or after.
Knows no Spark.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, Self

WHITESPACE = r"[ \t\r\n]*+"
"""What JSON takes for white space; the `\\s` of Java is wider."""

INTEGER = r"-?(?:0|[1-9][0-9]*+)"
NUMBER = INTEGER + r"(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?"
"""A JSON number (RFC 8259, section 6). A quoted number follows the same grammar."""

NOT_FINITE = "[+-]?(?i:nan|inf|infinity)"

MAX_EXTRA_FIELDS = 16
"""Between two fields that are read; the usual form of a message covers no more, longer ones are parsed the slow way."""

EPOCH_DIGITS = {"s": 12, "ms": 15}
"""Enough for the year 9999, and few enough that microseconds never overflow a long."""


class Rejection(StrEnum):
    """Why a message is no reading, in the order of the checks: the first that applies is the reason."""

    meaning: str

    def __new__(cls, code: str, meaning: str) -> Self:
        member = str.__new__(cls, code)
        member._value_ = code
        member.meaning = meaning
        return member

    TOMBSTONE = "TOMBSTONE", "the message has a key but no value (null)"
    NOT_UTF8 = "NOT_UTF8", "the bytes are not UTF-8"
    EMPTY = "EMPTY", "no bytes, or only white space"
    NOT_JSON = (
        "NOT_JSON",
        "not JSON: a syntax error, a byte order mark, a bare NaN, a lone surrogate, nested too deep, a name of more than 50,000 characters",
    )
    TRAILING_DATA = "TRAILING_DATA", "something follows the first JSON value"
    DUPLICATE_KEY = "DUPLICATE_KEY", "a key occurs twice in one object"
    NOT_AN_OBJECT = "NOT_AN_OBJECT", "JSON, but not an object"
    NO_TIME = "NO_TIME", "the time field is missing or null"
    NO_VALUE = "NO_VALUE", "the value field is missing or null"
    BAD_TIME = "BAD_TIME", "the time is not written in the configured format, or the calendar has no such time"
    TIME_OUT_OF_RANGE = "TIME_OUT_OF_RANGE", "the time is before the earliest or after the latest plausible one"
    NONEXISTENT_TIME = "NONEXISTENT_TIME", "the clocks of the configured zone skipped this local time"
    NOT_FINITE = "NOT_FINITE", "the value is a quoted NaN or infinity"
    BAD_NUMBER = "BAD_NUMBER", "the value is neither a JSON number nor one in quotes"
    NUMBER_OUT_OF_RANGE = "NUMBER_OUT_OF_RANGE", "the value has more digits before the point than the type holds"
    EXCESS_DIGITS = "EXCESS_DIGITS", "the value has more digits after the point than the type holds, and rounding is off"


@dataclass(frozen=True)
class TimePattern:
    """A time as messages hold it: `regex` is for Java, has no anchors, and leaves to Spark whether there is such a time.

    It says how many ASCII digits stand where, which Spark's formatter is lenient about; about days and hours it is strict,
    and alternatives for the exact ranges would cost a sixth of the whole match.

    `width` and `iso` are of times whose parts have a fixed width. Put together in the order of ISO 8601 such a time is cast, which takes
    Spark a third of the time its formatter takes: `iso` holds the pieces, each a text or where one begins, counted from 1, and its length.
    """

    pattern: str
    regex: str
    has_offset: bool
    epoch_unit: Literal["s", "ms"] | None = None
    width: int | None = None
    iso: tuple[str | tuple[int, int], ...] = ()


_PARTS = {
    "yyyy": ("year", "[0-9][0-9][0-9][0-9]"),
    "MM": ("month", "[01][0-9]"),
    "dd": ("day", "[0-3][0-9]"),
    "HH": ("hour", "[0-2][0-9]"),
    "mm": ("minute", "[0-5][0-9]"),
    "ss": ("second", "[0-5][0-9]"),
    **{"S" * digits: ("fraction", f"[0-9]{{1,{digits}}}") for digits in range(1, 7)},
    "X": ("offset", "Z|[+-](?:0[0-9]|1[0-8])(?:[0-5][0-9])?"),
    "XX": ("offset", "Z|[+-](?:0[0-9]|1[0-8])[0-5][0-9]"),
    "XXX": ("offset", "Z|[+-](?:0[0-9]|1[0-8]):[0-5][0-9]"),
    "Z": ("offset", "[+-](?:0[0-9]|1[0-8])[0-5][0-9]"),
}
_SUPPORTED = "supported are yyyy MM dd HH mm ss, S to SSSSSS, X XX XXX Z, and text in single quotes"
_EPOCH_UNITS: dict[str, Literal["s", "ms"]] = {"epoch_seconds": "s", "epoch_millis": "ms"}
_TOKEN = re.compile(r"(?P<letters>([A-Za-z])\2*)|'(?P<quoted>(?:[^']|'')*)'|(?P<literal>[^A-Za-z'])")
_FIXED_PARTS = {"year": "", "month": "-", "day": "-", "hour": " ", "minute": ":", "second": ":"}
"""The parts of a time in the order of ISO 8601, each with what stands before it."""
_NEEDS = {"minute": "hour", "second": "minute", "fraction": "second", "offset": "hour"}


def time_pattern(pattern: str) -> TimePattern:
    """The time pattern of Spark and Java `pattern`, or of the words `epoch_seconds` and `epoch_millis`.

    `S` to `SSSSSS` take one up to that many digits, as Spark does; all other parts have a fixed width. A quoted `'Z'` is
    text and no offset. Raises `ValueError` with a sentence that names what is not supported.

    >>> time_pattern("yyyy-MM").regex
    Traceback (most recent call last):
    ValueError: time format 'yyyy-MM' lacks dd; an example is dd/MM/yyyy HH:mm:ss, or use the words epoch_seconds or epoch_millis
    """
    if pattern in _EPOCH_UNITS:
        unit = _EPOCH_UNITS[pattern]
        limited = INTEGER.replace("*+", f"{{0,{EPOCH_DIGITS[unit] - 1}}}")
        return TimePattern(pattern, limited, has_offset=True, epoch_unit=unit)
    parts: dict[str, str] = {}
    regex = "".join(_token_regex(pattern, token, parts) for token in _tokens(pattern))
    _check_parts(pattern, parts)
    if not parts.keys() <= set(_FIXED_PARTS):
        return TimePattern(pattern, regex, has_offset="offset" in parts)
    places, shown = {}, ""
    names = {letters: name for name, letters in parts.items()}
    for token in _tokens(pattern):
        if token["letters"]:
            places[names[token["letters"]]] = len(shown)
        shown += token["letters"] or _literal(token)
    return TimePattern(pattern, regex, has_offset=False, width=len(shown), iso=_iso_pieces(shown, places))


def _iso_pieces(shown: str, places: Mapping[str, int]) -> tuple[str | tuple[int, int], ...]:
    """`shown` is how such a time looks, `places` where its parts begin in it. Neighbours that stand in ISO's order, apart as there, are one piece."""
    pieces: list[str | tuple[int, int]] = []
    for name, before in _FIXED_PARTS.items():
        if name not in places:
            pieces.append(f"{before}00")
            continue
        start, end = places[name], places[name] + (4 if name == "year" else 2)
        if before and shown[start - 1 : start] in (before, before.replace(" ", "T")):
            start -= 1
        elif before:
            pieces.append(before)
        last = pieces[-1] if pieces else ""
        if isinstance(last, tuple) and sum(last) - 1 == start:
            start = last[0] - 1
            pieces.pop()
        pieces.append((start + 1, end - start))
    return tuple(pieces)


def _tokens(pattern: str) -> list[re.Match[str]]:
    tokens, end = [], 0
    while end < len(pattern):
        token = _TOKEN.match(pattern, end)
        if token is None:
            raise ValueError(f"time format {pattern!r} has a single quote that is never closed")
        tokens.append(token)
        end = token.end()
    return tokens


def _token_regex(pattern: str, token: re.Match[str], parts: dict[str, str]) -> str:
    letters = token["letters"]
    if letters is None:
        return _literal_regex(pattern, token)
    if letters not in _PARTS:
        raise ValueError(f"time format {pattern!r}: {letters!r} is not supported; {_SUPPORTED}")
    name, digits = _PARTS[letters]
    if name in parts:
        raise ValueError(f"time format {pattern!r} has the {name} twice")
    parts[name] = letters
    # Java takes time for every group, also for one that captures nothing, and for every quantifier.
    return f"(?:{digits})" if "|" in digits else digits


def _literal_regex(pattern: str, token: re.Match[str]) -> str:
    text = _literal(token)
    # A bar is what the parts of a message are kept apart by while it is parsed.
    unusable = re.search(r'[^ -~]|["\\|]', text) or (token["quoted"] is None and re.search(r"[\[\]{}#]", text))
    if unusable:
        raise ValueError(f"time format {pattern!r}: {unusable[0]!r} is not supported; {_SUPPORTED}")
    return re.escape(text)


def _literal(token: re.Match[str]) -> str:
    quoted = token["quoted"]
    return str(token["literal"]) if quoted is None else quoted.replace("''", "'") or "'"


def _check_parts(pattern: str, parts: dict[str, str]) -> None:
    missing = [letters for letters in ("yyyy", "MM", "dd") if letters not in parts.values()]
    if missing:
        raise ValueError(
            f"time format {pattern!r} lacks {' and '.join(missing)}; "
            f"an example is dd/MM/yyyy HH:mm:ss, or use the words epoch_seconds or epoch_millis"
        )
    if re.search("yyyy[MdHms]+S", pattern):
        raise ValueError(f"time format {pattern!r}: Spark reads no fraction that only digits separate from the year")
    for name, needed in _NEEDS.items():
        if name in parts and needed not in parts:
            raise ValueError(f"time format {pattern!r} has the {name} but not the {needed}")


def plain_number(precision: int, scale: int) -> str:
    """Regex of the numbers that fit `decimal(precision, scale)` digit by digit, without exponent."""
    whole = f"(?:0|[1-9][0-9]{{0,{precision - scale - 1}}})" if precision > scale else "0"
    return rf"-?{whole}" + (rf"(?:\.[0-9]{{1,{scale}}})?" if scale else "")


@dataclass(frozen=True)
class PlainForm:
    """The form of most producers: the time, then a plain number, and nothing else.

    Either without any white space or with one blank after each colon and the comma; a mixture is not plain. Positions are of bytes,
    counted from 1. `spaced` is how a message with blanks begins. The time starts at `time`, or one byte later after a blank; `ends` is
    the character after it; from there to the number, or to its quote, it is `gap` bytes, or two more with blanks.
    """

    regex: str
    spaced: str
    time: int
    ends: str
    gap: int


def plain_form(time_field: str, time: TimePattern, value_field: str, precision: int, scale: int) -> PlainForm | None:
    """None if a name holds a character that is more than one byte in UTF-8."""
    if not (time_field + value_field).isascii():
        return None
    quote = "" if time.epoch_unit else '"'
    number = plain_number(precision, scale)
    names = [json.dumps(name) for name in (time_field, value_field)]
    regexes = [
        rf'\{{{re.escape(names[0])}:{blank}{quote}{time.regex}{quote},{blank}{re.escape(names[1])}:{blank}(?:{number}|"{number}")\}}'
        for blank in ("", " ")
    ]
    return PlainForm(
        regex=rf"\A(?:{'|'.join(regexes)})\z",
        spaced=f"{{{names[0]}: ",
        time=len(f"{{{names[0]}:{quote}") + 1,
        ends=quote or ",",
        gap=len(f"{quote},{names[1]}:"),
    )


@dataclass(frozen=True)
class MessageForm:
    """The form nearly all messages have, as one anchored regex; `replacement` turns a match into `tail|number|time`.

    `number` is a plain number, `tail` what follows it: excess digits, an exponent, mostly nothing.
    """

    regex: str
    replacement: str


def message_form(time_field: str, time: TimePattern, value_field: str, precision: int, scale: int) -> MessageForm:
    """One object with the two fields in either order, also among extra fields with plain, unnested values.

    Never matches where a string holds an escape, where bytes were not UTF-8, or where one of the two keys occurs twice; those and all
    that is unusual are left to a real parser. Whether an extra key occurs twice is not looked at: to look again for every key
    that was found, through all that follows it, took Java most of the time.
    """
    names = [_name_regex(time_field), _name_regex(value_field)]
    members = [_member(names[0], _time_value(time)), _member(names[1], _number_value(precision, scale))]
    only_these = _numbered(0, _COMMA.join(members))
    regex = rf"(?s)\A{WHITESPACE}\{{{WHITESPACE}(?:{only_these}{_END}|{_among_extras(names, members)}{_END})"
    return MessageForm(regex if _is_safe(time_field + value_field) else _NEVER, _replacement(regex))


def _among_extras(names: list[str], members: list[str]) -> str:
    extra = rf'(?!"(?:{"|".join(names)})"){_EXTRA_FIELD}'
    before, after = (f"(?:{piece}){{0,{MAX_EXTRA_FIELDS}}}+" for piece in (extra + _COMMA, _COMMA + extra))
    orders = [_numbered(number, (_COMMA + before).join(order)) for number, order in ((1, members), (2, members[::-1]))]
    return _numbered(3, before) + f"(?:{'|'.join(orders)})" + _numbered(4, after)


def _replacement(regex: str) -> str:
    """Groups by number, which Java puts together faster than groups by name."""
    groups = re.findall(r"\(\?<([a-z]+[0-9])>", regex)
    return "|".join("".join(f"${groups.index(name + order) + 1}" for order in "012") for name in ("tail", "number", "time"))


_NEVER = r"\A\z."
_COMMA = f"{WHITESPACE},{WHITESPACE}"
_END = rf"{WHITESPACE}\}}{WHITESPACE}\z"
_UNESCAPED = "".join(re.escape(character) for character in map(chr, range(ord(" "), ord("~") + 1)) if character not in '"\\')
_STRING = f'"(?>[{_UNESCAPED}]*)"'
"""Java finds a character that is listed in a table, one that is in a range by asking range after range; and runs through a greedy
loop in place, through a possessive one by calls. Together it takes a sixth of the time of `[ !#-\\[\\]-~]*+`.
"""
_EXTRA_FIELD = f"{_STRING}{WHITESPACE}:{WHITESPACE}(?:{_STRING}|{NUMBER}|true|false|null)"


def _name_regex(name: str) -> str:
    return re.escape(json.dumps(name, ensure_ascii=False)[1:-1])


def _is_safe(names: str) -> bool:
    """Bytes that are not UTF-8 show up as U+FFFD, so a name that holds it cannot be told from broken bytes."""
    return "\ufffd" not in names and not re.search("[\ud800-\udfff]", names)


def _member(name: str, value: str) -> str:
    return f'"{name}"{WHITESPACE}:{WHITESPACE}{value}'


def _time_value(time: TimePattern) -> str:
    quote, end = ('(?<timequote>"?)', r"\k<timequote>") if time.epoch_unit else ('"', '"')
    return f"{quote}(?<time>{time.regex}){end}"


def _number_value(precision: int, scale: int) -> str:
    digits = rf"(?<=\.[0-9]{{{scale}}})[0-9]{{1,30}}" if scale else r"\.[0-9]{1,30}"
    tail = rf"(?<tail>(?:{digits})?(?:[eE][+-]?[0-9]{{1,3}})?)"
    return rf'(?<quote>"?)(?<number>{plain_number(precision, scale)}){tail}\k<quote>'


def _numbered(number: int, regex: str) -> str:
    """The regex with this number at the end of all its group names: Java wants every name once."""
    return re.sub(r"(\(\?<|\\k<)([a-z]+)>", rf"\g<1>\g<2>{number}>", regex)


def numbers_regex() -> str:
    """Regex that finds, match after match, each number of a JSON text that stands where a value may end.

    Group 1 is what lies before, with strings skipped as a whole; group 2 is the number. Putting a number in quotes never
    makes an invalid text valid: a number that is no whole token, or stands for a key, is not found and ends the search.
    """
    string = r'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
    return rf'(?s)\G((?:[^"0-9-]++|{string})*+)({NUMBER})(?={WHITESPACE}(?:[,\]}}]|\z))'
