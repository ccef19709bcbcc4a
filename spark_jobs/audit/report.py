"""What an audit tells, as plain values for JSON and as text for a terminal."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from rich.table import Table

from spark_jobs.audit.findings import Difference
from spark_jobs.audit.reconcile import Audit

SHOWN = 20
"""Sentences per table or topic on a terminal; JSON has all."""

_COLUMNS = ("partition", "span", "read", "accepted", "rejected", "gaps", "lost", "group")


def audit_report(found: Audit) -> dict[str, Any]:
    """The audit as plain values."""
    return {**asdict(found), "passed": not found.differences}


def audit_table(found: Audit) -> Table:
    """One line per partition and a verdict, for a terminal."""
    table = Table(title="\n".join(_headline(found)), title_justify="left")
    for name in _COLUMNS:
        table.add_column(name, justify="right")
    table.add_column("verdict")
    for one in found.partitions:
        numbers = (getattr(one, name) for name in _COLUMNS)
        verdict = f"{one.differences} differences" if one.differences else "agrees"
        table.add_row(*("-" if number is None else f"{number:,}" for number in numbers), verdict)
    return table


def _headline(found: Audit) -> Iterator[str]:
    how = "every row" if found.deep else "by counts and small tables; --deep reads every row"
    yield f"{found.pipeline}, batches 1 to {found.last_done} ({how})" if found.last_done else found.pipeline
    if found.owner:
        yield f"running now: {found.owner}; if anything differs, audit again once it has ended"
    yield from found.notes


def audit_sentences(found: Audit) -> Iterator[str]:
    """The differences, and a last line that counts them."""
    shown: Counter[str] = Counter()
    for one in found.differences:
        shown[one.where] += 1
        if shown[one.where] <= SHOWN:
            yield str(one)
    for where, count in shown.items():
        if count > SHOWN:
            yield f"{where}: {count - SHOWN} more differences; --json tells all"
    yield _verdict(found.differences)


def _verdict(differences: tuple[Difference, ...]) -> str:
    return f"{len(differences)} differences" if differences else "no difference"
