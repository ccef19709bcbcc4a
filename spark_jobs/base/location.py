"""Where tables are, and how each system reads it: a folder's name is text for Python, part of a URI for delta-rs, a pattern for
Spark.

A location is the text of an absolute folder of this machine, or a URI of another store; `parse_location` makes it from a setting,
once. Names with which one of the systems would read or write another folder than the others are refused there, by the character.
"""

import re
import unicodedata
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from spark_jobs.base.small_files import home_expanded

_URI = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_FILE = re.compile(r"(?i)file:(?://([^/]*))?(/.*)", re.DOTALL)
_NOT_IN_NAMES = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff\[\]^|\\*?{}]|%[0-9A-Fa-f]{2}")
"""delta-rs panics at brackets, circumflex and bar, takes a backslash for a slash, refuses control characters, and resolves an
escape that nobody wrote; tried with each character. For Spark's readers the last four make a pattern: escaped they fail beside
a colon, and with patterns switched off (`__globPaths__`) each of several files is read several times.
"""
_IN_NAMES = "in the name of a folder that Delta tables are in"
_NOT_IN_URIS = re.compile(r"[\x00-\x20\x7f\ud800-\udfff\[\]^|\\%?#*{}\"<>`]")
"""Here Spark takes for text what delta-rs takes for an escape, a query or a fragment."""


def parse_location(text: str, folder: Path) -> str:
    """The location that a setting means; relative ones start at `folder`.
    `ValueError` names the character that cannot be in it.
    """
    if found := _FILE.fullmatch(text):
        if found[1] not in (None, "", "localhost"):
            raise ValueError(f"{text} is a file on {found[1]}; expected file:/// and a folder of this machine")
        text = unquote(found[2], errors="surrogateescape")
    elif is_uri(text):
        _require_none(_NOT_IN_URIS, text, "in a URI")
        return text
    place = str(folder / home_expanded(text))
    _require_none(_NOT_IN_NAMES, place, _IN_NAMES)
    # delta-rs follows links before it looks at characters.
    _require_none(_NOT_IN_NAMES, str(Path(place).resolve()), _IN_NAMES)
    return place


def _require_none(characters: re.Pattern[str], text: str, where: str) -> None:
    found = characters.search(text)
    if found is not None:
        shown = "".join(one if one.isprintable() else "?" for one in text)
        raise ValueError(f"{shown} has {character_name(found[0])}, which cannot be {where}; choose another one")


def character_name(text: str) -> str:
    r"""What a text of one character is called, so that it is recognised wherever it is printed.

    >>> character_name("["), character_name("%41"), character_name("\n")
    ('[ (left square bracket)', '%41, an escaped character', 'a control character (U+000A)')
    """
    if len(text) > 1:
        return f"{text}, an escaped character"
    if text.isprintable():
        return f"{text} ({unicodedata.name(text).lower()})"
    kind = "bytes that are no UTF-8" if "\ud800" <= text <= "\udfff" else "a control character"
    return f"{kind} (U+{ord(text):04X})"


def is_uri(location: str) -> bool:
    """Whether it is no folder of this machine.

    >>> is_uri("s3://bucket/lake"), is_uri("/data/a://b")
    (True, False)
    """
    return _URI.match(location) is not None


def local_folder(uri: str) -> Path | None:
    """The folder of this machine that delta-rs names by this URI, None if it is in another store.

    >>> str(local_folder("file:///data/team%20%231/lake/")), local_folder("s3://bucket/lake/")
    ('/data/team #1/lake', None)
    """
    parts = urlsplit(uri)
    return Path(unquote(parts.path, errors="surrogateescape")) if parts.scheme == "file" else None


def for_spark(location: str) -> str:
    """As Hadoop's paths are written, which escape nothing.

    The scheme is there, because a Hadoop that is set up for a cluster takes a bare path for one of its own.

    >>> for_spark("/data/team #1/lake"), for_spark("s3a://bucket/lake")
    ('file:///data/team #1/lake', 's3a://bucket/lake')
    """
    return location if is_uri(location) else f"file://{location}"


def as_uri(location: str) -> str:
    """As a URI for those who keep to the rules of URIs, in ASCII.

    >>> as_uri("/data/team #1/lake"), as_uri("s3://bucket/é")
    ('file:///data/team%20%231/lake', 's3://bucket/%C3%A9')
    """
    return quote(location, safe="/:@!$&'()*+,;=~") if is_uri(location) else Path(location).as_uri()


def in_sql(location: str) -> str:
    """As a table in Spark's SQL.

    >>> print(in_sql("/data/a`b"))
    delta.`/data/a``b`
    """
    escaped = location.replace("`", "``")
    return f"delta.`{escaped}`"
