"""What a message would have needed in order not to be rejected, in one phrase, by the rules of the batch that read it.

Knows the rules and the reasons; how messages are read is known elsewhere.
"""

import json
from collections.abc import Iterable

from spark_jobs.base.wording import counted
from spark_jobs.pipeline.record_rules import FieldRule
from spark_jobs.pipeline.rules import DeclaredRules, Rules, TimeRules
from spark_jobs.readings.field_values import MOST_BYTES, FieldProblem
from spark_jobs.readings.judging import Digits
from spark_jobs.readings.message_formats import Rejection

LONGEST_LIST = 100


def expected(reason: str, rules: Rules) -> str:
    """
    >>> from datetime import UTC, datetime
    >>> from spark_jobs.pipeline.rules import ParsingRules
    >>> first, last = datetime(1990, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
    >>> rules = ParsingRules(time_field="at", time_format="dd/MM/yyyy", timezone="UTC", earliest=first, latest=last,
    ...     value_field="volts", precision=18, scale=6, excess_digits="round")
    >>> expected("BAD_TIME", rules), expected("NO_VALUE", rules)
    ('"at" as dd/MM/yyyy', '"volts", not null')
    >>> expected("TIME_OUT_OF_RANGE", rules)
    '"at" from 1990-01-01 00:00:00 UTC to 2026-01-02 00:00:00 UTC'
    """
    problem, _, name = reason.partition(":")
    if isinstance(rules, DeclaredRules):
        found = next((one for one in rules.records.fields if one.name == name), None)
        return _of_field(problem, found) if found else {**_of_message(rules), **_of_expression(name)}.get(problem, "-")
    value = json.dumps(rules.value_field, ensure_ascii=False)
    phrases = {**_of_message(rules, value), **_of_number(value, rules), str(Rejection.NO_VALUE): f"{value}, not null"}
    return phrases.get(reason, "-")


def _of_message(rules: TimeRules, value: str | None = None) -> dict[str, str]:
    time = json.dumps(rules.time_field, ensure_ascii=False)
    an_object = f"a JSON object with {time}" + (f" and {value}" if value else "")
    return {
        Rejection.TOMBSTONE: an_object,
        Rejection.NOT_UTF8: "text in UTF-8",
        Rejection.EMPTY: an_object,
        Rejection.NOT_JSON: an_object,
        Rejection.TRAILING_DATA: "one JSON object and nothing after it",
        Rejection.DUPLICATE_KEY: "each key once",
        Rejection.NOT_AN_OBJECT: an_object,
        Rejection.NO_TIME: f"{time}, not null",
        Rejection.BAD_TIME: f"{time} as {_formats(rules.time_format)}",
        Rejection.TIME_OUT_OF_RANGE: f"{time} from {rules.earliest:%Y-%m-%d %H:%M:%S} UTC to "
        f"{rules.latest:%Y-%m-%d %H:%M:%S} UTC",
        Rejection.NONEXISTENT_TIME: f"{time} that the clocks of {rules.timezone} show",
    }


def _of_number(name: str, rules: Digits) -> dict[str, str]:
    whole = rules.precision - rules.scale
    return {
        Rejection.NOT_FINITE: f"{name} as a finite number",
        Rejection.BAD_NUMBER: f"{name} as a JSON number, or one in quotes",
        Rejection.NUMBER_OUT_OF_RANGE: f"{name} with at most {counted(whole, 'digit')} before the point",
        Rejection.EXCESS_DIGITS: f"{name} with at most {counted(rules.scale, 'digit')} after the point",
    }


def _of_field(problem: str, rule: FieldRule) -> str:
    name = {"json": json.dumps(rule.place, ensure_ascii=False), "key": "the key", "header": f"the header {rule.place}"}[
        rule.source
    ]
    listed = ", ".join(rule.one_of or ())
    phrases = {
        FieldProblem.MISSING_FIELD: f"{name}, not null",
        FieldProblem.BAD_STRING: f"{name} as a text" + ("" if rule.allow_empty else " that is not empty"),
        FieldProblem.TOO_LONG: f"{name} of at most {MOST_BYTES} bytes",
        FieldProblem.NOT_IN_LIST: f"{name} as one of {listed if len(listed) <= LONGEST_LIST else listed[:LONGEST_LIST] + '...'}",
        FieldProblem.BAD_LONG: f"{name} as a whole number of 64 bits",
        FieldProblem.BAD_BOOLEAN: f"{name} as true or false",
        FieldProblem.BAD_DATE: f"{name} as a date of the calendar, for example 2026-03-31",
        FieldProblem.BAD_TIMESTAMP: f"{name} as a time in a format of input.time.format",
        **_of_number(name, rule),
    }
    return {str(one): phrase for one, phrase in phrases.items()}.get(problem, "-")


def _of_expression(name: str) -> dict[str, str]:
    return {str(FieldProblem.EXPRESSION_FAILED): f"values for which the expression {name} can be worked out"}


def _formats(formats: str | Iterable[str]) -> str:
    return formats if isinstance(formats, str) else " or ".join(formats)
