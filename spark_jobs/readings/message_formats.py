"""How a message is written: its plain and its usual form, the numbers that fit a type, and why a message is rejected.

Everything here is text in, text out: regular expressions in the dialect of Java, which Spark runs, built from the
settings. How times are written is known to `time_formats.py`. Knows no Spark.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from spark_jobs.pipeline.time_formats import NUMBER, TimePattern

WHITESPACE = r"[ \t\r\n]*+"
"""What JSON takes for white space; the `\\s` of Java is wider."""

NOT_FINITE = "[+-]?(?i:nan|inf|infinity)"

MAX_EXTRA_FIELDS = 16
"""Between two fields that are read; the usual form of a message covers no more, longer ones are parsed the slow way."""


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
        "not JSON: a syntax error, a byte order mark, a bare NaN, a lone surrogate, nested too deep, a name of more than "
        "50,000 characters",
    )
    TRAILING_DATA = "TRAILING_DATA", "something follows the first JSON value"
    DUPLICATE_KEY = "DUPLICATE_KEY", "a key occurs twice in one object"
    NOT_AN_OBJECT = "NOT_AN_OBJECT", "JSON, but not an object"
    NO_TIME = "NO_TIME", "the time field is missing or null"
    NO_VALUE = "NO_VALUE", "the value field is missing or null"
    BAD_TIME = "BAD_TIME", "the time is not written in a configured format, or the calendar has no such time"
    TIME_OUT_OF_RANGE = "TIME_OUT_OF_RANGE", "the time is before the earliest or after the latest plausible one"
    NONEXISTENT_TIME = "NONEXISTENT_TIME", "the clocks of the configured zone skipped this local time"
    NOT_FINITE = "NOT_FINITE", "the value is a quoted NaN or infinity"
    BAD_NUMBER = "BAD_NUMBER", "the value is neither a JSON number nor one in quotes"
    NUMBER_OUT_OF_RANGE = "NUMBER_OUT_OF_RANGE", "the value has more digits before the point than the type holds"
    EXCESS_DIGITS = "EXCESS_DIGITS", "the value has more digits after the point than the type holds, and rounding is off"


def path_of(field: str) -> tuple[str, ...]:
    """The names of a path to a field of an inner object; nothing where the name is no path.

    >>> path_of("payload.ts"), path_of("ts"), path_of("payload..ts"), path_of(".ts")
    (('payload', 'ts'), (), (), ())
    """
    names = tuple(field.split("."))
    return names if len(names) > 1 and all(names) else ()


def plain_number_regex(precision: int, scale: int) -> str:
    """Regex of the numbers that fit `decimal(precision, scale)` digit by digit, without exponent."""
    whole = f"(?:0|[1-9][0-9]{{0,{precision - scale - 1}}})" if precision > scale else "0"
    return rf"-?{whole}" + (rf"(?:\.[0-9]{{1,{scale}}})?" if scale else "")


@dataclass(frozen=True)
class PlainForm:
    """The form of most producers: the time, then a plain number, and nothing else.

    Either without any white space or with one blank after each colon and the comma; a mixture is not plain. Positions are of
    bytes, counted from 1. `spaced` is how a message with blanks begins. The time starts at `time`, or one byte later after a
    blank; `ends` is the character after it; from there to the number, or to its quote, it is `gap` bytes, or two more with
    blanks.
    """

    regex: str
    spaced: str
    time: int
    ends: str
    gap: int


def plain_form(time_field: str, formats: Sequence[TimePattern], value_field: str, precision: int, scale: int) -> PlainForm | None:
    """The form with times in the first of the formats; None if a name holds a character that is more than one byte in UTF-8."""
    time = formats[0]
    if not (time_field + value_field).isascii():
        return None
    quote = "" if time.epoch_unit else '"'
    number = plain_number_regex(precision, scale)
    names = [json.dumps(name) for name in (time_field, value_field)]
    regexes = [
        rf'\{{{re.escape(names[0])}:{blank}{quote}{time.plain}{quote},{blank}{re.escape(names[1])}:{blank}(?:{number}|"{number}")\}}'
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

    `number` is a plain number, `tail` what follows it: excess digits, an exponent, mostly nothing. Of several formats `time` has
    its quotes, if any: which format it is depends on them.
    """

    regex: str
    replacement: str


def message_form(time_field: str, formats: Sequence[TimePattern], value_field: str, precision: int, scale: int) -> MessageForm:
    """One object with the two fields in either order, also among extra fields with plain, unnested values.

    Never matches where a string holds an escape, where bytes were not UTF-8, or where one of the two keys occurs twice; those and
    all that is unusual are left to a real parser. Whether an extra key occurs twice is not looked at: to look again for every key
    that was found, through all that follows it, took Java most of the time.
    """
    names = [_name_regex(time_field), _name_regex(value_field)]
    members = [_member(names[0], _time_value(formats)), _member(names[1], _number_value(precision, scale))]
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
    """Bytes that are not UTF-8 show up as U+FFFD, so a name that holds it looks like broken bytes."""
    return "\ufffd" not in names and not re.search("[\ud800-\udfff]", names)


def _member(name: str, value: str) -> str:
    return f'"{name}"{WHITESPACE}:{WHITESPACE}{value}'


def _time_value(formats: Sequence[TimePattern]) -> str:
    if len(formats) > 1:
        return f"(?<time>{'|'.join(one.token for one in formats)})"
    (time,) = formats
    quote, end = ('(?<timequote>"?)', r"\k<timequote>") if time.epoch_unit else ('"', '"')
    return f"{quote}(?<time>{time.regex}){end}"


def _number_value(precision: int, scale: int) -> str:
    digits = rf"(?<=\.[0-9]{{{scale}}})[0-9]{{1,30}}" if scale else r"\.[0-9]{1,30}"
    tail = rf"(?<tail>(?:{digits})?(?:[eE][+-]?[0-9]{{1,3}})?)"
    return rf'(?<quote>"?)(?<number>{plain_number_regex(precision, scale)}){tail}\k<quote>'


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
