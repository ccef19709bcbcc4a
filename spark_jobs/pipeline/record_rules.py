"""The rules by which a message becomes a record with declared fields; stored in a plan, so that a rerun reads alike.

Nothing of them is left to the clock or to a version: expressions are here as Spark is given them.
"""

from collections.abc import Callable, Mapping
from typing import Literal

from pydantic import Field

from spark_jobs.pipeline.declared import DerivedSettings, FieldSettings
from spark_jobs.pipeline.expressions import Checked, check_condition, check_value
from spark_jobs.pipeline.field_types import FieldType, field_type
from spark_jobs.pipeline.section import Section

Source = Literal["json", "key", "header"]


class FieldRule(Section):
    """Where a field comes from and what it has to be; `place` is its JSON name or path, or the header's name."""

    name: str
    type: str
    source: Source
    place: str
    required: bool
    one_of: tuple[str, ...] | None = None
    excess_digits: Literal["round", "reject"] = "round"
    allow_empty: bool = False

    @property
    def kind(self) -> FieldType:
        return FieldType("binary") if self.type == "binary" else field_type(self.type)

    @property
    def precision(self) -> int:
        return self.kind.precision

    @property
    def scale(self) -> int:
        return self.kind.scale


class ExpressionRule(Section):
    """An expression as Spark is given it. It has failed if it is null although none of the fields that it reads is."""

    sql: str
    reads: tuple[str, ...]

    @classmethod
    def of(cls, checked: Checked) -> "ExpressionRule":
        return cls(sql=checked.sql, reads=tuple(sorted(checked.names)))


class DerivedRule(ExpressionRule):
    """A field that is worked out from others."""

    name: str
    type: str


class RecordRules(Section):
    """All fields in the order of the file, then the derived ones, each of which may read those before it."""

    fields: tuple[FieldRule, ...]
    derived: tuple[DerivedRule, ...] = ()
    where: ExpressionRule | None = Field(None, description="a record for which it is not true is filtered")


def record_rules(
    fields: Mapping[str, FieldSettings], derived: Mapping[str, DerivedSettings], where: str | None, zone: str
) -> RecordRules:
    """The rules that settings stand for. Raises `ValueError` by the place in the file of an expression that cannot be."""
    kinds = {name: one.kind for name, one in fields.items()}
    worked_out = []
    for name, one in derived.items():
        checked = _at(f"input.derived.{name}.sql", lambda one=one: check_value(one.sql, kinds, zone, one.kind))  # type: ignore[misc]
        worked_out.append(DerivedRule(name=name, type=str(one.kind), **dict(ExpressionRule.of(checked))))
        kinds[name] = one.kind
    condition = None if where is None else ExpressionRule.of(_at("input.where", lambda: check_condition(where, kinds, zone)))
    return RecordRules(fields=tuple(_rule(name, one) for name, one in fields.items()), derived=tuple(worked_out), where=condition)


def _at(place: str, checked: Callable[[], Checked]) -> Checked:
    try:
        return checked()
    except ValueError as error:
        raise ValueError(f"{place}: {error}") from None


def _rule(name: str, settings: FieldSettings) -> FieldRule:
    source: Source = "key" if settings.key else "header" if settings.header else "json"
    return FieldRule(
        name=name,
        type=str(settings.kind),
        source=source,
        place={"key": "", "header": settings.header or "", "json": settings.path or name}[source],
        required=settings.required,
        one_of=settings.one_of,
        excess_digits=settings.excess_digits,
        allow_empty=settings.allow_empty,
    )
