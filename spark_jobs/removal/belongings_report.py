"""What `forget` reports, as plain values for JSON and as a table for a terminal. Finds out nothing itself."""

from typing import Any

from rich.console import Group

from spark_jobs.base.plain_tables import number, numbers, plain_table, texts, times
from spark_jobs.removal.belongings import Belonging, Belongings


def belongings_report(found: Belongings, *, removed: bool) -> dict[str, Any]:
    """`removed` says of each thing whether it is gone now; `by_hand` is null for what `--yes` removes."""
    things = [{**vars(one), "removed": removed and one.by_hand is None} for one in found.things]
    return {"pipeline": found.pipeline, "removed": removed, "things": things}


def belongings_table(found: Belongings, *, removed: bool) -> Group:
    title = f"{found.pipeline}: what belonged to it" if removed else f"{found.pipeline}: what belongs to it"
    # A name is to be searched for and copied, so it stays in one piece.
    columns = (*texts("what"), *times("name"), *numbers("rows", "bytes"), *texts("holds", "" if removed else "with --yes"))
    return plain_table(title, columns, (_row(one, removed) for one in found.things))


def _row(one: Belonging, removed: bool) -> tuple[str, ...]:
    goes = "stays" if one.by_hand else "removed" if removed else "goes"
    return one.kind, one.name, number(one.rows), number(one.bytes), one.holds, goes


def belongings_notes(found: Belongings) -> list[str]:
    """How what stays goes away, one sentence a thing."""
    return [f"{one.kind} {one.name}: {one.by_hand}" for one in found.things if one.by_hand]
