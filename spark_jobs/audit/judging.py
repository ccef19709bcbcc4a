"""Which of two places that disagree is the wrong one: records, contributions, totals, or the output topic.

A third place is asked which of them stands alone, so that a wrong contribution is not reported as a wrong total.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Literal

from spark_jobs.aggregates.aggregate import BATCH, Aggregate, Group
from spark_jobs.aggregates.messages import place_of
from spark_jobs.aggregates.states import Row
from spark_jobs.audit.evidence import Evidence
from spark_jobs.audit.findings import Difference, Findings, difference
from spark_jobs.audit.rows import Mismatch
from spark_jobs.audit.tables import (
    RECORDS_PLACE,
    Known,
    Wanted,
    check_contributions,
    contributions_place,
    totals_place,
    without_contradictions,
)
from spark_jobs.audit.topics import PublishedKey, WantedTotals, beyond_proof, check_output, wanted_of
from spark_jobs.audit.totals import Published, Revision, WrongTotal, doubled_totals, members_seen, revisions_of, wrong_totals
from spark_jobs.base.wording import counted
from spark_jobs.lake.schemas import Layout

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

    def at(self, known: Known, partition: int | None) -> Proof:
        """Of a partition's contributions, or of all: any batch that read it may be the one that a wrong one is of."""
        if not self.deep:
            return "not looked"
        batches = (one.number for one in known.ledger.settled if partition is None or partition in one.ranges)
        return "proven" if all(number in self.proven for number in batches) else "none"


NOT_LOOKED = Looked(False, frozenset(), [])


def judge_aggregate(
    evidence: Evidence, findings: Findings, looked: Looked, aggregate: Aggregate, layout: Layout
) -> Mapping[PublishedKey, Revision] | None:
    """Contributions against records, totals against contributions; its revisions, none if no batch has published it, as of
    members. None if it cannot be judged.
    """
    rows, totals = evidence.contributions(aggregate), evidence.totals(aggregate)
    lacking = [one for one in (aggregate, *aggregate.members.values()) if evidence.contributions(one) is None]
    if rows is None or lacking:
        what = "daily averages" if not aggregate.is_declared else aggregate.title
        unread = "contributions" if not aggregate.is_declared else lacking[0].contributions_table
        findings.notes.append(f"{what} and output topic were not compared: {unread} cannot be read")
        return None
    known, born = evidence.known, evidence.ledger.born
    after = born.revisions_after if born else 0
    seen = members_seen(aggregate, {one.name: evidence.contributions(one) or [] for one in aggregate.members.values()})
    sound, contradictory = without_contradictions(aggregate, rows)
    revisions = revisions_of(aggregate, sound, after, seen)
    findings.differences += contradictory
    findings.differences += check_contributions(known, aggregate, rows, _wanted_readings(evidence, aggregate, layout))
    findings.differences += doubled_totals(aggregate, totals or [])
    wrong = wrong_totals(known, aggregate, totals, revisions) if totals is not None else []
    _judge_sums(findings, [one for one in looked.mismatches if one.aggregate == aggregate], {one.group for one in wrong})
    newest = {(one.partition, one.key): one for one in sorted(evidence.output.records, key=lambda one: one.batch)}
    partitions = partial(_partitions_for, evidence)
    for one in wrong:
        damaged = findings.is_wrong(contributions_place(aggregate), one.partition)
        published = newest.get(place_of(aggregate, one.row, partitions(one.batch)))
        found = _judge_total(one, published, looked.at(known, one.partition), damaged=damaged)
        findings.differences += [found] if found else []
    return wanted_of(aggregate, revisions, partitions) if evidence.ledger.has_published(aggregate.name) else {}


def _partitions_for(evidence: Evidence, batch: int) -> int:
    """How many the output topic had when a batch was planned."""
    planned = evidence.ledger.batches.get(batch)
    return len(planned.output_starts) if planned and planned.output_starts else len(evidence.output.topic.partitions)


def _wanted_readings(evidence: Evidence, aggregate: Aggregate, layout: Layout) -> Wanted | None:
    """Of members as many values as the contributions of their measure count; None: what was accepted."""
    for one in layout.aggregates:
        for measure in one.measures:
            if measure.members == aggregate:
                return _values_of(evidence.contributions(one) or [], one, measure.counted)
    return None


def _values_of(rows: Iterable[Row], aggregate: Aggregate, column: str) -> Wanted:
    """What contributions count in a column."""
    found: Counter[tuple[int, int | None]] = Counter()
    for row in rows:
        # Members that are grouped by partition are asked for one, others for all.
        for partition in {None, aggregate.partition_of(row)}:
            found[row[BATCH], partition] += row[column] or 0
    return lambda batch, _, partition: found[batch.number, partition]


def judge_output(evidence: Evidence, findings: Findings, layout: Layout, revisions: Mapping[PublishedKey, Revision]) -> None:
    names = frozenset(one.name for one in layout.aggregates)
    skipped = {
        number
        for one in layout.aggregates
        if evidence.ledger.has_published(one.name)
        for number in evidence.output.numbers
        if findings.is_wrong(contributions_place(one), number if one.is_by_partition else None)
    }
    wanted = WantedTotals(evidence.known, names, revisions, frozenset(skipped))
    findings.differences += check_output(evidence.output, wanted)
    aside = Counter(one.aggregate for one in evidence.output.records if wanted.sets_aside(one))
    findings.notes += [
        f"{counted(count, 'message')} of {name} on {evidence.output.topic.name} {'was' if count == 1 else 'were'} not compared: "
        "it was taken out of the pipeline file, and its tables are gone"
        for name, count in sorted(aside.items())
    ]
    gone = beyond_proof(evidence.output, wanted)
    if gone:
        findings.notes.append(
            f"{counted(gone, 'published average')} {'is' if gone == 1 else 'are'} beyond proof: {evidence.output.topic.name} "
            f"does not hold {'it' if gone == 1 else 'them'} any more"
        )


def _judge_sums(findings: Findings, mismatches: Iterable[Mismatch], wrong: set[Group]) -> None:
    """If the totals agree with the contributions, it is the records that changed afterwards."""
    for one in mismatches:
        place = contributions_place(one.aggregate)
        if not findings.is_wrong(RECORDS_PLACE, one.partition) and not findings.is_wrong(place, one.partition):
            where = place if one.group in wrong else RECORDS_PLACE
            findings.differences.append(difference(where, str(one), partition=one.partition))


def _judge_total(wrong: WrongTotal, published: Published | None, proof: Proof, *, damaged: bool) -> Difference | None:
    """Which of the two is wrong: what was published decides, or that contributions are proven to be the sum of the records.

    None where contributions are known to be wrong already and nothing speaks for them.
    """
    place, number = totals_place(wrong.aggregate), wrong.partition
    for_contributions = published is not None and wrong.wanted is not None and published.says(wrong.wanted)
    for_totals = published is not None and wrong.is_stored_as(published)
    if damaged and (for_totals or not for_contributions):
        return None
    if for_totals and not for_contributions and proof != "proven":
        group = wrong.aggregate.named(wrong.row)
        sentence = f"{group} was averaged and published as something else than they add up to ({wrong})"
        return difference(contributions_place(wrong.aggregate), sentence, partition=number)
    if for_totals and for_contributions and proof != "proven":
        return difference(place, str(wrong), ASK_DEEP if proof == "not looked" else BRING_BOTH, number)
    return difference(place, str(wrong), partition=number)
