"""The rules by which a message becomes a record with declared fields; stored in a plan, so that a rerun reads alike.

Nothing of them is left to the clock or to a version: expressions are here as Spark is given them.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from spark_jobs.pipeline.declared import DerivedSettings, FieldSettings
from spark_jobs.pipeline.field_types import FieldType, stored_type
from spark_jobs.pipeline.section import Section

if TYPE_CHECKING:
    from spark_jobs.pipeline.expressions import Checked

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
        return stored_type(self.type)

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
    def of(cls, checked: "Checked") -> "ExpressionRule":
        return cls(sql=checked.sql, reads=tuple(sorted(checked.names)))


class DerivedRule(ExpressionRule):
    """A field that is worked out from others; or a measure's condition, which no measure can be made of."""

    name: str
    type: str
    is_condition: bool = False

    @property
    def kind(self) -> FieldType:
        return stored_type(self.type)


class RecordRules(Section):
    """All fields in the order of the file, then the derived ones, each of which may read those before it."""

    fields: tuple[FieldRule, ...]
    derived: tuple[DerivedRule, ...] = ()
    where: ExpressionRule | None = Field(None, description="a record for which it is not true is filtered")

    @property
    def reads_headers(self) -> bool:
        return any(one.source == "header" for one in self.fields)

    @property
    def types(self) -> dict[str, str]:
        """The type of each column that a record has of its message, in the order of the table."""
        return {one.name: one.type for one in self.fields} | {one.name: one.type for one in self.derived}

    @property
    def places(self) -> dict[str, str]:
        """The same by where each stands below `input`, of what the file names."""
        return {f"fields.{one.name}": one.type for one in self.fields} | {
            f"derived.{one.name}": one.type for one in self.own_derived
        }

    @property
    def own_derived(self) -> tuple[DerivedRule, ...]:
        """Those that the file names."""
        return tuple(one for one in self.derived if not one.is_condition)

    def condition(self, column: str) -> str:
        """What the condition says that this column holds."""
        return next(one.sql for one in self.derived if one.name == column)

    @property
    def nullable(self) -> frozenset[str]:
        """Columns that may be null of an accepted record: fields that may be missing, and what is worked out from them."""
        found = {one.name for one in self.fields if not one.required}
        for one in self.derived:
            if found & set(one.reads):
                found.add(one.name)
        return frozenset(found)


def record_rules(
    fields: Mapping[str, FieldSettings],
    derived: Mapping[str, DerivedSettings],
    where: str | None,
    zone: str,
    conditions: Iterable[tuple[str, str, str]] = (),
) -> RecordRules:
    """The rules that settings stand for; each of `conditions` becomes a derived column: its name, the condition, and its place in
    the file. Raises `ValueError` by the place in the file of an expression that cannot be.
    """
    # Its parser takes a fifth of a second to import, and most files have no expression.
    from spark_jobs.pipeline.expressions import check_condition, check_value

    kinds = {name: one.kind for name, one in fields.items()}
    worked_out: list[DerivedRule] = []
    for name, one in derived.items():
        read = _at(f"input.derived.{name}.sql", partial(check_value, one.sql, dict(kinds), zone, one.kind))
        worked_out.append(DerivedRule(name=name, type=str(one.kind), **dict(read)))
        kinds[name] = one.kind
    taken = set(kinds)
    for name, text, place in conditions:
        if name in taken:
            raise ValueError(f"{place}: it needs a column {name}, which there is already; rename the measure")
        taken.add(name)
        read = _at(place, partial(check_condition, text, kinds, zone))
        worked_out.append(DerivedRule(name=name, type="boolean", is_condition=True, **dict(read)))
    condition = None if where is None else _at("input.where", partial(check_condition, where, kinds, zone))
    return RecordRules(fields=tuple(_rule(name, one) for name, one in fields.items()), derived=tuple(worked_out), where=condition)


def _at(place: str, check: Callable[[], "Checked"]) -> ExpressionRule:
    try:
        return ExpressionRule.of(check())
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
