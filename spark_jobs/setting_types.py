"""The kinds of values that settings have beside plain texts and numbers, each with the sentence for what does not fit."""

import re
from datetime import UTC, datetime
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field

from spark_jobs.message_formats import time_pattern


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise ValueError(f"{name!r} is no time zone of the IANA database, for example UTC or Europe/Paris") from None
    return name


def _in_utc(value: datetime) -> datetime:
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _known_format(pattern: str) -> str:
    time_pattern(pattern)
    return pattern


def _like(pattern: str, expected: str) -> AfterValidator:
    def checked(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(f"expected {expected}")
        return text

    return AfterValidator(checked)


Instant = Annotated[datetime, AfterValidator(_in_utc)]
TimeZone = Annotated[str, BeforeValidator(str), AfterValidator(_known_zone)]
TimeFormat = Annotated[str, AfterValidator(_known_format)]
MailAddress = Annotated[str, _like(r"[^@\s]+@[^@\s]+", "a mail address")]
Connection = Annotated[str, _like(r"[\w.-]+", "the id of an Airflow connection; addresses and logins belong into it")]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$", description="used in file names, table paths and Kafka ids")]
