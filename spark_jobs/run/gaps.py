"""Gaps: offsets of a batch's range that hold no visible record, distinguished from records that are missing.

Transaction markers, aborted records and compaction leave offsets without a record; nothing else may. So each hole in what Spark
stored is looked at once more through another client: a hole in which a read_committed reader does see a record is no gap but a
missing record, and ends the run. What a read_uncommitted reader sees there was aborted; the rest are markers, or, where the
topic's cleanup.policy allows it, compaction. Knows no tables.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spark_jobs.broker.cluster import Broker
from spark_jobs.broker.scan import Level
from spark_jobs.progress.offsets import OffsetRange, Topic

OFFSETS_LOOKED_AT = 100_000
"""Offsets per partition and batch, from the first hole on. A topic written in small transactions has a hole behind each of them;
reading as much again in the driver would take longer than the batch."""


@dataclass(frozen=True)
class Gaps:
    """Offsets of one partition's range by what explains them; `unchecked` ones are gone by now, or too many to be looked at."""

    partition: int
    aborted: int = 0
    markers: int = 0
    compacted: int = 0
    unchecked: int = 0

    def __str__(self) -> str:
        counts = {name: count for name, count in vars(self).items() if name != "partition" and count}
        return ", ".join(f"{count} {name}" for name, count in counts.items())


@dataclass(frozen=True)
class MissingRecord:
    """A visible record that is not among those that were stored."""

    partition: int
    offset: int


def find_holes(planned: OffsetRange, held: npt.NDArray[np.bool_]) -> tuple[OffsetRange, ...]:
    """Ranges of `planned` without a record; `held` says of each of its offsets whether there is one.

    >>> [(hole.start, hole.end) for hole in find_holes(OffsetRange(0, 5, 12), np.array([0, 1, 1, 0, 0, 1, 0], bool))]
    [(5, 6), (8, 10), (11, 12)]
    """
    edges = planned.start + np.flatnonzero(np.diff(np.concatenate([[True], held, [True]])))
    return tuple(OffsetRange(planned.partition, int(start), int(end)) for start, end in zip(edges[::2], edges[1::2], strict=True))


def explain(
    broker: Broker, topic: Topic, holes: Mapping[int, Sequence[OffsetRange]], until: Mapping[int, int]
) -> tuple[list[Gaps], MissingRecord | None]:
    """Why each partition's holes are holes, and the first visible record found in one of them, which there must not be. The log
    of a partition is only the one that was read `until` there.
    """
    held = {one.number: OffsetRange(one.number, one.low, max(one.low, until[one.number])) for one in topic.partitions}
    checked = {number: to_look_at(found, held.get(number)) for number, found in holes.items()}
    for number, offset in sorted(_seen(broker, topic.name, checked, "read_committed")):
        return [], MissingRecord(number, offset)
    aborted = _seen(broker, topic.name, checked, "read_uncommitted")
    rest = "compacted" if _may_be_compacted(broker, topic.name) else "markers"
    return [_gaps(number, found, checked[number], aborted, rest) for number, found in holes.items()], None


def to_look_at(holes: Sequence[OffsetRange], held: OffsetRange | None) -> tuple[OffsetRange, ...]:
    """The holes that the log still holds and that are not too far from the first of them.

    >>> holes = [OffsetRange(0, start, start + 1) for start in (3, 500, 600, 700, 200_000)]
    >>> [hole.start for hole in to_look_at(holes, OffsetRange(0, 400, 700))]
    [500, 600]
    """
    there = [hole for hole in holes if held and held.start <= hole.start <= hole.end <= held.end]
    return tuple(hole for hole in there if hole.end <= there[0].start + OFFSETS_LOOKED_AT)


def _seen(broker: Broker, topic: str, holes: Mapping[int, Sequence[OffsetRange]], level: Level) -> set[tuple[int, int]]:
    """(Partition, offset) of the records that a reader of the level sees inside holes."""
    looked_at = {number: found for number, found in holes.items() if found}
    starts = {number: found[0].start for number, found in looked_at.items()}
    ends = {number: found[-1].end for number, found in looked_at.items()}
    inside = {number: {offset for hole in found for offset in range(hole.start, hole.end)} for number, found in looked_at.items()}
    seen = ((one.partition() or 0, one.offset() or 0) for one in broker.scan(topic, starts, ends, level=level))
    return {(number, offset) for number, offset in seen if offset in inside[number]}


def _may_be_compacted(broker: Broker, topic: str) -> bool:
    return "compact" in (broker.topic_config(topic, ["cleanup.policy"])["cleanup.policy"] or "")


def _gaps(
    number: int, holes: Iterable[OffsetRange], checked: Collection[OffsetRange], aborted: set[tuple[int, int]], rest: str
) -> Gaps:
    known = set(checked)
    counts = Counter({"aborted": sum(one == number for one, _ in aborted)})
    for hole in holes:
        counts[rest if hole in known else "unchecked"] += hole.span
    counts[rest] -= counts["aborted"]
    return Gaps(number, **counts)
