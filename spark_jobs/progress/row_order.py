"""Which row of the checkpoints may follow which: the log as a small machine, shared by the fold of a run and by the audit.

Plain data. A row that cannot follow from the one before it was not written by a run: rows were lost, restored or put there by
somebody.
"""

from collections.abc import Iterable, Iterator, Mapping

from spark_jobs.progress.ledger import Abandoned, Adopted, Counted, Done, Lost, Planned, Redefined, Republished, RowBase

Kind = type[RowBase]

BETWEEN: tuple[Kind, ...] = (Planned, Lost, Adopted, Redefined, Republished)
"""What may come while no batch is unfinished."""

FOLLOWS: Mapping[Kind | None, tuple[Kind, ...]] = {
    None: (Planned, Adopted),
    Planned: (Counted, Done, Abandoned),
    Counted: (Done, Abandoned),
    Done: BETWEEN,
    Abandoned: BETWEEN,
    Lost: BETWEEN,
    Adopted: BETWEEN,
    Redefined: BETWEEN,
    Republished: BETWEEN,
}
"""What may come after a row of each kind, and at the beginning of the log (None). PLANNED has the next batch's number, all others
that of the row before, which is 0 at the beginning.
"""


def disorder(kind: Kind | None, batch: int, following: Kind, number: int) -> str | None:
    """Why a row of kind `following` and batch `number` cannot come after a row of `kind` and `batch`; None if it can, and of a
    kind that nobody here knows.

    >>> disorder(Done, 3, Planned, 4), disorder(None, 0, Adopted, 0)
    (None, None)
    >>> disorder(Done, 3, Done, 3)
    'batch 3 cannot be DONE after batch 3 was DONE'
    >>> disorder(Done, 3, Planned, 5)
    'batch 5 cannot be PLANNED after batch 3 was DONE'
    """
    if kind not in FOLLOWS or following not in FOLLOWS:
        return None
    if following in FOLLOWS[kind] and number == batch + (following is Planned):
        return None
    before = f"after batch {batch} was {kind.STATE}" if kind else "at the beginning"
    return f"batch {number} cannot be {following.STATE} {before}"


def disorders(rows: Iterable[tuple[int, Kind, int]]) -> Iterator[str]:
    """What cannot follow from the row before it, of rows with their place, kind and batch; of the first row only if the log
    begins with it.

    >>> list(disorders([(7, Done, 3), (8, Abandoned, 9)]))
    ['row 8: batch 9 cannot be ABANDONED after batch 3 was DONE']
    """
    before: tuple[Kind | None, int] | None = None
    for place, kind, batch in rows:
        if before is None and place == 1:
            before = (None, 0)
        found = disorder(*before, kind, batch) if before else None
        if found:
            yield f"row {place}: {found}"
        before = (kind, batch)
