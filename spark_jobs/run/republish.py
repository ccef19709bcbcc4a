"""Publishing current averages once more, for an output topic that lacks them or readers that lost theirs: `dayfold republish`.

Same values, same revisions, each record marked with the time in its header `republished`; whoever keeps the highest revision of a
key takes no harm from any of it. Nothing moves by it: no batch, no offset of the consumer group, which stays the proof of the
last batch.

It runs as a run does, under the lock and fenced, and never while a batch is unfinished: the tables may hold averages then that
nobody has seen. Its row is written before the first record goes out, so no record is ever on the topic that the checkpoints do
not know of. Killed before the row: nothing happened. Between the row and the commit: nothing is visible, the row says what was
meant. After it: all is there. Running it again is right in each case. What Kafka has confirmed is read back. Knows no Spark.
"""

import logging
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from spark_jobs.access.properties import load_kafka_settings
from spark_jobs.aggregates.aggregate import Aggregate
from spark_jobs.base import machine
from spark_jobs.base.errors import DecisionNeeded, TryAgain, UsageError
from spark_jobs.base.faults import fault
from spark_jobs.base.lock import hold_lock
from spark_jobs.base.signature import signature
from spark_jobs.base.wording import counted
from spark_jobs.broker.cluster import Broker, connect
from spark_jobs.broker.publisher import REPUBLISHED, OutputRecord, Publisher
from spark_jobs.lake import health
from spark_jobs.lake.checkpoint_log import CheckpointLog
from spark_jobs.lake.rows import Condition, read_rows
from spark_jobs.lake.tables import Lake
from spark_jobs.outlook.evidence import look
from spark_jobs.outlook.obstacles import require_tables_not_behind
from spark_jobs.outlook.output_owner import require_own_output
from spark_jobs.outlook.preflight import require_permissions
from spark_jobs.outlook.topics import Topics
from spark_jobs.outlook.witnesses import await_visible
from spark_jobs.pipeline.settings import Pipeline
from spark_jobs.progress.checkpoints import Progress
from spark_jobs.progress.ledger import Republished
from spark_jobs.progress.offsets import Topic
from spark_jobs.progress.redefinition import current_definition, require_same_definition
from spark_jobs.run.output_records import output_record

log = logging.getLogger("dayfold")

Days = tuple[date, date]
"""The first and the last day, both meant."""


@dataclass(frozen=True)
class Republication:
    """What was published again; `days` is None where all days were meant."""

    pipeline: str
    topic: str
    at: datetime
    batch: int
    count: int
    days: Days | None


def parse_days(text: str) -> Days:
    """`A..B` or one day, as ISO dates.

    >>> parse_days("2026-03-01..2026-03-31")
    (datetime.date(2026, 3, 1), datetime.date(2026, 3, 31))
    """
    first, dots, last = text.partition("..")
    try:
        days = date.fromisoformat(first.strip()), date.fromisoformat((last if dots else first).strip())
    except ValueError:
        raise UsageError(f"--days {text}: expected A..B or one day, for example 2026-03-01..2026-03-31") from None
    if days[0] > days[1]:
        raise UsageError(f"--days {text}: the last day is before the first")
    return days


def republish(pipeline: Pipeline, run_id: str, days: Days | None = None) -> Republication:
    """Publish the current averages of these days, or of all, once more, in one transaction."""
    kafka = load_kafka_settings(pipeline.kafka, os.environ)
    topic = pipeline.output_name
    fault("before:republish_lock")
    with hold_lock(pipeline.lock, pipeline=pipeline.name, run_id=run_id), connect(kafka) as broker:
        lake = Lake.of(pipeline)
        health.require_readable(lake)
        require_permissions(broker, kafka, pipeline)
        # Before the fence, which would end a run that is at work on another machine.
        _require_settled(broker, pipeline, CheckpointLog(lake).progress)
        publisher = Publisher.open(kafka, pipeline.name)
        publisher.fence()
        fault("after:republish_fence")
        checkpoints = CheckpointLog(lake)
        health.require_whole(lake, checkpoints)
        topics = _require_settled(broker, pipeline, checkpoints.progress)
        rows = current_totals(lake, days) if checkpoints.progress.last_done else []
        made = Republication(pipeline.name, topic, machine.now(), checkpoints.progress.last_batch, len(rows), days)
        if rows:
            checkpoints.append(_row(made, checkpoints.progress, run_id, topics.output))
            fault("after:republish_row")
            publisher.publish(made.topic, _records(pipeline, made, rows, len(topics.output.partitions)), ends=())
            _require_visible(broker, made, publisher)
        return made


def _require_visible(broker: Broker, made: Republication, publisher: Publisher) -> None:
    """Raise `TryAgain` unless readers see what Kafka has confirmed."""
    if not await_visible(broker, made.pipeline, made.topic, publisher.last):
        raise TryAgain(
            f"Kafka confirmed that {counted(made.count, 'average')} of {made.pipeline} were published again, but readers of "
            f"{made.topic} do not see them: the transaction was lost, or somebody else's open one holds them back "
            "(kafka-transactions.sh find-hanging names it). Publish them again: twice does no harm"
        )


def _require_settled(broker: Broker, pipeline: Pipeline, progress: Progress) -> Topics:
    """Both topics; raises unless what the tables hold is what was published last, onto the topic that averages go to now."""
    if progress.unfinished is not None:
        raise DecisionNeeded(
            f"batch {progress.unfinished.batch} of {pipeline.name} is unfinished, so the tables may hold averages that were "
            "never published. Run `dayfold run` first, which finishes it, then `dayfold republish` again."
        )
    found = look(broker, pipeline, progress)
    output = found.topics.output
    require_own_output(broker, pipeline.name, output)
    require_tables_not_behind(pipeline, found)
    require_same_definition(pipeline, progress, current_definition(pipeline, output, machine.now()))
    return found.topics


Rows = list[tuple[Aggregate, dict[str, Any]]]
"""Totals, each with the aggregate that it is of."""


def current_totals(lake: Lake, days: Days | None) -> Rows:
    """All totals that are published, or those of windows that touch these days, in the order in which a batch publishes them.

    An aggregate that was declared since the last plan has no table yet.
    """
    found: Rows = []
    for one in (one for one in lake.layout.published if lake.exists(one.name)):
        rows = read_rows(lake.open(one.name), where=_within(one, days) if days else [])
        found += [(one, row) for row in rows.sort_by(one.order).to_pylist()]
    return found


def _within(aggregate: Aggregate, days: Days) -> list[Condition]:
    first, last = aggregate.window.between(*days)
    return [(aggregate.window.column, ">=", first), (aggregate.window.column, "<=", last)]


def _row(made: Republication, progress: Progress, run_id: str, output: Topic) -> Republished:
    return Republished(
        batch=made.batch,
        run_id=run_id,
        at=made.at,
        topic_id=str(progress.topic_id),
        by=signature(run_id, os.environ),
        mark=_time(made),
        output_topic=output.name,
        output_topic_id=output.id,
        count=made.count,
        days=made.days,
    )


def _records(pipeline: Pipeline, made: Republication, rows: Rows, partitions: int) -> Iterator[OutputRecord]:
    mark, rules = ((REPUBLISHED, _time(made).encode()),), pipeline.rules(made.at)
    for aggregate, row in rows:
        record = output_record(row, aggregate, pipeline=pipeline.name, rules=rules, partitions=partitions)
        yield OutputRecord(record.partition, record.key, record.value, record.headers + mark)


def _time(made: Republication) -> str:
    return made.at.isoformat(timespec="milliseconds")


def republication_report(made: Republication) -> Mapping[str, Any]:
    """The result as plain values."""
    return {
        "pipeline": made.pipeline,
        "topic": made.topic,
        "republished": _time(made),
        "count": made.count,
        "days": [day.isoformat() for day in made.days] if made.days else None,
    }
