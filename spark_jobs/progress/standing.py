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
class Standing:
    """What is known of an unfinished batch.

    `read` is how many records it has: None until `records` holds them or, where records are not kept, until they were counted;
    `accepted` of them are readings. `closed` says that the log of contributions knows the batch, `contributed` that rows of it
    are there, `averaged` that the log of the daily averages knows it.
    """

    keeps_records: bool
    read: int | None = None
    accepted: int = 0
    closed: bool = False
    contributed: bool = False
    averaged: bool = False

    @property
    def counts_already(self) -> bool:
        """Whether it is part of an average, or may be: it cannot be abandoned any more."""
        return self.averaged or self.contributed

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
    if standing.read is None:
        return Step.READ
    if not standing.accepted:
        return _of_nothing(standing) if standing.contributed else Step.PUBLISH
    if not standing.contributed:
        return _without_contributions(standing)
    return Step.PUBLISH if standing.averaged else Step.MERGE


def _of_nothing(standing: Standing) -> Contradiction:
    """Rows come after records, and where these are kept both are there: no record at all is one that was taken away."""
    return Contradiction.ROWS_OF_NOTHING if standing.read or not standing.keeps_records else Contradiction.RECORDS_GONE


def _without_contributions(standing: Standing) -> Step | Contradiction:
    if standing.closed:
        return Contradiction.ROWS_GONE
    return Step.ADD_UP if standing.keeps_records else Step.READ
