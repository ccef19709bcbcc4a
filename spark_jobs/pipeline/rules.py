"""The rules that messages of a batch are read by and summed up: stored in its plan, so that a rerun does exactly the same.

Nothing of them is left to the clock, to a file or to a version.
"""

from collections.abc import Mapping
from typing import Any, Literal

from spark_jobs.pipeline.aggregate_rules import AggregateRule
from spark_jobs.pipeline.record_rules import RecordRules
from spark_jobs.pipeline.section import Section
from spark_jobs.pipeline.setting_types import Instant, StoredFormats


class TimeRules(Section):
    """Everything that decides at what time something happened that a message tells of."""

    time_field: str
    time_format: StoredFormats
    timezone: str
    earliest: Instant
    latest: Instant


class ParsingRules(TimeRules):
    """Everything that decides whether a message is a reading and which one, for the daily average of one value."""

    value_field: str
    precision: int
    scale: int
    excess_digits: Literal["round", "reject"]


class DeclaredRules(TimeRules):
    """Everything that decides which record a message is, and which aggregates it counts in."""

    records: RecordRules
    aggregates: tuple[AggregateRule, ...]


Rules = ParsingRules | DeclaredRules


def stored_rules(details: Mapping[str, Any]) -> Rules:
    """The rules that a plan holds; `ValueError` if they are none."""
    kind = DeclaredRules if "aggregates" in details else ParsingRules
    return kind.model_validate(details)
