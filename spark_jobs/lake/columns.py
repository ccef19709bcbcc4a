"""Columns of the tables against those that batches want: which tables can have them, and giving them.

A table in which nothing counts may still have the columns of a plan that was abandoned. It gets those of the next plan and stays
the same table, whose log knows the abandoned batch. `records` of earlier batches gets the columns of new fields beside its own.
"""

from collections.abc import Iterator, Mapping

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Schema, Transaction, write_deltalake

from spark_jobs.base.errors import DecisionNeeded
from spark_jobs.lake.rows import count_rows
from spark_jobs.lake.schemas import CHECKPOINTS, RECORDS
from spark_jobs.lake.stored import planned_fields
from spark_jobs.lake.tables import Lake, committing, maintained

Types = Mapping[str, str]
"""By the names of columns."""


def types_of(schema: Schema) -> dict[str, str]:
    return {field.name: str(field.type) for field in schema.fields}


def wanted_types(lake: Lake, name: str) -> dict[str, str]:
    """What batches of the lake's layout want of a table, nothing if they have none of this name."""
    return types_of(Schema.from_arrow(lake.layout.schemas.get(name, pa.schema([]))))


def has_columns(lake: Lake, name: str, columns: Types) -> bool:
    """Whether a table has the columns of the lake's layout. Those of new fields come into `records` with the next plan, and those
    of fields and conditions that an earlier plan had, and the file has no more, stay there.
    """
    wanted = wanted_types(lake, name)
    if name != RECORDS or not lake.layout.fields:
        return columns == wanted
    new = {one for one, _ in lake.layout.fields}
    there = all(columns.get(column, kind if column in new else None) == kind for column, kind in wanted.items())
    others = {column: kind for column, kind in columns.items() if column not in wanted}
    return there and (not others or others.items() <= types_of(Schema.from_arrow(planned_fields(lake))).items())


def require_free(lake: Lake) -> None:
    """Raise `DecisionNeeded` if a table cannot have the columns that the next plan wants, because something is in it."""
    for problem in _taken(lake):
        raise problem


def give_columns(lake: Lake, batch: int) -> None:
    """Let the tables that do not know a planned batch yet have the columns that it wants.

    Killed between two tables: the next run gives them to the others. `LostRace` if another run changed a table meanwhile.
    """
    for name in lake.filled:
        if lake.known_batch(lake.look(name)) < batch:
            table = lake.open(name)
            if lake.known_batch(table) < batch and _differing(lake, name, table):
                _give(lake, name, table)


def _differing(lake: Lake, name: str, table: DeltaTable) -> list[str]:
    """The columns in which a table is not what is wanted; none that `records` has besides."""
    there, wanted = types_of(table.schema()), wanted_types(lake, name)
    others = set() if name == RECORDS else there.keys() - wanted.keys()
    return sorted(others | {column for column, kind in wanted.items() if there.get(column) != kind})


def _give(lake: Lake, name: str, table: DeltaTable) -> None:
    schema, there = lake.layout.schemas[name], types_of(table.schema())
    told = _told(lake, name, table)
    with committing(table):
        if not count_rows(table):
            write_deltalake(table, schema.empty_table(), mode="overwrite", schema_mode="overwrite", commit_properties=told)
            return
        require_free(lake)
        new = Schema.from_arrow(pa.schema([one for one in schema if one.name not in there]))
        table.alter.add_columns(new.fields, commit_properties=told)


def _told(lake: Lake, name: str, table: DeltaTable) -> CommitProperties:
    """Says the table's last batch again: so no commit of a batch can have come between the look and this one."""
    app = lake.app(name)
    known = Transaction(app, table.transaction_version(app) or 0)
    return CommitProperties(custom_metadata=maintained(lake).custom_metadata, app_transactions=[known], max_commit_retries=0)


def _taken(lake: Lake) -> Iterator[DecisionNeeded]:
    for name in lake.names:
        table = lake.look(name) if lake.exists(name) else None
        if table is None or not (differing := _differing(lake, name, table)):
            continue
        if name == CHECKPOINTS:
            kinds = "one value", "declared aggregates"
            before, now = kinds if lake.layout.filters else reversed(kinds)
            yield DecisionNeeded(
                f"{lake.pipeline} was planned as a pipeline of {before}, and is one of {now} now. `dayfold forget` removes what "
                "there is of it, and it begins again; or give it another name and another output topic."
            )
            return
        if count_rows(table):
            yield from _in_use(lake, name, table, differing)


def _in_use(lake: Lake, name: str, table: DeltaTable, differing: list[str]) -> Iterator[DecisionNeeded]:
    there, wanted = types_of(table.schema()), wanted_types(lake, name)
    if name != RECORDS:
        yield DecisionNeeded(
            f"table {name}: it holds rows of another aggregate of this name, with other columns ({', '.join(differing)}). Give "
            "the aggregate another name: it begins with the next batch, and `dayfold rebuild` counts what was stored before."
        )
    elif taken := [one for one in differing if one in there]:
        told = "; ".join(f"{one} is {_word(there[one])} there, and is to be {_word(wanted[one])}" for one in taken)
        yield DecisionNeeded(
            f"table {name}: earlier batches were planned with other fields, and their records are kept: {told}. Give what the "
            f"file declares as {', '.join(taken)} another name, or its type of then."
        )


def _word(kind: str) -> str:
    """
    >>> _word('PrimitiveType("decimal(12,6)")')
    'decimal(12,6)'
    """
    return kind.removeprefix('PrimitiveType("').removesuffix('")')
