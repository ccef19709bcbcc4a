"""What a pipeline file declares of its messages and aggregates: fields, derived fields, windows, dimensions, measures.

Checked here as far as the file alone tells: names, types, and what refers to what. What expressions may say is known elsewhere.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from spark_jobs.pipeline.field_types import FieldType, field_type
from spark_jobs.pipeline.section import Section
from spark_jobs.pipeline.window_words import parse_window

MeasureKind = Literal["count", "sum", "min", "max", "average", "variance", "stddev", "first", "last", "summary", "unique"]
KINDS: tuple[str, ...] = get_args(MeasureKind)
PARTITION = "partition"

MOST_FIELDS, MOST_AGGREGATES, MOST_MEASURES = 100, 20, 50
MOST_SQUARED_DIGITS = 12
"""10^14 squares of such numbers fit `decimal(38,2s)`."""

OF_RECORDS = frozenset(
    {
        "partition",
        "offset",
        "kafka_timestamp",
        "key",
        "event_time",
        "rounded_from",
        "filtered",
        "rejected_because",
        "raw",
        "batch",
    }
)
"""Columns of the table `records` that a field cannot have."""
OF_TOTALS = frozenset({"date", "window_start", "revision", "batch", "aggregate", "partition"})
"""Columns of totals, and parts of the messages that they are published as, that no measure can have."""
TABLES = frozenset({"checkpoints", "records", "contributions", "daily_averages"})
"""Tables that every pipeline has, or has had, under these names."""

OF_MEMBERS = frozenset({"string", "long", "boolean", "date"})
"""Types of fields whose different values can be counted."""
OF_GROUPS = OF_MEMBERS | {"binary"}
"""Types of fields by which records can be grouped."""

_NAME = r"[a-z][a-z0-9_]{0,62}"


def _name(text: str) -> str:
    if not re.fullmatch(_NAME, text):
        raise ValueError("expected small letters, digits and underscores, beginning with a letter, 63 at most")
    return text


def _typed(text: str) -> str:
    field_type(text)
    return text


def _window(text: str) -> str:
    parse_window(text)
    return text


ColumnName = Annotated[str, AfterValidator(_name)]
TypeName = Annotated[str, AfterValidator(_typed)]
Expression = Annotated[str, Field(min_length=1, max_length=2000, description="Spark SQL over fields")]


def _field_as_mapping(value: Any) -> Any:
    """A field that is a type alone."""
    return {"type": value} if isinstance(value, str) else value


class FieldSettings(Section):
    """Where a message holds a field, and what it has to be.

    Without `path`, `key` or `header` it is the JSON field of its name.
    """

    type: TypeName = "string"
    path: str | None = Field(None, min_length=1, description="names of nested objects with dots between them")
    key: Literal["string", "binary"] | None = Field(None, description="it is the message's key")
    header: str | None = Field(None, min_length=1, description="it is this header's last value")
    required: bool = True
    one_of: tuple[str, ...] | None = Field(None, min_length=1, max_length=1000)
    excess_digits: Literal["round", "reject"] = "round"
    allow_empty: bool = False

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        sources = [name for name in ("path", "key", "header") if getattr(self, name) is not None]
        if len(sources) > 1:
            raise ValueError(f"it cannot come from {' and from '.join(sources)}")
        of_text = {"one_of": self.one_of is not None, "allow_empty": self.allow_empty}
        if self.kind.kind != "string" and (wrong := [name for name, is_set in of_text.items() if is_set]):
            raise ValueError(f"{wrong[0]} is for fields of type string, and this one is {self.kind}")
        if self.kind.kind != "decimal" and "excess_digits" in self.model_fields_set:
            raise ValueError(f"excess_digits is for decimals, and this one is {self.kind}")
        if self.key and "type" in self.model_fields_set and self.type != "string":
            raise ValueError("the key's type stands at key: string or binary; leave type out")
        return self

    @property
    def kind(self) -> FieldType:
        return FieldType("binary") if self.key == "binary" else field_type(self.type)


class DerivedSettings(Section):
    """A field that is worked out from others; a record for which that fails is rejected."""

    sql: Expression
    type: TypeName

    @property
    def kind(self) -> FieldType:
        return field_type(self.type)


def _measure_as_mapping(value: Any) -> Any:
    """`count`, or one kind with its field, and `where` beside it."""
    if value == "count":
        return {"kind": "count"}
    if not isinstance(value, Mapping) or "kind" in value:
        raise ValueError(f"expected count, or one of {', '.join(KINDS)} with a field, for example sum: cost")
    kinds = [name for name in value if name != "where"]
    if len(kinds) != 1 or kinds[0] not in KINDS:
        raise ValueError(
            f"expected one of {', '.join(KINDS)}, and beside it where at most; got {', '.join(map(str, value)) or 'nothing'}"
        )
    if not isinstance(value[kinds[0]], str):
        raise ValueError(f"{kinds[0]} needs the name of a field")
    return {"kind": kinds[0], "field": value[kinds[0]], **({"where": value["where"]} if "where" in value else {})}


class MeasureSettings(Section):
    """What is summed up: a kind and, except for the count of records, a field."""

    kind: MeasureKind
    field: str | None = None
    where: Expression | None = None


Measure = Annotated[MeasureSettings, BeforeValidator(_measure_as_mapping)]


class AggregateSettings(Section):
    """A window, what records are grouped by beside it, and what is summed up of each group."""

    window: Annotated[str, AfterValidator(_window)]
    dimensions: tuple[str, ...] = Field((), max_length=20)
    measures: dict[ColumnName, Measure] = Field(min_length=1, max_length=MOST_MEASURES)

    @model_validator(mode="after")
    def _names_apart(self) -> Self:
        twice = [name for number, name in enumerate(self.dimensions) if name in self.dimensions[:number]]
        if twice:
            raise ValueError(f"the dimension {twice[0]} stands there twice")
        if taken := sorted((OF_TOTALS - {PARTITION}) & set(self.dimensions)):
            raise ValueError(f"{taken[0]} cannot be a dimension: totals have a column of that name for something else")
        self._require_columns_apart({*OF_TOTALS, *self.dimensions})
        return self

    def _require_columns_apart(self, taken: set[str]) -> None:
        for column in self.columns:
            if column in taken:
                raise ValueError(f"a measure makes the column {column}, which there is already; give the measure another name")
            taken |= {column}
        if not any(one.kind == "count" and one.field is None for one in self.measures.values()) and COUNTED in taken:
            raise ValueError(
                f"totals without a measure that counts records have a column {COUNTED} for that; choose another name"
            )
        keys = set(self.dimensions) & {MEMBER, MEMBER_COUNT}
        if keys and any(one.kind == "unique" for one in self.measures.values()):
            raise ValueError(f"{min(keys)} cannot be a dimension beside a measure unique, whose table has a column of that name")

    @property
    def columns(self) -> Iterator[str]:
        """The columns of results and of the states that they follow from."""
        for name, measure in self.measures.items():
            if measure.kind != "summary":
                yield name
            yield from (f"{name}_{part}" for part in PARTS.get(measure.kind, ()))


PARTS: Mapping[str, tuple[str, ...]] = {
    "summary": ("sum", "count", "min", "max", "average"),
    "average": ("sum", "count"),
    "variance": ("sum", "count", "squares"),
    "stddev": ("sum", "count", "squares"),
    "first": ("time", "partition", "offset"),
    "last": ("time", "partition", "offset"),
    "unique": ("count",),
}
"""The columns that a measure has beside its own: results of a summary, parts of a state of the others."""
COUNTED, MEMBER, MEMBER_COUNT = "records", "member", "count"
"""Columns of totals where no measure counts records, and of the totals of members."""


Fields = dict[ColumnName, Annotated[FieldSettings, BeforeValidator(_field_as_mapping)]]


def require_consistent(
    fields: Mapping[str, FieldSettings], derived: Mapping[str, DerivedSettings], aggregates: Mapping[str, AggregateSettings]
) -> None:
    """Raise `ValueError` for the first thing that does not go together, by where it stands in the file."""
    for name in (*fields, *derived):
        if name in OF_RECORDS:
            raise ValueError(f"a field cannot be called {name}: the table records has a column of that name for something else")
    if both := sorted(fields.keys() & derived.keys()):
        raise ValueError(f"{both[0]} is among fields and among derived; give one of them another name")
    kinds = {name: one.kind for name, one in fields.items()} | {name: one.kind for name, one in derived.items()}
    tables: dict[str, str] = dict.fromkeys(TABLES, "every pipeline has")
    for name, aggregate in aggregates.items():
        where = f"aggregates.{name}"
        for table in tables_of(name, aggregate):
            if table in tables:
                raise ValueError(
                    f"{where} needs the table {table}, which {tables[table]}; give the aggregate or the measure another name"
                )
            tables[table] = f"{where} has"
        _require_dimensions(where, aggregate, kinds)
        for measure_name, measure in aggregate.measures.items():
            _require_measure(f"{where}.measures.{measure_name}", measure, kinds)


def tables_of(name: str, aggregate: AggregateSettings) -> Iterator[str]:
    """The tables of an aggregate: totals and contributions, and both again for each keyed measure."""
    yield from (name, f"{name}_contributions")
    for measure_name, measure in aggregate.measures.items():
        if measure.kind == "unique":
            yield from (f"{name}_{measure_name}", f"{name}_{measure_name}_contributions")


def _require_dimensions(where: str, aggregate: AggregateSettings, kinds: Mapping[str, FieldType]) -> None:
    for name in aggregate.dimensions:
        if name != PARTITION:
            kind = _known(f"{where}.dimensions", name, kinds)
            if kind.kind not in OF_GROUPS:
                raise ValueError(
                    f"{where}.dimensions: {name} is a {kind}; records are grouped by texts, longs, booleans and dates"
                )


def _require_measure(where: str, measure: MeasureSettings, kinds: Mapping[str, FieldType]) -> None:
    if measure.field is None:
        return
    kind = _known(where, measure.field, kinds)
    if measure.kind in ("sum", "average", "variance", "stddev", "summary") and not kind.is_number:
        raise ValueError(f"{where}: {measure.field} is a {kind}, which has no {measure.kind}; expected a decimal or a long")
    if measure.kind in ("variance", "stddev") and (kind.kind == "long" or kind.precision > MOST_SQUARED_DIGITS):
        raise ValueError(
            f"{where}: squares of a {kind} may not fit a table; expected a decimal of at most {MOST_SQUARED_DIGITS} digits"
        )
    if measure.kind in ("min", "max") and kind.kind in ("boolean", "binary"):
        raise ValueError(f"{where}: {measure.field} is a {kind}, which has no {measure.kind}")
    if measure.kind == "unique" and kind.kind not in OF_MEMBERS:
        raise ValueError(
            f"{where}: {measure.field} is a {kind}; expected a text, a long, a boolean or a date to count different ones of"
        )


def _known(where: str, name: str, kinds: Mapping[str, FieldType]) -> FieldType:
    if name not in kinds:
        raise ValueError(f"{where}: there is no field {name}; there are {', '.join(kinds) or 'none'}")
    return kinds[name]
