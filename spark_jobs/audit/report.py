"""The result of an audit, as plain values for JSON and as text for a terminal."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from rich.console import Group

from spark_jobs.audit.findings import Difference
from spark_jobs.audit.reconcile import Audit
from spark_jobs.base.plain_tables import number, numbers, plain_table, texts
from spark_jobs.base.wording import counted

SHOWN = 20
"""Sentences per table or topic on a terminal; JSON has all."""

_COLUMNS = ("partition", "span", "read", "accepted", "rejected", "filtered", "gaps", "lost", "group")


def audit_report(found: Audit) -> dict[str, Any]:
    """The audit as plain values."""
    return {**asdict(found), "passed": not found.differences}


def audit_table(found: Audit) -> Group:
    """One line per partition and a verdict, for a terminal."""
    columns = [name for name in _COLUMNS if name != "filtered" or any(one.filtered for one in found.partitions)]
    rows = (
        (
            *(number(getattr(one, name)) for name in columns),
            counted(one.differences, "difference") if one.differences else "agrees",
        )
        for one in found.partitions
    )
    return plain_table(tuple(_headline(found)), (*numbers(*columns), *texts("verdict")), rows)


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
            yield f"{where}: {counted(count - SHOWN, 'more difference')}; --json lists all"
    yield _verdict(found.differences)


def _verdict(differences: tuple[Difference, ...]) -> str:
    return counted(len(differences), "difference") if differences else "no difference"
