"""The operator's proof: what is stored, reconciled from end to end, without Spark and without writing anything.

Checkpoints say which offsets were read and what became of them; `records`, `contributions`, `daily_averages`, the output topic
and the consumer group must all say the same. `audit` is the story: everything is read first and then judged. With `deep` every
row of `records` is read as well, and what the input topic still holds. Where two places disagree, `judging.py` says which of them
is wrong.
"""

from collections import ChainMap, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from deltalake import DeltaTable

from spark_jobs.aggregates.aggregate import BATCH, Group
from spark_jobs.aggregates.states import Row
from spark_jobs.audit.evidence import Evidence, read_evidence
from spark_jobs.audit.findings import Difference, Findings
from spark_jobs.audit.judging import NOT_LOOKED, Looked, judge_aggregate, judge_output
from spark_jobs.audit.ledger import Batch
from spark_jobs.audit.rows import Contributed, check_input, read_batch
from spark_jobs.audit.stored import check_health
from spark_jobs.audit.tables import Known, check_records
from spark_jobs.audit.topics import check_group
from spark_jobs.base.lock import lock_owner
from spark_jobs.base.signature import signed_by
from spark_jobs.base.times import in_utc
from spark_jobs.base.wording import counted
from spark_jobs.broker.cluster import Broker
from spark_jobs.lake.record_files import batch_rows
from spark_jobs.lake.schemas import RECORDS, Layout
from spark_jobs.lake.stored import as_counted
from spark_jobs.lake.tables import Lake
from spark_jobs.pipeline.settings import Pipeline
from spark_jobs.progress.counts import Counts


@dataclass(frozen=True)
class PartitionAudit:
    """One partition over all finished batches; `group` is None where the consumer group has no offset."""

    partition: int
    span: int
    read: int
    accepted: int
    rejected: int
    gaps: int
    lost: int
    group: int | None
    differences: int
    filtered: int = 0


@dataclass(frozen=True)
class Audit:
    """The result of an audit. `last_done` is 0 before the first batch, `pruned` the batch up to which maintenance has deleted
    records, 0 if it never did; `owner` names a run that is going on.
    """

    pipeline: str
    deep: bool
    last_done: int
    pruned: int
    owner: str | None
    partitions: tuple[PartitionAudit, ...]
    differences: tuple[Difference, ...]
    notes: tuple[str, ...]


def audit(broker: Broker, pipeline: Pipeline, *, deep: bool) -> Audit:
    """Reconcile everything a pipeline has stored. What is wrong with tables and topics becomes a difference; an error of our tree
    is raised only if the broker or a topic cannot be asked at all.
    """
    lake, findings = as_counted(Lake.of(pipeline)), Findings()
    evidence = read_evidence(broker, pipeline, lake, findings)
    findings.differences += check_health(lake, evidence.ledger.table_ids if evidence else {})
    if evidence is not None:
        findings.differences += evidence.ledger.differences
        if evidence.records is not None:
            findings.differences += check_records(evidence.known, evidence.records)
        looked = _check_every_row(broker, lake, evidence, findings) if deep else NOT_LOOKED
        judged = [judge_aggregate(evidence, findings, looked, one, lake.layout) for one in lake.layout.all_aggregates]
        if None not in judged:
            judge_output(evidence, findings, lake.layout, dict(ChainMap(*(dict(one or {}) for one in judged))))
        findings.differences += check_group(evidence.known, pipeline.name, evidence.group or {})
        _take_notes(evidence, findings)
    return Audit(
        pipeline=pipeline.name,
        deep=deep,
        last_done=evidence.ledger.last_done if evidence else 0,
        pruned=evidence.known.pruned if evidence else 0,
        owner=lock_owner(pipeline.lock),
        partitions=tuple(_partitions(evidence, findings.differences)) if evidence else (),
        differences=tuple(findings.differences),
        notes=tuple(findings.notes),
    )


def _check_every_row(broker: Broker, lake: Lake, evidence: Evidence, findings: Findings) -> Looked:
    """The deep checks, one finished batch at a time; contributions that the records do not add up to are judged later."""
    if evidence.records is None:
        return NOT_LOOKED
    contributions = _by_batch(evidence, lake.layout)
    policy = broker.topic_config(evidence.input.name, ["cleanup.policy"])["cleanup.policy"]
    table, mismatches, proven = lake.open(RECORDS), [], set()
    # Asked again: maintenance may have gone on since the counts were read.
    pruned = lake.pruned_batch(table)
    for batch in evidence.ledger.settled:
        if _went(batch, pruned, table):
            continue
        rows = findings.attempt(RECORDS, partial(read_batch, table, lake.layout, batch, contributions[batch.number]))
        if rows is None:
            return NOT_LOOKED
        findings.differences += rows.differences
        mismatches += [one for one in rows.mismatches if evidence.contributions(one.aggregate) is not None]
        proven |= {batch.number} if batch.keeps_records else set()
        if batch.topic_id == evidence.input.id:
            compacted = policy is None or "compact" in policy
            findings.differences += check_input(broker, evidence.input, batch, rows.seen, compacted=compacted)
    return Looked(True, frozenset(proven), mismatches)


def _went(batch: Batch, pruned: int, table: DeltaTable) -> bool:
    """Whether maintenance has deleted the records that the batch added up."""
    if batch.rebuild:
        return pruned > 0
    return batch.keeps_records and batch.number <= pruned and not batch_rows(table, batch.number)


def _by_batch(evidence: Evidence, layout: Layout) -> Mapping[int, Contributed]:
    found: dict[int, dict[str, dict[Group, Row]]] = defaultdict(lambda: defaultdict(dict))
    for one in layout.all_aggregates:
        for row in evidence.contributions(one) or []:
            found[row[BATCH]][one.name][one.group_of(row)] = row
    return found


def _take_notes(evidence: Evidence, findings: Findings) -> None:
    """What is no difference, but is not over or was not proved."""
    ledger, topic, output = evidence.ledger, evidence.input, evidence.output
    if evidence.known.pruned:
        findings.notes.append(_pruned_note(evidence.known))
    averaged_only = [one.number for one in ledger.settled if not one.keeps_records]
    if averaged_only:
        findings.notes.append(
            f"averages-only batches ({len(averaged_only)}, the last is batch {averaged_only[-1]}) keep no accepted records: "
            "counts and what was published prove their contributions"
        )
    findings.notes += [f"{one}, as {signed_by(one.decided.by)} decided" for one in ledger.redefined if one.decided]
    if output.republished:
        findings.notes.append(f"{output.topic.name} holds {len(output.republished)} averages that were published again")
    if ledger.open is not None:
        findings.notes.append(f"batch {ledger.open.number} is unfinished; the next run resumes it")
    if ledger.group and evidence.group == {}:
        findings.notes.append(
            "the consumer group has no offsets any more (expired or deleted); the next run proves by the output's headers"
        )
    if ledger.topic_id not in (None, topic.id):
        findings.notes.append(f"{topic.name} was created again since it was read; the next run asks for a decision")
    if output.earlier:
        findings.notes.append(f"{output.topic.name} holds {output.earlier} averages of an earlier life of the pipeline")
    if output.foreign:
        findings.notes.append(f"{output.topic.name} holds {counted(output.foreign, 'record')} not of this pipeline")


def _pruned_note(known: Known) -> str:
    last = known.ledger.batches.get(known.pruned)
    when = f" (done {in_utc(last.done_at)})" if last and last.done_at else ""
    return f"records up to batch {known.pruned}{when} were pruned by maintenance; contributions and averages still count them"


def _partitions(evidence: Evidence, differences: Iterable[Difference]) -> Iterator[PartitionAudit]:
    ledger, group = evidence.ledger, evidence.group or {}
    wrong = [one.partition for one in differences]
    for number in sorted(ledger.ends.keys() | ledger.lost.keys() | group.keys()):
        counts = [one.counts.get(number, Counts(number, 0, 0, 0, 0)) for one in ledger.settled]
        yield PartitionAudit(
            partition=number,
            span=sum(one.ranges[number].span for one in ledger.settled if number in one.ranges),
            read=sum(one.read for one in counts),
            accepted=sum(one.accepted for one in counts),
            rejected=sum(one.rejected for one in counts),
            gaps=sum(one.gaps for one in counts),
            lost=ledger.lost.get(number, 0),
            group=group[number][0] if number in group else None,
            differences=wrong.count(number),
            filtered=sum(one.filtered for one in counts),
        )
