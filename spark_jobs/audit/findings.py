"""What an audit finds: differences, each a sentence that names the place, the values and what to do, and notes that are none.

A note says what could not be proved or is still going on (a group that expired, an unfinished batch); only a difference makes
the audit fail.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import pyarrow as pa
from deltalake.exceptions import DeltaError

from spark_jobs.base.errors import DayfoldError, TableDamaged

UNREADABLE = (DeltaError, OSError, pa.ArrowException)
"""What reading a table whose files or log are damaged ends with."""

RESTORE = "Bring the table back from a backup, all four tables of the same moment, then audit again."

Read = TypeVar("Read")


@dataclass(frozen=True)
class Difference:
    """Two places that should agree and do not; `where` is the one that is most likely wrong."""

    where: str
    sentence: str
    partition: int | None = None

    def __str__(self) -> str:
        return self.sentence


def difference(where: str, what: str, way_on: str = RESTORE, partition: int | None = None) -> Difference:
    """A difference in the one form of sentence that all have."""
    return Difference(where, f"{where}: {what}. {way_on}", partition)


def as_difference(error: DayfoldError) -> Difference:
    """An error about a table as a difference; its sentence begins with the place."""
    return Difference(str(error).partition(":")[0], " ".join(str(error).split()))


@dataclass
class Findings:
    """Everything found so far, in the order it was looked for."""

    differences: list[Difference] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def is_wrong(self, where: str, partition: int | None) -> bool:
        """Whether a place is known to be wrong for a partition, or anywhere if none is named: nothing should be judged by it."""
        found = [one.partition for one in self.differences if one.where == where]
        return bool(found) if partition is None else partition in found

    def attempt(self, table: str, read: Callable[[], Read]) -> Read | None:
        """What `read` returns, or None with a difference if the table cannot be read."""
        try:
            return read()
        except TableDamaged as error:
            self.differences.append(as_difference(error))
        except UNREADABLE as error:
            self.differences.append(difference(f"table {table}", f"its rows cannot be read ({_first_line(error)})"))
        return None


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0].rstrip(". ")
