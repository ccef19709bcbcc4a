"""What one run made of each partition, and whether the table `records` and the consumer group say the same.

Behind the task `verify`, which looks at a few partitions at a time. Plain comparisons of what was found elsewhere; knows no
client, no table and no clock.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from spark_jobs.base.wording import counted
from spark_jobs.progress.counts import Counts
from spark_jobs.progress.drift import GroupOffset
from spark_jobs.progress.ledger import Done
from spark_jobs.progress.offsets import OffsetRange


@dataclass(frozen=True)
class PartitionRead:
    """What the batches of one run read of a partition, by their DONE rows: offsets `[start, end)` and what became of them.

    `kept` of the accepted records are in the table `records`, the others are only averaged.
    """

    partition: int
    batches: tuple[int, ...]
    start: int
    end: int
    read: int = 0
    accepted: int = 0
    rejected: int = 0
    gaps: int = 0
    kept: int = 0
    filtered: int = 0


@dataclass(frozen=True)
class Added:
    """What the batches of one run added to a declared aggregate: `groups` contributions, made of so many `readings`."""

    aggregate: str
    batches: tuple[int, ...]
    groups: int
    readings: int


def added_of(done: Iterable[Done], aggregate: str) -> Added:
    """The sum over those DONE rows of a run whose plans had the aggregate."""
    rows = [row for row in done if aggregate in row.groups]
    batches = tuple(row.batch for row in rows)
    return Added(aggregate, batches, sum(row.groups[aggregate] for row in rows), sum(row.readings_of(aggregate) for row in rows))


def reads_of(done: Iterable[Done]) -> dict[int, PartitionRead]:
    """Per partition the sum over the DONE rows of a run, which are in the order of their batches."""
    reads: dict[int, PartitionRead] = {}
    for row in done:
        counted, kept = ({one.partition: one for one in counts} for counts in (row.counts, row.kept))
        for one in row.ranges:
            before = reads.get(one.partition, PartitionRead(one.partition, (), one.start, one.end))
            reads[one.partition] = _added(before, row.batch, one, counted[one.partition], kept[one.partition].accepted)
    return reads


def _added(before: PartitionRead, batch: int, planned: OffsetRange, counts: Counts, kept: int) -> PartitionRead:
    return PartitionRead(
        partition=before.partition,
        batches=(*before.batches, batch),
        start=before.start,
        end=planned.end,
        read=before.read + counts.read,
        accepted=before.accepted + counts.accepted,
        rejected=before.rejected + counts.rejected,
        gaps=before.gaps + counts.gaps,
        kept=before.kept + kept,
        filtered=before.filtered + counts.filtered,
    )


def disagreements(one: PartitionRead, stored: Counts, group: GroupOffset | None) -> Iterator[str]:
    """A sentence for each place that says something else than the checkpoints do.

    `stored` is what `records` holds of the run's batches. A group without offset has expired or was deleted: nothing is read by
    it, so that is none. A group with the proof of a later batch has rightly gone on.
    """
    found, wanted = (stored.accepted, stored.rejected, stored.filtered), (one.kept, one.rejected, one.filtered)
    if found != wanted:
        names = ("accepted", "rejected", "filtered") if stored.filtered or one.filtered else ("accepted", "rejected")
        held, should = (_counts(names, numbers) for numbers in (found, wanted))
        yield (
            f"partition {one.partition}: the table records holds {held} records of batch {_named(one.batches)}, by the "
            f"checkpoints it should hold {should}"
        )
    if group is None or (group.batch or 0) > one.batches[-1]:
        return
    if (group.offset, group.batch) != (one.end, one.batches[-1]):
        proof = "no proof of a batch" if group.batch is None else f"the proof of batch {group.batch}"
        yield (
            f"partition {one.partition}: the consumer group is at offset {group.offset} with {proof}, batch "
            f"{one.batches[-1]} ended at {one.end}: it was moved by hand, or somebody consumes with its name"
        )


def differences_of(told: Added, contributed: Added, missing: int) -> Iterator[str]:
    """A sentence for each table of an aggregate that says something else than the checkpoints do.

    `contributed` is what its contributions hold of the run's batches; of their groups so many are `missing` among the totals, or
    are older there than the run.
    """
    if contributed != told:
        held, should = (f"{counted(one.groups, 'group')} of {counted(one.readings, 'record')}" for one in (contributed, told))
        yield (
            f"{told.aggregate}: the table {told.aggregate}_contributions holds {held} of batch {_named(told.batches)}, by the "
            f"checkpoints it should hold {should}"
        )
    if missing:
        yield f"{told.aggregate}: the table lacks {counted(missing, 'total')} of batch {_named(told.batches)}, or has them older"


def outcome_of(told: Added, disagreeing: int) -> str:
    """One short line: what was added to an aggregate, and whether its tables say the same or how many of them do not."""
    verdict = f"DISAGREES in {counted(disagreeing, 'place')}" if disagreeing else "agrees with its tables"
    what = f"{counted(told.groups, 'total')} of {counted(told.readings, 'record')}"
    return f"{told.aggregate} of batch{'es' * (len(told.batches) > 1)} {_named(told.batches)}: {what}; {verdict}"


def _counts(names: Sequence[str], numbers: Iterable[int]) -> str:
    return " and ".join(f"{number} {name}" for name, number in zip(names, numbers, strict=False))


def outcome(one: PartitionRead, group: GroupOffset | None, disagreeing: int) -> str:
    """One short line: what was read of a partition, and whether table and group say the same or how many places do not."""
    batches = f"batch{'es' * (len(one.batches) > 1)} {_named(one.batches)}"
    agrees = f"agrees with the table{'; the group has no offset' if group is None else ' and the group'}"
    verdict = f"DISAGREES in {counted(disagreeing, 'place')}" if disagreeing else agrees
    filtered = f"{one.filtered:,} filtered, " if one.filtered else ""
    read = f"{counted(one.read, 'record')} read, {one.rejected:,} rejected, {filtered}{counted(one.gaps, 'gap')}"
    return f"partition {one.partition} of {batches}: {read}; {verdict}"


def _named(batches: Sequence[int]) -> str:
    return str(batches[0]) if len(batches) == 1 else f"{batches[0]} to {batches[-1]}"


def groups_of(partitions: Iterable[int], most: int) -> list[list[int]]:
    """Partitions in their order, in at most `most` groups of the same size; each by itself if there are no more than that.

    >>> groups_of(range(3), 20)
    [[0], [1], [2]]
    >>> [len(one) for one in groups_of(range(1001), 20)][-2:]
    [51, 32]
    """
    numbers = sorted(partitions)
    size = max(1, -(-len(numbers) // most))
    return [numbers[first : first + size] for first in range(0, len(numbers), size)]


def label_of(topic: str, partitions: Sequence[int]) -> str:
    """What a group of partitions is called.

    >>> label_of("readings", [3]), label_of("readings", range(50))
    ('readings, partition 3', 'readings, partitions 0 to 49')
    """
    return f"{topic}, partition{'s' if len(partitions) > 1 else ''} {_named(partitions)}"
