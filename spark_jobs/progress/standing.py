"""Where a batch stands that is planned and not done: what the tables know of it, and the step that comes next.

Plain facts in, a step or a contradiction out; who looks at the tables is `lake/standing.py`. Each step of a run looks again at
the table that it commits to, because that look and the commit are one compare-and-set: what stands here may be old by then.
"""

from dataclasses import dataclass
from enum import Enum


class Step(Enum):
    """What comes next for an unfinished batch, in the order of a run."""

    READ = "reads its records"
    ADD_UP = "adds up its records, which are stored"
    MERGE = "merges its sums into the averages"
    PUBLISH = "publishes its averages"


class Contradiction(Enum):
    """Where records and contributions disagree about a batch: nothing can come next before somebody decides."""

    ROWS_GONE = "its log says that batch {batch} was averaged, but no row of it is there"
    ROWS_OF_NOTHING = "it holds rows of batch {batch}, of which no record was accepted"
    RECORDS_GONE = "its log says that batch {batch} was stored, and contributions hold rows of it, but no record of it is there"


@dataclass(frozen=True)
class Summed:
    """What is known of an unfinished batch and one aggregate: `closed` says that the log of contributions knows the batch,
    `contributed` that rows of it are there, `totalled` that the log of the totals knows it.
    """

    aggregate: str
    closed: bool
    contributed: bool
    totalled: bool

    @property
    def lost_its_rows(self) -> bool:
        return self.closed and not self.contributed


@dataclass(frozen=True)
class Standing:
    """What is known of an unfinished batch.

    `read` is how many records it has: None until `records` holds them or, where records are not kept, until they were counted;
    `accepted` of them count, and `filtered` ones do not though nothing is wrong with them.
    """

    keeps_records: bool
    read: int | None = None
    accepted: int = 0
    filtered: int = 0
    sums: tuple[Summed, ...] = ()

    @property
    def rejected(self) -> int:
        return (self.read or 0) - self.accepted - self.filtered

    @property
    def counts_already(self) -> bool:
        """Whether it is part of a total, or may be: it cannot be abandoned any more."""
        return any(one.totalled or one.contributed for one in self.sums)

    @property
    def needs_kafka(self) -> bool:
        """Whether its records are still to be read, for the first time or, where they are not kept, once more."""
        return next_step(self) is Step.READ

    @property
    def is_added_up(self) -> bool:
        """Whether it is known what it changes."""
        return next_step(self) in (Step.MERGE, Step.PUBLISH)


def next_step(standing: Standing) -> Step | Contradiction:
    """What a run does next with the batch, or why it can do nothing."""
    sums = standing.sums
    if standing.read is None:
        return Step.READ
    if not standing.accepted:
        return _of_nothing(standing) if any(one.contributed for one in sums) else Step.PUBLISH
    if any(one.lost_its_rows for one in sums):
        return Contradiction.ROWS_GONE
    if not sums or not all(one.contributed for one in sums):
        return Step.ADD_UP if standing.keeps_records else Step.READ
    return Step.PUBLISH if all(one.totalled for one in sums) else Step.MERGE


def _of_nothing(standing: Standing) -> Contradiction:
    """Rows come after records, and where these are kept both are there: no record at all is one that was taken away."""
    return Contradiction.ROWS_OF_NOTHING if standing.read or not standing.keeps_records else Contradiction.RECORDS_GONE
