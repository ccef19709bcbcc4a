"""The aggregates that a plan's rules stand for."""

from collections.abc import Callable, Mapping
from itertools import chain

import pyarrow as pa

from spark_jobs.aggregates.aggregate import Aggregate, Measure
from spark_jobs.aggregates.daily_average import DAILY_AVERAGE
from spark_jobs.aggregates.grouping import Dimension
from spark_jobs.aggregates.results import Average, Variance
from spark_jobs.aggregates.states import PLACE, PLACES, Count, Counted, Extreme, Picked, SquareSum, Sum
from spark_jobs.aggregates.windows import Window, window_of
from spark_jobs.pipeline.aggregate_rules import AggregateRule, DimensionRule, MeasureRule
from spark_jobs.pipeline.rules import DeclaredRules, Rules

RECORDS_COUNT = "records"
"""The state that counts the records of a group, where no measure does."""
MEMBER, MEMBER_COUNT = "member", "count"


Keys = tuple[Window | Dimension, ...]


def aggregates_of(rules: Rules) -> tuple[Aggregate, ...]:
    """In the order of the file; those of members are not among them, but of their measures."""
    if not isinstance(rules, DeclaredRules):
        return (DAILY_AVERAGE,)
    return tuple(map(_aggregate, rules.aggregates))


def _aggregate(rule: AggregateRule) -> Aggregate:
    keys: Keys = (window_of(rule.window, rule.zone), *map(_dimension, rule.dimensions))
    measures = tuple(_MEASURES[one.kind](one, rule.name, keys) for one in rule.measures)
    counts = chain.from_iterable(one.states for one in measures)
    of_records = (one for one in counts if isinstance(one, Count) and one.of is None)
    count = next(of_records, Count(RECORDS_COUNT, None))
    return Aggregate(rule.name, keys, count, measures, is_published=rule.is_published)


def _dimension(rule: DimensionRule) -> Dimension:
    return Dimension(rule.name, rule.kind.arrow if rule.kind else pa.int32(), rule.may_be_null)


def _counted(rule: MeasureRule) -> Counted:
    return Counted(rule.field or "", rule.only)


def _count(rule: MeasureRule, _: str, __: Keys) -> Measure:
    state = Count(rule.name, _counted(rule) if rule.field else None)
    return Measure((state,), (), (rule.name,))


def _sum(rule: MeasureRule, _: str, __: Keys) -> Measure:
    return Measure((Sum(rule.name, _counted(rule), rule.of.scale),), (), (rule.name,))


def _extreme(rule: MeasureRule, _: str, __: Keys) -> Measure:
    return Measure((Extreme(rule.name, _counted(rule), rule.of.arrow, "min" if rule.kind == "min" else "max"),), (), (rule.name,))


def _average(rule: MeasureRule, _: str, __: Keys) -> Measure:
    total, count = _total_and_count(rule)
    return Measure((total, count), (Average(rule.name, total, count, _quotient(rule)),), (rule.name,))


def _total_and_count(rule: MeasureRule) -> tuple[Sum, Count]:
    return Sum(f"{rule.name}_sum", _counted(rule), rule.of.scale), Count(f"{rule.name}_count", _counted(rule))


def _quotient(rule: MeasureRule) -> pa.DataType:
    """Room for every average of the field's values."""
    whole = 19 if rule.of.kind == "long" else rule.of.precision - rule.of.scale
    return pa.decimal128(max(18, whole + PLACES), PLACES)


def _variance(rule: MeasureRule, _: str, __: Keys) -> Measure:
    total, count = _total_and_count(rule)
    squares = SquareSum(f"{rule.name}_squares", _counted(rule), rule.of.scale)
    result = Variance(rule.name, total, squares, count, is_rooted=rule.kind == "stddev")
    return Measure((total, count, squares), (result,), (rule.name,))


def _summary(rule: MeasureRule, _: str, __: Keys) -> Measure:
    total, count = _total_and_count(rule)
    of, name, kind = _counted(rule), rule.name, rule.of.arrow
    lowest, highest = Extreme(f"{name}_min", of, kind, "min"), Extreme(f"{name}_max", of, kind, "max")
    result = Average(f"{name}_average", total, count, _quotient(rule))
    shown = (total.column, count.column, lowest.column, highest.column, result.column)
    return Measure((total, count, lowest, highest), (result,), shown)


def _picked(rule: MeasureRule, _: str, __: Keys) -> Measure:
    columns = {part: f"{rule.name}_{name}" for part, name in zip(PLACE, ("time", "partition", "offset"), strict=True)}
    types = {"value": rule.of.arrow, **PLACE}
    states = tuple(
        Picked(column, part, _counted(rule), tuple(columns.values()), types[part], is_last=rule.kind == "last")
        for part, column in {"value": rule.name, **columns}.items()
    )
    return Measure(states, (), (rule.name,))


def _unique(rule: MeasureRule, aggregate: str, keys: Keys) -> Measure:
    """Counted by an aggregate of its own, in which the value is a dimension; what they count together must be as many values."""
    of = _counted(rule)
    member = Dimension(MEMBER, rule.of.arrow, source_name=of.name)
    members = Aggregate(f"{aggregate}_{rule.name}", (*keys, member), Count(MEMBER_COUNT, of), (), of=of, is_published=False)
    return Measure((Count(f"{rule.name}_count", of),), (), (rule.name,), members)


_MEASURES: Mapping[str, Callable[[MeasureRule, str, Keys], Measure]] = {
    "count": _count,
    "sum": _sum,
    "min": _extreme,
    "max": _extreme,
    "average": _average,
    "variance": _variance,
    "stddev": _variance,
    "summary": _summary,
    "first": _picked,
    "last": _picked,
    "unique": _unique,
}
