"""A field's value out of a message, found by Python instead of Spark: for a look at a few messages, never to count any.

Tests hold the rules against Spark's, message by message. A value that does not fit is a reason that names the field: nothing
becomes null silently.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from spark_jobs.pipeline.record_rules import FieldRule
from spark_jobs.pipeline.rules import TimeRules
from spark_jobs.pipeline.time_formats import time_formats
from spark_jobs.readings.judging import EPOCH, read_time, read_value
from spark_jobs.readings.message_formats import Rejection
from spark_jobs.readings.strict_objects import JsonNumber, NoObject, Undecided, field_of, strict_object

MOST_BYTES = 256
"""Of a text or a key that is a field."""

LONG = "-?(?:0|[1-9][0-9]{0,18})"
DAY = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_LEAST, _MOST = -(2**63), 2**63 - 1
FIRST, LAST = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)


class FieldProblem(StrEnum):
    """Why a field is none; a reason has the field's name behind it, as MISSING_FIELD:user."""

    MISSING_FIELD = "MISSING_FIELD"
    BAD_STRING = "BAD_STRING"
    TOO_LONG = "TOO_LONG"
    NOT_IN_LIST = "NOT_IN_LIST"
    BAD_LONG = "BAD_LONG"
    BAD_BOOLEAN = "BAD_BOOLEAN"
    BAD_DATE = "BAD_DATE"
    BAD_TIMESTAMP = "BAD_TIMESTAMP"
    EXPRESSION_FAILED = "EXPRESSION_FAILED"


class BadField(Exception):
    """The message is no record, for this reason."""

    def __init__(self, problem: FieldProblem | Rejection, name: str) -> None:
        super().__init__(f"{problem}:{name}")
        self.reason = f"{problem}:{name}"


class Misfit(Exception):
    """A value is none of the field's."""

    def __init__(self, problem: FieldProblem | Rejection) -> None:
        super().__init__(problem)
        self.problem = problem


@dataclass(frozen=True)
class RecordVerdict:
    """What a message would become: its time in microseconds since 1970 and its fields, or the reason why it is rejected, or why
    that is not decided here.
    """

    micros: int | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    reason: str | None = None
    undecided: str | None = None

    @property
    def event_time(self) -> datetime | None:
        return None if self.micros is None else EPOCH + timedelta(microseconds=self.micros)


def judge_record(
    message: bytes | None, times: TimeRules, rules: Iterable[FieldRule], key: bytes | None, headers: "Headers" = ()
) -> RecordVerdict:
    """The record that the message is by these rules, before any expression is worked out."""
    try:
        fields = strict_object(message)
        time = field_of(fields, times.time_field)
        if time is None:
            return RecordVerdict(reason=Rejection.NO_TIME)
        micros, _ = read_time(time, times)
        return RecordVerdict(micros, field_values(rules, times, fields, key, headers))
    except NoObject as refused:
        return RecordVerdict(reason=refused.reason)
    except BadField as bad:
        return RecordVerdict(reason=bad.reason)
    except Undecided as why:
        return RecordVerdict(undecided=str(why))


Headers = Iterable[tuple[str, bytes | None]]


def field_values(
    rules: Iterable[FieldRule], times: TimeRules, fields: Mapping[str, Any], key: bytes | None, headers: Headers = ()
) -> dict[str, Any]:
    """The value of each field, None for one that may be missing and is; `times` says how timestamps are written.

    `fields` are a message's, as `strict_object` yields them. Raises `BadField` for the first one that does not fit.
    """
    by_name = dict(headers)
    return {rule.name: _value(rule, times, _written(rule, fields, key, by_name)) for rule in rules}


def _written(rule: FieldRule, fields: Mapping[str, Any], key: bytes | None, headers: Mapping[str, bytes | None]) -> Any:
    match rule.source:
        case "key":
            return key
        case "header":
            return headers.get(rule.place)
    return field_of(fields, rule.place)


def _value(rule: FieldRule, times: TimeRules, written: Any) -> Any:
    if written is None:
        if rule.required:
            raise BadField(FieldProblem.MISSING_FIELD, rule.name)
        return None
    try:
        return _READERS[rule.kind.kind](
            _text(written) if rule.source != "json" and rule.type != "binary" else written, rule, times
        )
    except Misfit as misfit:
        raise BadField(misfit.problem, rule.name) from None


def _text(written: bytes) -> str:
    """A key or a header; whatever its field's type is, it has to be text."""
    try:
        return written.decode()
    except UnicodeDecodeError:
        raise Misfit(FieldProblem.BAD_STRING) from None


def _read_string(written: Any, rule: FieldRule, _: TimeRules) -> str:
    if not isinstance(written, str) or isinstance(written, JsonNumber) or not (written or rule.allow_empty):
        raise Misfit(FieldProblem.BAD_STRING)
    if len(written.encode()) > MOST_BYTES:
        raise Misfit(FieldProblem.TOO_LONG)
    if rule.one_of is not None and written not in rule.one_of:
        raise Misfit(FieldProblem.NOT_IN_LIST)
    return written


def _read_binary(written: Any, _: FieldRule, __: TimeRules) -> bytes:
    if len(written) > MOST_BYTES:
        raise Misfit(FieldProblem.TOO_LONG)
    return bytes(written)


def _read_long(written: Any, _: FieldRule, __: TimeRules) -> int:
    if not isinstance(written, str) or not re.fullmatch(LONG, written) or not _LEAST <= int(written) <= _MOST:
        raise Misfit(FieldProblem.BAD_LONG)
    return int(written)


def _read_decimal(written: Any, rule: FieldRule, _: TimeRules) -> Decimal:
    try:
        number, _rounded_from = read_value(written, rule)
    except NoObject as refused:
        raise Misfit(refused.reason) from None
    return number


def _read_boolean(written: Any, rule: FieldRule, _: TimeRules) -> bool:
    if rule.source != "json" and written in ("true", "false"):
        return bool(written == "true")
    if not isinstance(written, bool):
        raise Misfit(FieldProblem.BAD_BOOLEAN)
    return written


def _read_date(written: Any, _: FieldRule, __: TimeRules) -> date:
    if not isinstance(written, str) or isinstance(written, JsonNumber) or not re.fullmatch(DAY, written):
        raise Misfit(FieldProblem.BAD_DATE)
    try:
        return date.fromisoformat(written)
    except ValueError:
        raise Misfit(FieldProblem.BAD_DATE) from None


def times_of_field(times: TimeRules) -> TimeRules:
    """Any time of the calendar: what is plausible is asked of the event's own time alone. But epochs of several units are only
    told apart by what is plausible.
    """
    units = [one for one in time_formats(times.time_format) if one.epoch_unit]
    return times if len(units) > 1 else times.model_copy(update={"earliest": FIRST, "latest": LAST})


def _read_timestamp(written: Any, _: FieldRule, times: TimeRules) -> datetime:
    try:
        micros, _day = read_time(written, times_of_field(times))
        return EPOCH + timedelta(microseconds=micros)
    except (NoObject, OverflowError):
        raise Misfit(FieldProblem.BAD_TIMESTAMP) from None


_READERS: Mapping[str, Callable[[Any, FieldRule, TimeRules], Any]] = {
    "string": _read_string,
    "binary": _read_binary,
    "long": _read_long,
    "decimal": _read_decimal,
    "boolean": _read_boolean,
    "date": _read_date,
    "timestamp": _read_timestamp,
}
