"""How producers write times: patterns of letters, ISO 8601, numbers that count from 1970, and lists of these.

Text in, text out: the regular expressions are in the dialect of Java, which Spark runs, and Python runs them too. They are strict
where Spark's own parsers are lenient: ASCII digits only, no padding, nothing before or after. Knows no Spark and no JSON but its
quotes.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

INTEGER = r"-?(?:0|[1-9][0-9]*+)"
NUMBER = INTEGER + r"(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?"
"""A JSON number (RFC 8259, section 6). A quoted number follows the same grammar."""

_EPOCH_NUMBER = r"-?(?:0(?:\.[0-9]++)?|[1-9][0-9]*+(?:\.[0-9]++)?(?:[eE]\+?[0-9]{1,2})?)"

EpochUnit = Literal["s", "ms", "us", "ns"]
EPOCH_WORDS: dict[str, EpochUnit] = {"epoch_seconds": "s", "epoch_millis": "ms", "epoch_micros": "us", "epoch_nanos": "ns"}
EPOCH_SHIFT: dict[EpochUnit, int] = {"s": 6, "ms": 3, "us": 0, "ns": -3}
"""Places that the decimal point moves to the right on the way to microseconds."""

EPOCH_DIGITS: dict[EpochUnit, int] = {"s": 12, "ms": 15, "us": 18, "ns": 19}
"""Enough for the year 9999 (of nanoseconds: for all that a long holds),
and few enough that microseconds never overflow a long.
"""

ISO_WORD = "iso8601"
WORDS = (ISO_WORD, *EPOCH_WORDS)
MAX_FORMATS = 8

EARLIEST, EARLIEST_OF_EPOCHS = datetime(1970, 1, 1, tzinfo=UTC), datetime(1980, 1, 1, tzinfo=UTC)
"""The first plausible time where no setting names one. A number of a smaller unit (seconds as milliseconds, milliseconds as
microseconds, and so on) is read as a time before 1980 if it means one before 9999; a number of a larger unit is read as a time
in the far future.
"""


@dataclass(frozen=True)
class TimePattern:
    """A time as messages hold it: `regex` is for Java, has no anchors, and leaves to Spark whether there is such a time.

    It says how many ASCII digits stand where, which Spark's formatter is lenient about; about days and hours it is strict,
    and alternatives for the exact ranges would cost a sixth of the whole match.

    `has_offset` is None where every text says by itself whether it is an instant or a local time. `plain` is `regex`, or what of
    it the fastest way takes. `width` and `iso` are of times whose parts have a fixed width. Put together in the order of ISO 8601
    such a time is cast, which takes Spark a third of the time its formatter takes: `iso` holds the pieces, each a text or where
    one begins, counted from 1, and its length.
    """

    pattern: str
    regex: str
    has_offset: bool | None
    epoch_unit: EpochUnit | None = None
    width: int | None = None
    iso: tuple[str | tuple[int, int], ...] = ()

    @property
    def plain(self) -> str:
        """What the fastest way takes: of an epoch whole numbers of a usual length alone."""
        return _whole(EPOCH_DIGITS[self.epoch_unit]) if self.epoch_unit else self.regex

    @property
    def token(self) -> str:
        """Regex of the time as a JSON value: a text, which never holds an escape; of an epoch also a bare number."""
        return f'(?:{self.regex}|"{self.regex}")' if self.epoch_unit else f'"{self.regex}"'


_ISO_REGEX = (
    "[0-9]{4}-[01][0-9]-[0-3][0-9][Tt ][0-2][0-9]:[0-5][0-9](?::[0-5][0-9](?:[.,][0-9]++)?)?"
    "(?:[Zz]|[+-](?:0[0-9]|1[0-8])(?::?[0-5][0-9])?)?"
)
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
SUPPORTED = (
    f"supported are the words {', '.join(WORDS)}, and patterns of yyyy MM dd HH mm ss, S to SSSSSS, X XX XXX Z, and text in "
    "single quotes, for example dd/MM/yyyy HH:mm:ss"
)
_TOKEN = re.compile(r"(?P<letters>([A-Za-z])\2*)|'(?P<quoted>(?:[^']|'')*)'|(?P<literal>[^A-Za-z'])")
_FIXED_PARTS = {"year": "", "month": "-", "day": "-", "hour": " ", "minute": ":", "second": ":"}
"""The parts of a time in the order of ISO 8601, each with what stands before it."""
_NEEDS = {"minute": "hour", "second": "minute", "fraction": "second", "offset": "hour"}
_OFFSET_TEXTS = {
    "Z": "X",
    "z": "",
    "UTC": "",
    "GMT": "",
    "+00:00": "XXX",
    "-00:00": "XXX",
    "+0000": "XX",
    "-0000": "XX",
    "+00": "X",
}
"""Texts at the end of a pattern that are an offset to people, each with the letters that read it as one."""


def time_formats(written: str | Sequence[str]) -> tuple[TimePattern, ...]:
    """The formats of a setting, which is one format or a list of them, in the order they are tried. Raises `ValueError`."""
    return tuple(time_pattern(one) for one in ([written] if isinstance(written, str) else written))


def default_earliest(formats: Sequence[TimePattern]) -> datetime:
    """The first plausible time where no setting names one."""
    return EARLIEST_OF_EPOCHS if any(one.epoch_unit for one in formats) else EARLIEST


def time_pattern(pattern: str) -> TimePattern:
    """The time pattern of Spark and Java `pattern`, or of one of the words `iso8601`, `epoch_seconds`, `epoch_millis`, and so on.

    `S` to `SSSSSS` take one up to that many digits, as Spark does; all other parts have a fixed width. A quoted `'Z'` is
    text and no offset. Raises `ValueError` with a sentence that names what is not supported.

    >>> time_pattern("yyyy-MM").regex  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ValueError: time format 'yyyy-MM' lacks dd; supported are ...
    """
    if pattern == ISO_WORD:
        return TimePattern(pattern, _ISO_REGEX, has_offset=None)
    if pattern in EPOCH_WORDS:
        return TimePattern(pattern, _EPOCH_NUMBER, has_offset=True, epoch_unit=EPOCH_WORDS[pattern])
    try:
        return _pattern_of_letters(pattern)
    except ValueError as error:
        raise ValueError(f"time format {pattern!r} {error}; {SUPPORTED}") from None


def named_parts(pattern: str) -> str:
    """The regex of a pattern of letters, with each part as a group of its name, as Python writes them."""
    parts: dict[str, str] = {}
    regex = ""
    for token in _tokens(pattern):
        digits = _token_regex(token, parts)
        regex += f"(?P<{_PARTS[token['letters']][0]}>{digits})" if token["letters"] else digits
    return regex


def unread_offset(pattern: str) -> tuple[str, str] | None:
    """The text at a pattern's end that is an offset to people and nothing but text to the pattern, and the letters that would
    read it.

    >>> unread_offset("yyyy-MM-dd'T'HH:mm:ss'Z'"), unread_offset("yyyy-MM-dd HH:mm 'UTC'"), unread_offset("yyyy-MM-dd HH:mmX")
    (('Z', 'X'), ('UTC', ''), None)
    """
    if pattern in WORDS:
        return None
    end = ""
    for token in reversed(_tokens(pattern)):
        if token["letters"]:
            break
        end = _literal(token) + end
    return next(((text, letters) for text, letters in _OFFSET_TEXTS.items() if end.strip() == text), None)


def _whole(digits: int) -> str:
    return INTEGER.replace("*+", f"{{0,{digits - 1}}}")


def _pattern_of_letters(pattern: str) -> TimePattern:
    parts: dict[str, str] = {}
    regex = "".join(_token_regex(token, parts) for token in _tokens(pattern))
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
    """`shown` is how such a time looks, `places` where its parts begin in it.
    Neighbours that stand in ISO's order, apart as there, are one piece.
    """
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
            raise ValueError("has a single quote that is never closed")
        tokens.append(token)
        end = token.end()
    return tokens


def _token_regex(token: re.Match[str], parts: dict[str, str]) -> str:
    letters = token["letters"]
    if letters is None:
        return _literal_regex(token)
    if letters not in _PARTS:
        raise ValueError(f"has {letters!r}, which is not supported")
    name, digits = _PARTS[letters]
    if name in parts:
        raise ValueError(f"has the {name} twice")
    parts[name] = letters
    # Java takes time for every group, also for one that captures nothing, and for every quantifier.
    return f"(?:{digits})" if "|" in digits else digits


def _literal_regex(token: re.Match[str]) -> str:
    text = _literal(token)
    # A bar is what the parts of a message are kept apart by while it is parsed.
    unusable = re.search(r'[^ -~]|["\\|]', text) or (token["quoted"] is None and re.search(r"[\[\]{}#]", text))
    if unusable:
        raise ValueError(f"has {unusable[0]!r}, which is not supported")
    return re.escape(text)


def _literal(token: re.Match[str]) -> str:
    quoted = token["quoted"]
    return str(token["literal"]) if quoted is None else quoted.replace("''", "'") or "'"


def _check_parts(pattern: str, parts: dict[str, str]) -> None:
    missing = [letters for letters in ("yyyy", "MM", "dd") if letters not in parts.values()]
    if missing:
        raise ValueError(f"lacks {' and '.join(missing)}")
    if re.search("yyyy[MdHms]+S", pattern):
        raise ValueError("has a fraction that only digits separate from the year, which Spark does not read")
    for name, needed in _NEEDS.items():
        if name in parts and needed not in parts:
            raise ValueError(f"has the {name} but not the {needed}")
