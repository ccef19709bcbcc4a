"""The message that a total is published as: key, value and headers (docs/messages.md). Sends nothing."""

import json
from collections.abc import Iterator
from functools import lru_cache

from spark_jobs.aggregates.aggregate import BATCH, REVISION, Aggregate
from spark_jobs.aggregates.messages import AGGREGATE, json_number, place_of, value_of
from spark_jobs.aggregates.states import Row
from spark_jobs.broker.publisher import OutputRecord
from spark_jobs.pipeline.rules import ParsingRules, Rules


def output_record(row: Row, aggregate: Aggregate, *, pipeline: str, rules: Rules, partitions: int) -> OutputRecord:
    """The message for one total, for a topic of so many partitions."""
    partition, key = place_of(aggregate, row, partitions)
    value = _average(aggregate, row, rules) if isinstance(rules, ParsingRules) else value_of(aggregate, row)
    return OutputRecord(partition=partition, key=key, value=value.encode(), headers=tuple(_headers(row, aggregate, pipeline)))


def _average(aggregate: Aggregate, row: Row, rules: ParsingRules) -> str:
    """As these messages have always been, to the byte."""
    (result,), window = aggregate.published, aggregate.window
    day, value = window.text(row[window.column]), json_number(row[result])
    return f'{{"{window.column}": "{day}", {json.dumps(rules.value_field)}: {value}}}'


def _headers(row: Row, aggregate: Aggregate, pipeline: str) -> Iterator[tuple[str, bytes]]:
    yield _header("pipeline", pipeline)
    if aggregate.is_declared:
        yield _header(AGGREGATE, aggregate.name)
    yield _header(BATCH, str(row[BATCH]))
    yield _header(REVISION, str(row[REVISION]))
    yield _header("count", str(aggregate.readings(row)))


@lru_cache(maxsize=1024)
def _header(name: str, text: str) -> tuple[str, bytes]:
    """Most are those of other messages, too: one object for all of them."""
    return name, text.encode()
