"""Rules in the words of a pipeline file: each setting that they come from, and what it says, to compare them and to tell."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from spark_jobs.pipeline.aggregate_rules import AggregateRule, MeasureRule
from spark_jobs.pipeline.record_rules import FieldRule, RecordRules
from spark_jobs.pipeline.rules import DeclaredRules, ParsingRules, Rules

TIME_SETTINGS: Mapping[str, str] = {
    "time_field": "input.time.field",
    "time_format": "input.time.format",
    "timezone": "input.time.timezone",
    "earliest": "input.time.earliest",
    "latest": "input.time.latest",
}
"""The setting that each rule about times comes from."""


def setting_texts(rules: Rules) -> dict[str, str]:
    """What each setting says, by its name in the file."""
    times = {setting: _text(getattr(rules, name)) for name, setting in TIME_SETTINGS.items()}
    return times | dict(_declared(rules) if isinstance(rules, DeclaredRules) else _value(rules))


def _text(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _value(rules: ParsingRules) -> Iterator[tuple[str, str]]:
    yield "input.value.field", rules.value_field
    yield "input.value.type", f"decimal({rules.precision},{rules.scale})"
    yield "input.value.excess_digits", rules.excess_digits


def _declared(rules: DeclaredRules) -> Iterator[tuple[str, str]]:
    yield from _records(rules.records)
    for one in rules.aggregates:
        yield from _aggregate(one)


def _records(rules: RecordRules) -> Iterator[tuple[str, str]]:
    for field in rules.fields:
        yield f"input.fields.{field.name}", _field(field)
    for one in rules.own_derived:
        yield f"input.derived.{one.name}", f"{one.type}: {one.sql}"
    if rules.where:
        yield "input.where", rules.where.sql


def _field(rule: FieldRule) -> str:
    source = {"json": f"the field {rule.place}", "key": "the key", "header": f"the header {rule.place}"}[rule.source]
    parts = [rule.type, f"from {source}"]
    if not rule.required:
        parts.append("may be missing")
    if rule.one_of is not None:
        parts.append(f"one of {', '.join(rule.one_of)}")
    if rule.kind.kind == "decimal":
        parts.append(f"excess digits: {rule.excess_digits}")
    if rule.allow_empty:
        parts.append("may be empty")
    return ", ".join(parts)


def _aggregate(rule: AggregateRule) -> Iterator[tuple[str, str]]:
    where = f"aggregates.{rule.name}"
    yield f"{where}.window", f"{rule.window} in {rule.zone}"
    yield f"{where}.dimensions", ", ".join(one.name for one in rule.dimensions) or "none"
    yield f"{where}.output", "published" if rule.is_published else "in its tables alone"
    for one in rule.measures:
        yield f"{where}.measures.{one.name}", _measure(one)


def _measure(rule: MeasureRule) -> str:
    of = f" of {rule.field}" if rule.field else ""
    return f"{rule.kind}{of}" + (f" where {rule.where}" if rule.where else "")
