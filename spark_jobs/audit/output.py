"""The output topic as an audit reads it: every visible record of the pipeline, and how many others there are."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from confluent_kafka import Message

from spark_jobs.aggregates.aggregate import BATCH, REVISION
from spark_jobs.aggregates.daily_average import DAILY_AVERAGE
from spark_jobs.aggregates.messages import AGGREGATE
from spark_jobs.audit.totals import Published
from spark_jobs.broker.cluster import Broker
from spark_jobs.broker.publisher import REPUBLISHED
from spark_jobs.broker.scan import headers_of
from spark_jobs.pipeline.settings import Pipeline
from spark_jobs.progress.ledger import Outset
from spark_jobs.progress.offsets import Topic, no_topic


@dataclass
class OutputState:
    """The output topic as it was read; `republished` are averages that stand there once more, each with the time of that,
    `foreign` counts records without the pipeline's header, `earlier` those of its name from before its first batch was
    planned, where partitions ended at `born`.
    """

    topic: Topic
    compacted: bool | None
    born: Mapping[int, int] = field(default_factory=dict)
    records: list[Published] = field(default_factory=list)
    republished: list[tuple[Published, str]] = field(default_factory=list)
    foreign: int = 0
    earlier: int = 0
    unreadable: list[str] = field(default_factory=list)

    @property
    def place(self) -> str:
        return f"topic {self.topic.name}"

    @property
    def numbers(self) -> tuple[int, ...]:
        return self.topic.numbers


def read_output(broker: Broker, pipeline: Pipeline, source: Topic, born: Outset | None) -> OutputState:
    """All that a read_committed reader sees of the output topic now."""
    if pipeline.output is None:
        return OutputState(no_topic(source), compacted=False)
    topic = broker.topic(pipeline.output.topic)
    policy = broker.topic_config(topic.name, ["cleanup.policy"])["cleanup.policy"]
    before = born.output_ends if born is not None and born.output_topic_id == topic.id else {}
    output = OutputState(topic, None if policy is None else "compact" in policy, before)
    starts = {one.number: one.low for one in topic.partitions}
    ends = {one.number: one.stable for one in topic.partitions}
    for message in broker.scan(topic.name, starts, ends):
        _take(output, message, pipeline)
    return output


def _take(output: OutputState, message: Message, pipeline: Pipeline) -> None:
    headers = dict(headers_of(message))
    if headers.get("pipeline") != pipeline.name.encode():
        output.foreign += 1
        return
    if (message.offset() or 0) < output.born.get(message.partition() or 0, 0):
        output.earlier += 1
        return
    try:
        one = _published(message, headers)
        if REPUBLISHED in headers:
            output.republished.append((one, _text(headers[REPUBLISHED])))
        else:
            output.records.append(one)
    except (KeyError, TypeError, ValueError, ArithmeticError, AttributeError, RecursionError) as error:
        output.unreadable.append(f"offset {message.offset()} of partition {message.partition()} cannot be understood ({error!r})")


def _text(header: str | bytes | None) -> str:
    return header.decode() if isinstance(header, bytes) else str(header)


def _published(message: Message, headers: Mapping[str, str | bytes | None]) -> Published:
    batch, revision, count = (int(headers[name] or "") for name in (BATCH, REVISION, "count"))
    partition, offset, key = int(message.partition() or 0), int(message.offset() or 0), bytes(message.key() or b"")
    text = bytes(message.value() or b"").decode()
    is_declared = AGGREGATE in headers
    shown = text if is_declared else _average(text, key.decode())
    named = f"the total {key.decode()}" if is_declared else f"the average of {key.decode()}"
    aggregate = _text(headers[AGGREGATE]) if is_declared else DAILY_AVERAGE.name
    return Published(partition, offset, key, batch, revision, count, shown, named, aggregate)


def _average(text: str, day: str) -> Decimal:
    fields = json.loads(text, parse_float=Decimal, parse_int=Decimal)
    if fields.pop(DAILY_AVERAGE.window.column) != day:
        raise ValueError(f"its key is {day}, its date another")
    date.fromisoformat(day)
    # Whatever the field was called when it was published: settings may have changed since.
    (average,) = fields.values()
    return Decimal(average)
