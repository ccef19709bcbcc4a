"""The checkpoints as a ledger: which batches there are, what each must hold, where every partition stands.

Plain values; `ledger_fold.py` makes them of the rows. Knows no table, no topic and no clock.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from spark_jobs.audit.findings import Difference, difference
from spark_jobs.progress.counts import Counts
from spark_jobs.progress.definition import changes_output
from spark_jobs.progress.ledger import Outset
from spark_jobs.progress.offsets import OffsetRange, Rebuild
from spark_jobs.progress.redefinition import Redefinition

CHECKPOINTS_PLACE = "table checkpoints"
End = Literal["DONE", "ABANDONED", "OPEN", "UNTOLD"]
"""How a batch ended; OPEN is the one that the next run resumes, UNTOLD one whose end is missing in the log."""


@dataclass(frozen=True)
class Batch:
    """One batch as the log has it; `counts` are there once it is DONE, or was counted because its records are not kept, and
    `done_at` once it is DONE.

    By its plan, or None if that cannot be read: `aggregates` are those that it fills, `published` those of them that become
    messages, and `required` the columns that no accepted record of it lacks. A `rebuild` adds what earlier batches have read.
    From `truncated` on, the topic's log was cut off later and holds others.
    """

    number: int
    end: End
    topic_id: str
    ranges: Mapping[int, OffsetRange]
    counts: Mapping[int, Counts] = field(default_factory=dict)
    output_starts: Mapping[int, int] = field(default_factory=dict)
    truncated: Mapping[int, int] = field(default_factory=dict)
    keeps_records: bool = True
    done_at: datetime | None = None
    aggregates: frozenset[str] | None = None
    published: frozenset[str] | None = None
    required: tuple[str, ...] | None = None
    rebuild: Rebuild | None = None

    def feeds(self, aggregate: str) -> bool:
        """Whether the batch counts in an aggregate, or in the members of one."""
        return self.aggregates is None or aggregate in self.aggregates

    def publishes(self, aggregate: str) -> bool:
        """Whether totals of an aggregate that it changes become messages."""
        return self.published is None or aggregate in self.published

    def accepted(self, partition: int | None) -> int:
        """How many of its own records were accepted, by its checkpoint: on a partition, or on all."""
        numbers = self.counts if partition is None else [partition]
        return sum(self.counts[number].accepted for number in numbers if number in self.counts)

    @property
    def settled(self) -> bool:
        """Whether all tables and topics must hold exactly this batch."""
        return self.end in ("DONE", "UNTOLD")

    def kept(self, partition: int) -> Counts:
        """What the table `records` must hold of a partition, by the checkpoint's counts."""
        counted = self.counts.get(partition, Counts(partition, 0, 0, 0, 0))
        return counted if self.keeps_records else counted.only_rejected


@dataclass
class Ledger:
    """The fold of all rows. `group` is where the last finished batch left the consumer group, empty if a topic was adopted since;
    `redefined` is where other settings begin, `republished` the times of averages that were published once more, `born` what the
    first plan found on the output topic.
    """

    batches: dict[int, Batch] = field(default_factory=dict)
    ends: dict[int, int] = field(default_factory=dict)
    lost: dict[int, int] = field(default_factory=dict)
    group: dict[int, int] = field(default_factory=dict)
    last_done: int = 0
    topic_id: str | None = None
    born: Outset | None = None
    table_ids: Mapping[str, str] = field(default_factory=dict)
    redefined: tuple[Redefinition, ...] = ()
    republished: set[str] = field(default_factory=set)
    differences: list[Difference] = field(default_factory=list)

    @property
    def open(self) -> Batch | None:
        return next((one for one in self.batches.values() if one.end == "OPEN"), None)

    def accepted_by(self, batch: Batch, aggregate: str, partition: int | None) -> int:
        """How many readings a batch must contribute to an aggregate: those of a partition, or of all."""
        return sum(one.accepted(partition) for one in self.sources(batch, aggregate))

    def sources(self, batch: Batch, aggregate: str) -> list[Batch]:
        """The batches whose records a batch adds to an aggregate: itself, or those that it rebuilds from."""
        if batch.rebuild is None or batch.rebuild.aggregate != aggregate:
            return [batch]
        return [one for one in self.settled if one.number <= batch.rebuild.upto]

    def publishes(self, batch: int, aggregate: str) -> bool:
        """Whether a batch publishes an aggregate, for all that is known of the batch."""
        return batch not in self.batches or self.batches[batch].publishes(aggregate)

    def has_published(self, aggregate: str) -> bool:
        """Whether any batch publishes an aggregate."""
        return any(one.publishes(aggregate) for one in self.batches.values() if one.feeds(aggregate))

    @property
    def settled(self) -> list[Batch]:
        return [one for _, one in sorted(self.batches.items()) if one.settled]

    def went_elsewhere(self, batch: int, output_topic_id: str) -> bool:
        """Whether an operator decided after the batch that averages go to this topic from then on:
        its own went to another one.
        """
        moved = [one for one in self.redefined if one.decided and changes_output(one.changes)]
        return bool(moved) and batch < moved[-1].batch and moved[-1].output_topic_id == output_topic_id

    def complain(self, what: str, partition: int | None = None) -> None:
        self.differences.append(difference(CHECKPOINTS_PLACE, what, partition=partition))
