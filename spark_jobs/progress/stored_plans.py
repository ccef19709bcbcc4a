"""What a stored row says that this version cannot read: a plan that is kept as unusable, or a row that is damage.

A plan may have been stored by a newer version, or been tampered with. Its place and its ranges are columns of their own and are
all that abandoning it needs. Every other row is needed as a whole. Knows no table and no settings.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from spark_jobs.base.errors import TableDamaged
from spark_jobs.pipeline.rules import ParsingRules
from spark_jobs.progress.offsets import OffsetRange, Plan

FORMAT = 1
"""Of a plan's details; a plan that names a higher one may ask for something that this version would silently not do."""

UNREADABLE = (AttributeError, KeyError, TypeError, ValueError)
"""What reading a row ends in that holds something else than expected."""

NO_DETAILS = "unreadable"
"""Stands for details that are none, with the reason."""

_NEVER = datetime(1970, 1, 1, tzinfo=UTC)
_NOBODYS = ParsingRules.model_construct(
    time_field="",
    time_format="",
    timezone="",
    earliest=_NEVER,
    latest=_NEVER,
    value_field="",
    precision=0,
    scale=0,
    excess_digits="reject",
)
"""Rules of a plan that nobody can read: whoever executed them would fail at once."""


def details_in(text: str | None) -> dict[str, Any]:
    """A row's details; if they are none, that alone."""
    try:
        found = json.loads(text or "")
    except ValueError as error:
        return {NO_DETAILS: f"its details are no JSON ({error})"}
    return found if isinstance(found, dict) else {NO_DETAILS: "its details are no JSON object"}


def unusable_plan(batch: int, topic_id: str, ranges: tuple[OffsetRange, ...], error: Exception) -> Plan:
    """A plan that cannot be read: what abandoning it needs, and why."""
    return Plan(
        batch=batch,
        topic_id=topic_id,
        ranges=ranges,
        rules=_NOBODYS,
        output_topic_id="",
        output_starts={},
        table_ids={},
        nonce="",
        trouble=_reason(error),
    )


def damaged_row(what: str, error: Exception) -> TableDamaged:
    """The error for a row without which it is not known where the pipeline stands."""
    return TableDamaged(
        "checkpoints",
        f"{what} cannot be understood ({_reason(error)})",
        "If a newer version of Dayfold wrote it, use that one; else bring back the newest copy of the table.",
    )


def _reason(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_input=False)[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    if isinstance(error, AttributeError | TypeError):
        return f"it has another form than this version stores ({error})"
    return f"it lacks {error}" if isinstance(error, KeyError) else str(error)


def by_text(numbers: Mapping[int, int]) -> dict[str, int]:
    """Offsets by partition, as JSON has them."""
    return {str(number): offset for number, offset in numbers.items()}


def by_number(texts: Mapping[str, Any]) -> dict[int, int]:
    return {int(number): int(offset) for number, offset in texts.items()}


def known(details: Mapping[str, Any]) -> dict[str, Any]:
    """What is not known is left out, as it is in rows of older versions."""
    return {name: value for name, value in details.items() if value is not None}
