"""The operator's proof: what is stored, reconciled from end to end, without Spark and without writing anything.

Checkpoints say which offsets were read and what became of them; `records`, `contributions`, `daily_averages`, the output topic
and the consumer group must all say the same. `audit` is the story: everything is read first and then judged. With `deep` every
row of `records` is read as well, and what the input topic still holds. Where two places disagree, a third is asked which of them
stands alone, so that a wrong contribution is not reported as a wrong average.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Literal

from spark_jobs.aggregates.measures import Row
from spark_jobs.audit.evidence import Evidence, read_evidence
from spark_jobs.audit.findings import Difference, Findings, difference
from spark_jobs.audit.rows import Mismatch, check_input, read_batch
from spark_jobs.audit.stored import check_health
from spark_jobs.audit.tables import (
    AVERAGES_PLACE,
    CONTRIBUTIONS_PLACE,
    RECORDS_PLACE,
    DayOfPartition,
    Known,
    Published,
    WrongDay,
    check_contributions,
    check_records,
    day_of,
    doubled_days,
    revisions_of,
    wrong_days,
)
from spark_jobs.audit.topics import beyond_proof, check_group, check_output, wanted_of
from spark_jobs.base.lock import lock_owner
from spark_jobs.base.signature import signed_by
from spark_jobs.base.times import in_utc
from spark_jobs.base.wording import counted
from spark_jobs.broker.cluster import Broker
from spark_jobs.lake.record_files import batch_rows
from spark_jobs.lake.schemas import RECORDS
from spark_jobs.lake.tables import Lake
from spark_jobs.pipeline.settings import Pipeline
from spark_jobs.progress.ledger import Counts

ASK_DEEP = "Audit with --deep: it shows which of the two is wrong; bring that table back from a backup."
BRING_BOTH = (
    "Nothing that is stored shows which of it and contributions is wrong; bring both back from a backup of the same moment."
)


Proof = Literal["proven", "not looked", "none"]
"""Whether records were seen to add up to contributions; "none": there are no records to add up."""


@dataclass(frozen=True)
class Looked:
    """What every row of `records` said: of which batches they prove the contributions, and where they do not add up to them."""

    deep: bool
    proven: frozenset[int]
    mismatches: list[Mismatch]

    def at(self, known: Known, partition: int) -> Proof:
        """Of a partition's contributions: any batch that read it may be the one that a wrong one is of."""
        if not self.deep:
            return "not looked"
        batches = (one.number for one in known.ledger.settled if partition in one.ranges)
        return "proven" if all(number in self.proven for number in batches) else "none"


NOT_LOOKED = Looked(False, frozenset(), [])


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
    lake, findings = Lake(pipeline.lake, pipeline.name), Findings()
    evidence = read_evidence(broker, pipeline, lake, findings)
    findings.differences += check_health(lake, evidence.ledger.table_ids if evidence else {})
    if evidence is not None:
        findings.differences += evidence.ledger.differences
        if evidence.records is not None:
            findings.differences += check_records(evidence.known, evidence.records)
        _judge_days(evidence, findings, _check_every_row(broker, lake, evidence, findings) if deep else NOT_LOOKED)
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
    contributions: dict[int, dict[tuple[int, date], Row]] = defaultdict(dict)
    for row in evidence.contributions or []:
        contributions[row["batch"]][day_of(row)] = row
    policy = broker.topic_config(evidence.input.name, ["cleanup.policy"])["cleanup.policy"]
    table, mismatches, proven = lake.open(RECORDS), [], set()
    # Asked again: maintenance may have gone on since the counts were read.
    pruned = lake.pruned_batch(table)
    for batch in evidence.ledger.settled:
        if batch.keeps_records and batch.number <= pruned and not batch_rows(table, batch.number):
            continue
        rows = findings.attempt(RECORDS, partial(read_batch, table, batch, contributions[batch.number]))
        if rows is None:
            return NOT_LOOKED
        findings.differences += rows.differences
        mismatches += rows.mismatches if evidence.contributions is not None else []
        proven |= {batch.number} if batch.keeps_records else set()
        if batch.topic_id == evidence.input.id:
            compacted = policy is None or "compact" in policy
            findings.differences += check_input(broker, evidence.input, batch, rows.seen, compacted=compacted)
    return Looked(True, frozenset(proven), mismatches)


def _judge_days(evidence: Evidence, findings: Findings, looked: Looked) -> None:
    """Contributions against records, daily averages against contributions, the output topic against both."""
    if evidence.contributions is None:
        findings.notes.append("daily averages and output topic were not compared: contributions cannot be read")
        return
    known, born = evidence.known, evidence.ledger.born
    days = revisions_of(evidence.contributions, born.revisions_after if born else 0)
    findings.differences += [*check_contributions(known, evidence.contributions), *doubled_days(evidence.averages or [])]
    wrong = wrong_days(known, evidence.averages, days) if evidence.averages is not None else []
    _judge_sums(findings, looked.mismatches, {one.day for one in wrong})
    newest = _newest(evidence.output.records)
    for one in wrong:
        found = _judge_day(one, newest.get(one.day), findings.partitions_with(CONTRIBUTIONS_PLACE), looked.at(known, one.day[0]))
        findings.differences += [found] if found else []
    wanted = wanted_of(known, days, findings.partitions_with(CONTRIBUTIONS_PLACE))
    findings.differences += check_output(evidence.output, wanted)
    gone = beyond_proof(evidence.output, wanted)
    if gone:
        findings.notes.append(
            f"{counted(gone, 'published average')} {'is' if gone == 1 else 'are'} beyond proof: {evidence.output.topic.name} "
            f"does not hold {'it' if gone == 1 else 'them'} any more"
        )


def _judge_sums(findings: Findings, mismatches: Iterable[Mismatch], wrong: set[DayOfPartition]) -> None:
    """If the averages agree with the contributions, it is the records that changed afterwards."""
    damaged = findings.partitions_with(RECORDS_PLACE) | findings.partitions_with(CONTRIBUTIONS_PLACE)
    for one in mismatches:
        if one.partition not in damaged:
            where = CONTRIBUTIONS_PLACE if (one.partition, one.day) in wrong else RECORDS_PLACE
            findings.differences.append(difference(where, str(one), partition=one.partition))


def _newest(records: Iterable[Published]) -> dict[DayOfPartition, Published]:
    """The newest visible record of each day."""
    return {(one.partition, one.day): one for one in sorted(records, key=lambda one: one.batch)}


def _judge_day(wrong: WrongDay, published: Published | None, damaged: set[int], proof: Proof) -> Difference | None:
    """Which of the two is wrong: what was published decides, or that contributions are proven to be the sum of the records.

    None where contributions are known to be wrong already and nothing speaks for them.
    """
    number, day = wrong.day
    for_contributions = published is not None and wrong.wanted is not None and published.says(wrong.wanted)
    for_averages = published is not None and wrong.is_stored_as(published)
    if number in damaged and (for_averages or not for_contributions):
        return None
    if for_averages and not for_contributions and proof != "proven":
        sentence = f"partition {number}, {day} was averaged and published as something else than they add up to ({wrong})"
        return difference(CONTRIBUTIONS_PLACE, sentence, partition=number)
    if for_averages and for_contributions and proof != "proven":
        return difference(AVERAGES_PLACE, str(wrong), ASK_DEEP if proof == "not looked" else BRING_BOTH, number)
    return difference(AVERAGES_PLACE, str(wrong), partition=number)


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
        )
