"""Everything an audit reads before it judges, in an order that lets a run go on meanwhile.

A run writes contributions, then averages, then the output, then its DONE row. The checkpoints are read first and the rest so that
what is read later can only be newer: whatever a run adds belongs to a batch that the checkpoints, as read, do not call finished.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from spark_jobs.aggregates.aggregate import Aggregate
from spark_jobs.aggregates.states import Row
from spark_jobs.audit.findings import Findings, difference
from spark_jobs.audit.ledger import CHECKPOINTS_PLACE, Ledger
from spark_jobs.audit.output import OutputState, read_output
from spark_jobs.audit.stored import record_counts, small_table, stored_ledger
from spark_jobs.audit.tables import Found, Known, without_broken
from spark_jobs.base.errors import TryAgain
from spark_jobs.broker.cluster import Broker
from spark_jobs.lake.schemas import CHECKPOINTS, RECORDS
from spark_jobs.lake.tables import Lake
from spark_jobs.pipeline.settings import Pipeline
from spark_jobs.progress.offsets import Topic


@dataclass(frozen=True)
class Evidence:
    """What was read; None for what cannot be read. `known` also has the batches that a run has planned meanwhile, `tables` the
    rows of contributions and totals by the names of their tables.
    """

    known: Known
    input: Topic
    group: Mapping[int, tuple[int, str]] | None
    output: OutputState
    records: Mapping[tuple[int, int], Found] | None
    tables: Mapping[str, list[Row] | None]

    @property
    def ledger(self) -> Ledger:
        return self.known.ledger

    def contributions(self, aggregate: Aggregate) -> list[Row] | None:
        return self.tables[aggregate.contributions_table]

    def totals(self, aggregate: Aggregate) -> list[Row] | None:
        return self.tables[aggregate.name]


def read_evidence(broker: Broker, pipeline: Pipeline, lake: Lake, findings: Findings) -> Evidence | None:
    """None if there are no checkpoints to judge by, with the reason among the findings."""
    topic = broker.topic(pipeline.input.topic)
    ledger = _ledger(broker, pipeline, lake, topic, findings)
    if ledger is None:
        return None
    group = _group(broker, pipeline, topic, findings)
    counts = findings.attempt(RECORDS, lambda: record_counts(lake))
    tables: dict[str, list[Row] | None] = {}
    # Totals before the contributions that they follow from.
    for one in lake.layout.aggregates:
        for each in (one, *one.members.values()):
            tables[each.name] = _small_table(lake, each, each.name, findings)
    for one in reversed(lake.layout.all_aggregates):
        tables[one.contributions_table] = _small_table(lake, one, one.contributions_table, findings)
    output = read_output(broker, pipeline, topic, ledger.born)
    later = findings.attempt(CHECKPOINTS, lambda: stored_ledger(lake)) or ledger
    # Of while this was read, as the batches that are new by now.
    ledger.republished |= later.republished
    known = Known(ledger, frozenset(later.batches) - frozenset(ledger.batches), counts.pruned if counts else 0)
    return Evidence(known, topic, group, output, counts.found if counts else None, tables)


def _small_table(lake: Lake, aggregate: Aggregate, name: str, findings: Findings) -> list[Row] | None:
    rows = findings.attempt(name, lambda: small_table(lake, name))
    if rows is None:
        return None
    whole, broken = without_broken(aggregate, f"table {name}", rows)
    findings.differences += broken
    return whole


def _ledger(broker: Broker, pipeline: Pipeline, lake: Lake, topic: Topic, findings: Findings) -> Ledger | None:
    """The checkpoints, or None if there are none: then nothing else may be there either."""
    if lake.exists(CHECKPOINTS):
        return findings.attempt(CHECKPOINTS, lambda: stored_ledger(lake))
    others = [name for name in lake.filled if lake.exists(name)]
    traces = [f"table {name}" for name in others if findings.attempt(name, partial(_newest_batch, lake, name))]
    if _group(broker, pipeline, topic, findings):
        traces.append(f"group {pipeline.name}")
    if traces:
        findings.differences.append(
            difference(CHECKPOINTS_PLACE, f"it is missing, but there are traces of batches in {', '.join(traces)}")
        )
    elif not findings.differences:
        findings.notes.append("nothing has been done yet: there are no checkpoints")
    return None


def _group(broker: Broker, pipeline: Pipeline, topic: Topic, findings: Findings) -> Mapping[int, tuple[int, str]] | None:
    """The group's offsets; a transaction that was left open hides them until the next run's fence ends it."""
    try:
        return broker.committed(pipeline.name, topic.name, list(topic.numbers))
    except TryAgain as error:
        findings.notes.append(f"the consumer group was not compared: {error}")
        return None


def _newest_batch(lake: Lake, name: str) -> int:
    return lake.known_batch(lake.open(name))
