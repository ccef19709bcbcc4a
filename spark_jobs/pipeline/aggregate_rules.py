"""Declared aggregates as they are stored in a plan: windows, dimensions and measures with the types that fields had then."""

from collections.abc import Collection, Iterator, Mapping

from spark_jobs.pipeline.declared import PARTITION, AggregateSettings, MeasureKind, MeasureSettings
from spark_jobs.pipeline.field_types import FieldType, stored_type
from spark_jobs.pipeline.record_rules import RecordRules
from spark_jobs.pipeline.section import Section


class DimensionRule(Section):
    """A column by which records are grouped; `type` is None of the partition."""

    name: str
    type: str | None
    may_be_null: bool

    @property
    def kind(self) -> FieldType | None:
        return None if self.type is None else stored_type(self.type)


class MeasureRule(Section):
    """What is summed up under a name: of all records, or of those for which the column `only` is true, which says whether `where`
    is.
    """

    name: str
    kind: MeasureKind
    field: str | None
    type: str | None
    only: str | None
    where: str | None

    @property
    def of(self) -> FieldType:
        """The type of the field."""
        return stored_type(self.type or "")


class AggregateRule(Section):
    """One declared aggregate. Its windows are those of `zone`, and only if it `is_published` its totals become messages."""

    name: str
    is_published: bool
    window: str
    zone: str
    dimensions: tuple[DimensionRule, ...]
    measures: tuple[MeasureRule, ...]


def condition_column(aggregate: str, measure: str) -> str:
    """The column of `records` that says whether a record counts in a measure that has a condition of its own."""
    return f"{aggregate}_{measure}_where"


def conditions(aggregates: Mapping[str, AggregateSettings]) -> Iterator[tuple[str, str, str]]:
    """Of each measure with a condition: the column for it, the condition, and where it stands in the file."""
    for name, aggregate in aggregates.items():
        for measure_name, measure in aggregate.measures.items():
            if measure.where is not None:
                place = f"aggregates.{name}.measures.{measure_name}.where"
                yield condition_column(name, measure_name), measure.where, place


def aggregate_rules(
    aggregates: Mapping[str, AggregateSettings], records: RecordRules, zone: str, published: Collection[str]
) -> tuple[AggregateRule, ...]:
    """The rules of declared aggregates over records of these rules, and which of them are published."""
    return tuple(
        AggregateRule(
            name=name,
            is_published=name in published,
            window=one.window,
            zone=zone,
            dimensions=tuple(_dimension(dimension, records) for dimension in one.dimensions),
            measures=tuple(_measure(name, measure_name, measure, records) for measure_name, measure in one.measures.items()),
        )
        for name, one in aggregates.items()
    )


def _dimension(name: str, records: RecordRules) -> DimensionRule:
    if name == PARTITION:
        return DimensionRule(name=name, type=None, may_be_null=False)
    return DimensionRule(name=name, type=records.types[name], may_be_null=name in records.nullable)


def _measure(aggregate: str, name: str, settings: MeasureSettings, records: RecordRules) -> MeasureRule:
    only = None if settings.where is None else condition_column(aggregate, name)
    return MeasureRule(
        name=name,
        kind=settings.kind,
        field=settings.field,
        type=None if settings.field is None else records.types[settings.field],
        only=only,
        where=None if only is None else records.condition(only),
    )
