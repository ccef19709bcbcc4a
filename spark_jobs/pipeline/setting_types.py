"""The kinds of values that settings have beside plain texts and numbers, each with the sentence for what does not fit."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field

from spark_jobs.base.uris import login_in
from spark_jobs.pipeline.time_formats import MAX_FORMATS, SUPPORTED, time_pattern

_ISO = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?(?: ?(?:Z|[+-][0-9]{2}(?::?[0-9]{2})?))?)?"
)
LONGEST_UNIT = 20
_INSTANTS = "an ISO date or time, for example 2024-01-01 or 2024-01-01T06:30:00+01:00; without a zone it is UTC"
_HOST_ZONES = re.compile("localtime|posixrules|Factory|(?:right|posix)/.*")
"""Files beside the zones that are another time on every host, or count leap seconds, or are no zone; Java knows none of them."""


def _known_zone(name: str) -> str:
    try:
        if _HOST_ZONES.fullmatch(name):
            raise ValueError
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{name!r} is no time zone of the IANA database, for example UTC or Europe/Paris") from None
    return name


def _instant(value: Any) -> datetime:
    """An instant in UTC. A bare number is none: it may be a date, a year, seconds or milliseconds,
    and each would be another time.
    """
    if isinstance(value, str):
        value = _parsed_instant(value.strip())
    if not isinstance(value, datetime):
        raise ValueError(f"expected {_INSTANTS}")
    try:
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except OverflowError:
        raise ValueError("that time is before the year 1 or after 9999 in UTC") from None


def _parsed_instant(text: str) -> datetime:
    if re.fullmatch("[+-]?[0-9][0-9_.:]*(?:e[0-9]+)?", text):
        raise ValueError(f"{text} is a bare number, which may be a date, a year or seconds; write {_INSTANTS}")
    if not _ISO.fullmatch(text):
        raise ValueError(f"expected {_INSTANTS}")
    try:
        return datetime.fromisoformat(text.replace(" ", "T", 1).replace(" ", ""))
    except ValueError as error:
        raise ValueError(f"{text!r} is no time of the calendar ({error})") from None


def _start(value: Any) -> Any:
    if value in ("earliest", "latest"):
        return value
    try:
        return _instant(value)
    except ValueError as error:
        raise ValueError(f"{error}; or the words earliest and latest") from None


def _without_login(text: str) -> str:
    if login := login_in(text):
        raise ValueError(
            f"it holds {login}, which would be printed and logged; take it out and give it to Spark and delta-rs by the "
            "environment"
        )
    return text


def _local_path(value: Any) -> Any:
    if isinstance(value, str) and "://" in value:
        raise ValueError("it is a URI; expected a path on this machine")
    return value


def one_or_several(formats: Any) -> Any:
    """A list of one format is that format: what is stored of the two is the same."""
    return formats[0] if isinstance(formats, list | tuple) and len(formats) == 1 else formats


def _known_formats(written: Any) -> Any:
    """One format or a list of them; a sentence for the first that is none, and never one about what Python calls them."""
    several = written if isinstance(written, list | tuple) else [written]
    texts = tuple(one.strip() if isinstance(one, str) else one for one in several)
    if not 0 < len(texts) <= MAX_FORMATS:
        raise ValueError(f"expected a format, or a list of 1 to {MAX_FORMATS} of them")
    for one in texts:
        if not isinstance(one, str):
            raise ValueError(f"{one!r} is no format, which is a text; {SUPPORTED}")
        time_pattern(one)
    if len(set(texts)) < len(texts):
        raise ValueError("a format stands in the list twice")
    return one_or_several(texts)


def _like(pattern: str, expected: str) -> AfterValidator:
    def checked(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(f"expected {expected}")
        return text

    return AfterValidator(checked)


def _short_and_printable(text: str | None) -> str | None:
    if text is not None and not (0 < len(text) <= LONGEST_UNIT and text.isprintable()):
        raise ValueError(f"expected 1 to {LONGEST_UNIT} characters that can be seen")
    return text


Instant = Annotated[datetime, BeforeValidator(_instant)]
Start = Annotated[Literal["earliest", "latest"] | datetime, BeforeValidator(_start)]
TableRoot = Annotated[str, Field(min_length=1), AfterValidator(_without_login)]
LocalPath = Annotated[Path, BeforeValidator(_local_path)]
TopicName = Annotated[
    str,
    _like(
        r"(?!\.\.?$)[A-Za-z0-9._-]{1,249}",
        "a name of a Kafka topic: 1 to 249 ASCII letters, digits, dots, hyphens and underscores",
    ),
]
TimeZone = Annotated[str, BeforeValidator(str), AfterValidator(_known_zone)]
TimeFormats = Annotated[str | tuple[str, ...], BeforeValidator(_known_formats)]
StoredFormats = Annotated[str | tuple[str, ...], BeforeValidator(one_or_several)]
MailAddress = Annotated[str, _like(r"[^@\s]+@[^@\s]+", "a mail address")]
ConnectionId = Annotated[str, _like(r"[\w.-]+", "the id of an Airflow connection; addresses and logins belong into it")]
Unit = Annotated[str | None, AfterValidator(_short_and_printable)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$", description="used in file names, table paths and Kafka ids")]
