"""What became of a batch's offsets: counts per partition, and all of them together."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace


@dataclass(frozen=True)
class Counts:
    """What became of one partition's range: `read` = `accepted` + `rejected` + `filtered`, and `gaps` are its offsets without a
    record. `filtered` records count in no aggregate.
    """

    partition: int
    read: int
    accepted: int
    rejected: int
    gaps: int
    filtered: int = 0

    @property
    def only_rejected(self) -> "Counts":
        """What is stored of the same where accepted records are not kept."""
        return replace(self, read=self.rejected, accepted=0, filtered=0)


@dataclass(frozen=True)
class Tally:
    """What became of a batch's offsets, before anything of it is averaged; `gaps` says why, per partition that has some,
    `reasons` how many messages were rejected for which.
    """

    counts: tuple[Counts, ...]
    rounded: int
    gaps: Mapping[str, str]
    reasons: Mapping[str, int] = field(default_factory=dict)

    @property
    def read(self) -> int:
        return sum(one.read for one in self.counts)

    @property
    def accepted(self) -> int:
        return sum(one.accepted for one in self.counts)

    @property
    def rejected(self) -> int:
        return sum(one.rejected for one in self.counts)
