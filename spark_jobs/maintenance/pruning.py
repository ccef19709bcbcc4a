"""Old records let go: proven one last time, deleted by whole batches, and numbered in the same commit.

Contributions can be worked out again from records and from nothing else, so records that do not prove them any more are kept for
a person to look at. By the number in the table's log `dayfold audit` distinguishes pruned records from lost ones.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from spark_jobs.aggregates.aggregate import BATCH, Group
from spark_jobs.aggregates.states import Row
from spark_jobs.audit.findings import Difference
from spark_jobs.audit.ledger import Batch, Ledger
from spark_jobs.audit.rows import Contributed, read_batch
from spark_jobs.audit.stored import RecordCounts, record_counts, small_table, stored_ledger
from spark_jobs.audit.tables import Found, Known, check_contributions, check_records, contributions_place, without_broken
from spark_jobs.base.errors import DecisionNeeded, TableDamaged
from spark_jobs.base.faults import fault
from spark_jobs.lake.schemas import RECORDS
from spark_jobs.lake.tables import Lake, committing, maintained
from spark_jobs.maintenance.upkeep import back_to
from spark_jobs.progress.ledger import Done

FoundRows = Mapping[tuple[int, int], Found]


@dataclass(frozen=True)
class Prunable:
    """Records of all batches up to this one, which was done at `done_at`: old enough to go.
    `counts` is what the table holds of all.
    """

    batch: int
    done_at: datetime
    counts: RecordCounts = field(repr=False)

    @property
    def rows(self) -> int:
        """Records that go."""
        return sum(one.read for one in self.going.values())

    @property
    def going(self) -> FoundRows:
        return {key: one for key, one in self.counts.found.items() if key[0] <= self.batch}


def find_prunable(lake: Lake, last: Done) -> Prunable | None:
    """The records up to the batch that a DONE row is of, None if none of them is there any more."""
    found = Prunable(last.batch, last.at, record_counts(lake))
    return found if found.going else None


def require_proven(lake: Lake, prunable: Prunable) -> None:
    """Raise `DecisionNeeded` unless the records that go are what the checkpoints counted and what contributions add up to."""
    ledger = stored_ledger(lake)
    upto = replace(ledger, batches={number: one for number, one in ledger.batches.items() if number <= prunable.batch})
    found = next(_doubts(lake, upto, prunable), None)
    if found is not None:
        raise DecisionNeeded(
            f"records up to batch {prunable.batch} are old enough to go, but they and the other tables do not agree, so "
            f"nothing was deleted: {found} `dayfold audit --deep` lists all."
        )


def _doubts(lake: Lake, ledger: Ledger, prunable: Prunable) -> Iterator[Difference]:
    """What an audit would find about these batches, cheap checks first."""
    yield from ledger.differences
    known = Known(ledger, frozenset(), prunable.counts.pruned)
    yield from check_records(known, prunable.going)
    contributions: dict[int, dict[str, dict[Group, Row]]] = defaultdict(lambda: defaultdict(dict))
    for one in lake.layout.aggregates:
        rows = (row for row in small_table(lake, one.contributions_table) if row[BATCH] <= prunable.batch)
        whole, broken = without_broken(one, contributions_place(one), rows)
        yield from broken
        yield from check_contributions(known, one, whole)
        for row in whole:
            contributions[row[BATCH]][one.name][one.group_of(row)] = row
    there = {number for number, _ in prunable.going}
    yield from _deep_doubts(lake, [one for one in ledger.settled if one.number in there], contributions)


def _deep_doubts(lake: Lake, batches: list[Batch], contributions: Mapping[int, Contributed]) -> Iterator[Difference]:
    table = lake.open(RECORDS)
    for batch in batches:
        rows = read_batch(table, lake.layout, batch, contributions[batch.number])
        yield from rows.differences
        for one in rows.mismatches:
            place = contributions_place(one.aggregate)
            yield Difference(place, f"{place}: {one}.", one.partition)


def prune(lake: Lake, prunable: Prunable) -> None:
    """Delete the records that go, in one numbered commit; all others must be there as before.

    Killed before the commit: nothing happened. After it: the table's log knows, and nothing is left to do. `LostRace` if another
    writer changed the table meanwhile.
    """
    table = lake.open(RECORDS)
    version = table.version()
    fault("before:prune")
    with committing(table):
        table.delete(f"batch <= {prunable.batch:d}", commit_properties=maintained(lake, pruned=prunable.batch))
    fault("after:prune")
    left, kept = record_counts(lake), prunable.counts.found.items() - prunable.going.items()
    if replace(prunable, counts=left).going or not kept <= left.found.items():
        sentence = f"after the records up to batch {prunable.batch} were pruned, it holds others than before"
        raise TableDamaged(RECORDS, sentence, back_to(lake, RECORDS, version))
