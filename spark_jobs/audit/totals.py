"""Every total worked out again from contributions, exactly, batch by batch: each revision of each group has one value.

Works on rows that were read before. Knows no Kafka and opens no table.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from spark_jobs.aggregates.aggregate import BATCH, REVISION, Aggregate, Group, sortable
from spark_jobs.aggregates.messages import value_of
from spark_jobs.aggregates.states import Row
from spark_jobs.audit.findings import Difference, difference
from spark_jobs.audit.tables import Known, totals_place


@dataclass(frozen=True)
class Revision:
    """What a group of an aggregate is after one of its batches; `columns` are its own and those of totals that follow from
    contributions.
    """

    aggregate: Aggregate
    revision: int
    batch: int
    count: int
    columns: Row
    shown: Decimal | str


def shown_of(aggregate: Aggregate, total: Row) -> Decimal | str:
    """What a message says of a total."""
    return value_of(aggregate, total) if aggregate.is_declared else Decimal(total[aggregate.published[0]])


MembersSeen = Mapping[str, Mapping[Group, list[int]]]
"""By the column that counts them: of each group the batches in which its members were seen first, in order."""


def members_seen(aggregate: Aggregate, contributions: Mapping[str, Iterable[Row]]) -> MembersSeen:
    """From contributions of members, by the names of their aggregates."""
    found: dict[str, dict[Group, list[int]]] = {}
    for column, members in aggregate.members.items():
        first: dict[Group, int] = {}
        for row in contributions[members.name]:
            key = members.group_of(row)
            first[key] = min(row[BATCH], first.get(key, row[BATCH]))
        found[column] = defaultdict(list)
        for key, batch in first.items():
            found[column][key[:-1]].append(batch)
        for batches in found[column].values():
            batches.sort()
    return found


def revisions_of(
    aggregate: Aggregate, rows: Iterable[Row], after: int = 0, members: MembersSeen | None = None
) -> dict[Group, list[Revision]]:
    """Each group's revisions, oldest first, added up from contributions; the first one is the next above `after`."""
    found: dict[Group, list[Revision]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: int(row[BATCH])):
        group, batch = aggregate.group_of(row), row[BATCH]
        history = found[group]
        states = aggregate.merged(history[-1].columns, row) if history else aggregate.with_results(row)
        revision = (history[-1].revision if history else after) + 1
        seen = {name: bisect_right(of.get(group, []), batch) for name, of in (members or {}).items()}
        own = dict(zip(aggregate.group, group, strict=True))
        columns = {**own, **states, **seen, REVISION: revision, BATCH: batch}
        history.append(Revision(aggregate, revision, batch, aggregate.readings(states), columns, shown_of(aggregate, columns)))
    return dict(found)


@dataclass(frozen=True)
class Published:
    """One visible record of the pipeline on the output topic; `shown` is what it says, `named` the group that it is of."""

    partition: int
    offset: int
    key: bytes
    batch: int
    revision: int
    count: int
    shown: Decimal | str
    named: str
    aggregate: str

    def says(self, wanted: Revision) -> bool:
        found = (self.shown, self.batch, self.revision, self.count)
        return found == (wanted.shown, wanted.batch, wanted.revision, wanted.count)


@dataclass(frozen=True)
class WrongTotal:
    """A row of totals that is not what contributions add up to; None where there is none."""

    aggregate: Aggregate
    group: Group
    stored: Row | None
    wanted: Revision | None

    @property
    def row(self) -> Row:
        """The group as a row."""
        return dict(zip(self.aggregate.group, self.group, strict=True))

    @property
    def partition(self) -> int | None:
        return self.aggregate.partition_of(self.row)

    @property
    def batch(self) -> int:
        """The newest that either side has of it."""
        return int(self.wanted.batch if self.wanted else (self.stored or {BATCH: 0})[BATCH])

    @property
    def columns(self) -> list[str]:
        """The columns that differ, all of them if one side is missing."""
        if self.stored is None or self.wanted is None:
            return list(self.aggregate.compared)
        return [name for name in self.aggregate.compared if self.stored[name] != self.wanted.columns[name]]

    def is_stored_as(self, published: Published) -> bool:
        """Whether the row says what a record of the output topic says."""
        row = self.stored
        if row is None:
            return False
        said = (published.shown, published.batch, published.revision, published.count)
        return said == (shown_of(self.aggregate, row), row[BATCH], row[REVISION], self.aggregate.readings(row))

    def __str__(self) -> str:
        group = self.aggregate.named(self.row)
        if self.stored is None:
            return f"{group} is missing, contributions have it"
        if self.wanted is None:
            return f"{group} is there, contributions have nothing of it"
        parts = [f"{name} {self.stored[name]}, by contributions {self.wanted.columns[name]}" for name in self.columns]
        return f"{group} holds {'; '.join(parts)}"


def wrong_totals(
    known: Known, aggregate: Aggregate, rows: Iterable[Row], revisions: Mapping[Group, list[Revision]]
) -> list[WrongTotal]:
    """I3, second half. A group may lag behind, or run ahead of, batches that are not finished yet, and no others."""
    stored = {aggregate.group_of(row): row for row in rows}
    found = []
    for group in sorted(stored.keys() | revisions.keys(), key=sortable):
        row, history = stored.get(group), revisions.get(group, [])
        settled = [one for one in history if known.settled(one.batch)]
        if row is None:
            wanted = settled[-1] if settled else None
        else:
            upto = [one for one in history if one.batch <= max(row[BATCH], settled[-1].batch if settled else 0)]
            wanted = upto[-1] if upto else None
        wrong = WrongTotal(aggregate, group, row, wanted)
        if (row is not None or wanted is not None) and wrong.columns:
            found.append(wrong)
    return found


def doubled_totals(aggregate: Aggregate, rows: Iterable[Row]) -> Iterator[Difference]:
    """A group has one row."""
    times: dict[Group, list[Row]] = defaultdict(list)
    for row in rows:
        times[aggregate.group_of(row)].append(row)
    for _, same in sorted(times.items(), key=lambda one: sortable(one[0])):
        if len(same) > 1:
            sentence = f"{aggregate.named(same[0])} is there {len(same)} times"
            yield difference(totals_place(aggregate), sentence, partition=aggregate.partition_of(same[0]))
