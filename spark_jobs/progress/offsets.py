"""Offset arithmetic: what a batch reads, worked out in plain Python from numbers it is given.

An offset is always the *next* record to read and a range is `[start, end)`, so nothing here ever adds or subtracts one.
Knows no Spark, no Kafka client, no file and no clock.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from spark_jobs.base.wording import counted
from spark_jobs.pipeline.rules import Rules


@dataclass(frozen=True, order=True)
class OffsetRange:
    """Offsets `[start, end)` of one partition."""

    partition: int
    start: int
    end: int

    def __post_init__(self) -> None:
        if not 0 <= self.start <= self.end:
            raise ValueError(f"partition {self.partition}: [{self.start}, {self.end}) is no offset range")

    @property
    def span(self) -> int:
        """Number of offsets, visible records and gaps together."""
        return self.end - self.start


@dataclass(frozen=True)
class Partition:
    """What the broker says of one partition: first offset, last stable offset, high watermark;
    `epoch` is its leader's, if that is known.
    """

    number: int
    low: int
    stable: int
    high: int
    epoch: int | None = field(default=None, compare=False)

    @property
    def held_back(self) -> int:
        """Offsets behind the last stable one: an open transaction keeps them from read_committed readers."""
        return self.high - self.stable


@dataclass(frozen=True)
class Topic:
    """An input or output topic as it was found: its id changes when it is deleted and created again."""

    name: str
    id: str
    partitions: tuple[Partition, ...]

    @property
    def numbers(self) -> tuple[int, ...]:
        return tuple(partition.number for partition in self.partitions)


def no_topic(beside: Topic) -> Topic:
    """Stands for an output topic where nothing is published: with the partitions of the input, and nothing in them."""
    return Topic("", "", tuple(Partition(number, 0, 0, 0) for number in beside.numbers))


LossCause = Literal["retention", "truncated", "replaced"]


@dataclass(frozen=True)
class Loss:
    """Stored progress that the log no longer matches; reading would go on at `resume`.

    `retention`: offsets `[stored, resume)` were deleted unread. `truncated`: the log ends at `resume`, before `stored`.
    `replaced`: it was truncated to `resume` and has grown again since, so its records from there on were never read; where it is
    not known to where, `resume` is `stored`.
    """

    partition: int
    stored: int
    resume: int
    cause: LossCause

    @property
    def count(self) -> int:
        return abs(self.resume - self.stored)

    def __str__(self) -> str:
        if self.cause == "retention":
            return (
                f"partition {self.partition}: offsets {self.stored} to {self.resume - 1} ({counted(self.count, 'record')}) "
                f"are gone; first available is {self.resume}"
            )
        if self.cause == "truncated":
            return (
                f"partition {self.partition}: the log was truncated from {self.stored} to {self.resume} "
                f"({counted(self.count, 'offset')} already counted no longer {'exists' if self.count == 1 else 'exist'})"
            )
        return f"partition {self.partition}: {self._replaced}"

    @property
    def _replaced(self) -> str:
        if not self.count:
            return (
                f"it was read up to offset {self.stored}, but its log was put back from elsewhere since: the leader does not "
                f"know which records stood there then, so those before offset {self.stored} may be others than were counted"
            )
        return (
            f"it was read up to offset {self.stored}, but of the records that stood there then the log holds those before offset "
            f"{self.resume} alone: it was truncated and has grown again; {counted(self.count, 'offset')} already counted may "
            "hold other records, which were never read"
        )


def find_losses(ends: Mapping[int, int], partitions: Iterable[Partition]) -> tuple[Loss, ...]:
    """Partitions whose stored end lies outside `[low, high]`, one entry each.

    A partition without a stored end is new: it is lost only if its first records are gone already.
    """
    losses = []
    for partition in partitions:
        stored = ends.get(partition.number, 0)
        if stored < partition.low:
            losses.append(Loss(partition.number, stored, partition.low, "retention"))
        elif stored > partition.high:
            losses.append(Loss(partition.number, stored, partition.high, "truncated"))
    return tuple(losses)


def positions_to_check(ends: Mapping[int, int], epochs: Mapping[int, int], topic: Topic) -> dict[int, tuple[int, int]]:
    """Per partition whose leader has changed since it was read: the last offset up to which its log can be what was read, and the
    epoch under which it was. A log loses its end only to another leader, or to the same one as a new leader.
    """
    return {
        one.number: (min(ends[one.number], one.high), epochs[one.number])
        for one in topic.partitions
        if ends.get(one.number, 0) > one.low and one.number in epochs and one.epoch not in (None, epochs[one.number])
    }


def replaced(ends: Mapping[int, int], cut: Mapping[int, int]) -> tuple[Loss, ...]:
    """The losses of partitions whose log was cut at these offsets and has grown again; a negative offset is not known."""
    return tuple(Loss(number, ends[number], at if at >= 0 else ends[number], "replaced") for number, at in sorted(cut.items()))


def lag_of(partition: Partition, starts: Mapping[int, int]) -> int:
    """How many offsets of a partition a run would read now that begins at `starts`, or at the first one that is still there."""
    return max(0, partition.stable - max(partition.low, starts.get(partition.number, 0)))


def vanished_partitions(ends: Mapping[int, int], partitions: Iterable[Partition]) -> tuple[int, ...]:
    """Stored partitions that the topic no longer has; Kafka never removes one, so something else is wrong."""
    return tuple(sorted(ends.keys() - {partition.number for partition in partitions}))


def plan_ranges(starts: Mapping[int, int], ends: Mapping[int, int], limit: int) -> tuple[OffsetRange, ...]:
    """One range per partition of `ends`, from its start (0 if it has none) towards its end, at most `limit` offsets in all.

    The limit is cut fairly: no partition gets fewer offsets than another unless it has no more. An end before its start
    (held back by an open transaction) gives an empty range.
    """
    available = {number: max(0, end - starts.get(number, 0)) for number, end in ends.items()}
    shares = fair_shares(available, limit)
    return tuple(
        OffsetRange(number, starts.get(number, 0), starts.get(number, 0) + shares[number]) for number in sorted(available)
    )


def fair_shares(available: Mapping[int, int], limit: int) -> dict[int, int]:
    """Divide `limit` over the keys, smallest need first, so that what one does not need goes to the others.

    >>> fair_shares({0: 10, 1: 2, 2: 10}, 12)
    {1: 2, 0: 5, 2: 5}
    """
    shares: dict[int, int] = {}
    left = limit
    for index, number in enumerate(sorted(available, key=lambda key: (available[key], key))):
        shares[number] = min(available[number], left // (len(available) - index))
        left -= shares[number]
    return shares


def total_span(ranges: Iterable[OffsetRange]) -> int:
    """Offsets of all ranges together."""
    return sum(one.span for one in ranges)


def ends_of(ranges: Iterable[OffsetRange]) -> dict[int, int]:
    """Where each partition goes on after these ranges."""
    return {one.partition: one.end for one in ranges}


@dataclass(frozen=True)
class Rebuild:
    """What a batch adds to one aggregate instead of reading Kafka: all `readings` stored of the batches up to `upto`, which were
    planned before the aggregate was declared.
    """

    aggregate: str
    upto: int
    readings: int

    def __str__(self) -> str:
        return f"{self.aggregate} from {counted(self.readings, 'stored record')} of the batches up to {self.upto}"


def readings_of(aggregate: str, accepted: int, rebuild: Rebuild | None) -> int:
    """How many readings a batch adds to an aggregate, if so many of its own records were accepted."""
    return rebuild.readings if rebuild and rebuild.aggregate == aggregate else accepted


@dataclass(frozen=True)
class Plan:
    """A batch before anything is read: its ranges and all else that a rerun needs to do exactly the same again.

    `output_starts` are the ends of the output topic of that id at planning time, from which a lost proof can be found again;
    `nonce` keeps a message from forging the end of its own text. Unless `keeps_records`, the table `records` gets only what is
    rejected. The names of the topics, `input_start` (where the first batch began) and `silent` (see `definition.py`) are missing
    in old plans. Revisions of the pipeline begin above `revisions_after`, which no earlier life of it on the output topic can
    have reached. `trouble` is why this version cannot read what is stored of it: then only its place and its ranges are known.
    `epochs` are the leaders' at planning time, as far as they are known: no record of the ranges is of a later one. A batch that
    does a `rebuild` has empty ranges. `shapes` are the orders in which its first messages name their fields, as far as that helps
    to read it (see `readings/shapes.py`).
    """

    batch: int
    topic_id: str
    ranges: tuple[OffsetRange, ...]
    rules: Rules
    output_topic_id: str
    output_starts: Mapping[int, int]
    table_ids: Mapping[str, str]
    nonce: str
    keeps_records: bool = True
    silent: frozenset[str] = frozenset()
    input_topic: str | None = None
    output_topic: str | None = None
    input_start: str | None = None
    revisions_after: int = 0
    trouble: str | None = None
    epochs: Mapping[int, int] = field(default_factory=dict)
    rebuild: Rebuild | None = None
    shapes: tuple[str, ...] = ()

    @property
    def span(self) -> int:
        return total_span(self.ranges)
