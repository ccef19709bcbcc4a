"""Which row of the checkpoints may follow which: the log as a small machine, shared by the fold of a run and by the audit.

Plain data. A row that cannot follow from the one before it was not written by a run: rows were lost, restored or put there by somebody.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

State = Literal["PLANNED", "COUNTED", "DONE", "ABANDONED", "LOSS", "ADOPTED", "REDEFINED", "REPUBLISHED"]

BETWEEN: tuple[State, ...] = ("PLANNED", "LOSS", "ADOPTED", "REDEFINED", "REPUBLISHED")
"""What may come while no batch is unfinished."""

FOLLOWS: Mapping[State | None, tuple[State, ...]] = {
    None: ("PLANNED", "ADOPTED"),
    "PLANNED": ("COUNTED", "DONE", "ABANDONED"),
    "COUNTED": ("DONE", "ABANDONED"),
    "DONE": BETWEEN,
    "ABANDONED": BETWEEN,
    "LOSS": BETWEEN,
    "ADOPTED": BETWEEN,
    "REDEFINED": BETWEEN,
    "REPUBLISHED": BETWEEN,
}
"""What may come after a row of each state, and at the beginning of the log (None). PLANNED has the next batch's number, all others that of the
row before, which is 0 at the beginning.
"""


def disorder(state: State | None, batch: int, following: State, number: int) -> str | None:
    """Why a row of state `following` and batch `number` cannot come after a row of `state` and `batch`; None if it can, and of a state that
    nobody here knows.

    >>> disorder("DONE", 3, "PLANNED", 4), disorder(None, 0, "ADOPTED", 0)
    (None, None)
    >>> disorder("DONE", 3, "DONE", 3)
    'batch 3 cannot be DONE after batch 3 was DONE'
    >>> disorder("DONE", 3, "PLANNED", 5)
    'batch 5 cannot be PLANNED after batch 3 was DONE'
    """
    if state not in FOLLOWS or following not in FOLLOWS:
        return None
    if following in FOLLOWS[state] and number == batch + (following == "PLANNED"):
        return None
    before = f"after batch {batch} was {state}" if state else "at the beginning"
    return f"batch {number} cannot be {following} {before}"


def disorders(rows: Iterable[tuple[int, State, int]]) -> Iterator[str]:
    """What cannot follow from the row before it, of rows with their place, state and batch; of the first row only if the log begins with it.

    >>> list(disorders([(7, "DONE", 3), (8, "ABANDONED", 9)]))
    ['row 8: batch 9 cannot be ABANDONED after batch 3 was DONE']
    """
    before: tuple[State | None, int] | None = None
    for place, state, batch in rows:
        if before is None and place == 1:
            before = (None, 0)
        found = disorder(*before, state, batch) if before else None
        if found:
            yield f"row {place}: {found}"
        before = (state, batch)
