"""What an audit would find about batches whose records are to go, cheap checks first: the last proof before they are gone."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace

from spark_jobs.aggregates.aggregate import BATCH, Group
from spark_jobs.aggregates.states import Row
from spark_jobs.audit.findings import Difference
from spark_jobs.audit.ledger import Batch
from spark_jobs.audit.rows import Contributed, read_batch
from spark_jobs.audit.stored import RecordCounts, small_table, stored_ledger
from spark_jobs.audit.tables import Known, check_contributions, check_records, contributions_place, without_broken
from spark_jobs.lake.schemas import RECORDS
from spark_jobs.lake.stored import as_counted
from spark_jobs.lake.tables import Lake

Contributions = Mapping[int, Contributed]
"""By batch."""


def doubts_about(lake: Lake, records: RecordCounts, upto: int) -> Iterator[Difference]:
    """Whatever says that these records are not what the checkpoints counted and what contributions add up to, up to a batch."""
    lake, whole = as_counted(lake), stored_ledger(lake)
    ledger = replace(whole, batches={number: one for number, one in whole.batches.items() if number <= upto})
    known = Known(ledger, frozenset(), records.pruned)
    yield from ledger.differences
    yield from check_records(known, {key: one for key, one in records.found.items() if key[0] <= upto})
    contributions: dict[int, dict[str, dict[Group, Row]]] = defaultdict(lambda: defaultdict(dict))
    yield from _doubts_of_contributions(lake, known, upto, contributions)
    there = {number for number, _ in records.found}
    provable = [one for one in ledger.settled if one.number in there or (one.rebuild and not records.pruned)]
    yield from _deep_doubts(lake, provable, contributions)


def _doubts_of_contributions(
    lake: Lake, known: Known, upto: int, taken: dict[int, dict[str, dict[Group, Row]]]
) -> Iterator[Difference]:
    """What is wrong with the contributions of these batches by themselves; the whole ones are `taken`."""
    for one in lake.layout.all_aggregates:
        rows = (row for row in small_table(lake, one.contributions_table) if row[BATCH] <= upto)
        whole, broken = without_broken(one, contributions_place(one), rows)
        yield from broken
        # How many members there must be follows from the contributions that count them, which are proven themselves.
        yield from check_contributions(known, one, whole) if one in lake.layout.aggregates else ()
        for row in whole:
            taken[row[BATCH]][one.name][one.group_of(row)] = row


def _deep_doubts(lake: Lake, batches: list[Batch], contributions: Contributions) -> Iterator[Difference]:
    table = lake.open(RECORDS)
    for batch in batches:
        rows = read_batch(table, lake.layout, batch, contributions[batch.number])
        yield from rows.differences
        for one in rows.mismatches:
            place = contributions_place(one.aggregate)
            yield Difference(place, f"{place}: {one}.", one.partition)
