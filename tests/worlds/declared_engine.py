"""What Spark does for declared aggregates, in plain Python: a message becomes a record, records become contributions.

Fields are read by the rules that Python has for them, as they are held against Spark's elsewhere; expressions are those that
worlds declare, each written down here once more.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

import pyarrow as pa

from spark_jobs.aggregates.aggregate import Aggregate
from spark_jobs.aggregates.states import Count, Counted, Extreme, Picked, SquareSum, State, Sum
from spark_jobs.pipeline.record_rules import ExpressionRule
from spark_jobs.pipeline.rules import DeclaredRules
from spark_jobs.readings.field_values import judge_record
from tests.worlds.cluster import Stored

Row = Mapping[str, Any]
EXPRESSIONS: Mapping[str, Callable[[Row], object]] = {
    "`amount` > 1": lambda row: row["amount"] > 1,
    "`size` = 2": lambda row: row["size"] == 2,
    "`channel` <> 'mail'": lambda row: row["channel"] != "mail",
}


def read_record(rules: DeclaredRules, record: Stored) -> dict[str, Any]:
    """The columns of `records` that come out of a message."""
    found = judge_record(record.value, rules, rules.records.fields, record.key, record.headers)
    assert found.undecided is None, found.undecided
    if found.reason:
        return {"rejected_because": str(found.reason), "raw": record.value}
    values = dict(found.values)
    for one in rules.records.derived:
        values[one.name] = _worked_out(one, values)
    where = rules.records.where
    return {"event_time": found.event_time, **values, "filtered": where is not None and _worked_out(where, values) is not True}


def _worked_out(rule: ExpressionRule, values: Row) -> object:
    return None if any(values[name] is None for name in rule.reads) else EXPRESSIONS[rule.sql](values)


def contributions(rows: Iterable[Row], aggregate: Aggregate, batch: int) -> pa.Table:
    """What records add to an aggregate as those of a batch; rejected and filtered ones add nothing."""
    groups: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for row in rows:
        if (
            row["rejected_because"] is None
            and not row["filtered"]
            and (aggregate.of is None or _of(aggregate.of, row) is not None)
        ):
            dimensions = (row[one.source] for one in aggregate.dimensions)
            groups[aggregate.window.of(row["event_time"]), *dimensions].append(row)
    names = [aggregate.window.column, *(one.column for one in aggregate.dimensions)]
    found = [
        {"batch": batch, **dict(zip(names, group, strict=True)), **{one.column: _state(one, those) for one in aggregate.states}}
        for group, those in groups.items()
    ]
    return pa.Table.from_pylist(found, aggregate.contributions)


def _of(counted: Counted, row: Row) -> Any:
    return row[counted.name] if counted.only is None or row[counted.only] is True else None


def _there(counted: Counted, rows: Iterable[Row]) -> Iterator[tuple[Any, Row]]:
    return ((value, row) for row in rows if (value := _of(counted, row)) is not None)


def _state(state: State, rows: list[Row]) -> Any:
    if isinstance(state, Count):
        return len(rows) if state.of is None else len(list(_there(state.of, rows)))
    assert isinstance(state, (Sum, SquareSum, Extreme, Picked))
    found = list(_there(state.of, rows))
    if not found:
        return None
    values = [value for value, _ in found]
    match state:
        case Sum():
            return sum(map(Decimal, values), Decimal())
        case SquareSum():
            return sum((Decimal(value) ** 2 for value in values), Decimal())
        case Extreme():
            return min(values) if state.merge == "min" else max(values)
        case Picked():
            pick = max if state.is_last else min
            value, row = pick(found, key=lambda one: (one[1]["event_time"], one[1]["partition"], one[1]["offset"]))
            return value if state.part == "value" else row[state.part]
