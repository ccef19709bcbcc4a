"""From which batch on an aggregate counts: it begins with the batch after it was declared, unless it was rebuilt since."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from spark_jobs.base.wording import counted
from spark_jobs.pipeline.rules import DeclaredRules
from spark_jobs.progress.ledger import Done, LedgerRow, Planned


@dataclass(frozen=True)
class Uncounted:
    """A finished batch of before the aggregate was declared: its plan, and how many of its records were accepted."""

    planned: Planned
    accepted: int


def uncounted_batches(rows: Iterable[LedgerRow], aggregate: str) -> list[Uncounted]:
    """The finished batches that an aggregate counts nothing of, in their order; none once it was rebuilt."""
    plans: dict[int, Planned] = {}
    found: list[Uncounted] = []
    for row in rows:
        match row:
            case Planned():
                plans[row.batch] = row
            case Done() if row.batch in plans:
                planned = plans[row.batch]
                if planned.plan.rebuild and planned.plan.rebuild.aggregate == aggregate:
                    found = [one for one in found if one.planned.batch > planned.plan.rebuild.upto]
                if not _feeds(planned, aggregate):
                    found.append(Uncounted(planned, sum(one.accepted for one in row.counts)))
    return found


def _feeds(planned: Planned, aggregate: str) -> bool:
    rules = planned.definition.rules if planned.definition else None
    return isinstance(rules, DeclaredRules) and any(one.name == aggregate for one in rules.aggregates)


def beginning_notes(rows: Iterable[LedgerRow], aggregates: Iterable[str]) -> Iterator[str]:
    """A sentence for each of these aggregates that lacks records of before it was declared."""
    rows = list(rows)
    for name in aggregates:
        lacking = uncounted_batches(rows, name)
        if records := sum(one.accepted for one in lacking):
            yield (
                f"{name} counts from batch {lacking[-1].planned.batch + 1} on; `dayfold rebuild` adds the "
                f"{counted(records, 'record')} of before"
            )
