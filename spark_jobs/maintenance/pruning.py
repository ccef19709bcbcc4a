"""Old records let go: proven one last time, deleted by whole batches, and numbered in the same commit.

Contributions can be worked out again from records and from nothing else, so records that do not prove them any more are kept for
a person to look at. By the number in the table's log `dayfold audit` distinguishes pruned records from lost ones.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from spark_jobs.audit.doubts import doubts_about
from spark_jobs.audit.stored import RecordCounts, record_counts
from spark_jobs.audit.tables import Found
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
    found = next(doubts_about(lake, prunable.counts, prunable.batch), None)
    if found is not None:
        raise DecisionNeeded(
            f"records up to batch {prunable.batch} are old enough to go, but they and the other tables do not agree, so "
            f"nothing was deleted: {found} `dayfold audit --deep` lists all."
        )


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
