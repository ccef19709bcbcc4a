"""Columns that tables get from plans: what is empty takes them and stays the same table, and nothing else is changed."""

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from spark_jobs.base.errors import DecisionNeeded
from spark_jobs.lake import tables
from spark_jobs.lake.columns import give_columns, has_columns, require_free, types_of, wanted_types
from spark_jobs.lake.schemas import RECORDS, layout_of
from spark_jobs.lake.tables import Lake
from tests.declared.rows import rules

DAILY = "daily"


def with_daily(window: str, note: str) -> Lake:
    """A lake with an aggregate of these windows, and a field of this type."""
    found = rules(DAILY)
    (daily,) = found.aggregates
    fields = tuple(one.model_copy(update={"type": note}) if one.name == "cost" else one for one in found.records.fields)
    changed = {
        "records": found.records.model_copy(update={"fields": fields}),
        "aggregates": (daily.model_copy(update={"window": window}),),
    }
    return Lake("", "p", layout_of(found.model_copy(update=changed)))


@pytest.fixture
def before(tmp_path: Path) -> Lake:
    lake = replace(with_daily("day", "decimal(12,6)"), root=str(tmp_path))
    lake.create_missing()
    return lake


@pytest.fixture
def after(before: Lake) -> Lake:
    return replace(with_daily("hour", "decimal(9,2)"), root=before.root)


def close(lake: Lake, name: str, batch: int) -> None:
    tables.add_files(lake.open(name), [], app=lake.app(name), version=batch)


def differing(lake: Lake) -> set[str]:
    return {name for name in lake.filled if not has_columns(lake, name, types_of(lake.open(name).schema()))}


def test_empty_tables_take_the_columns_of_a_plan_and_stay_the_same_tables(before: Lake, after: Lake) -> None:
    ids = before.ids()
    for name in before.filled:
        close(before, name, 1)
    assert differing(after) == set(after.filled)
    require_free(after)
    give_columns(after, 2)
    assert differing(after) == set()
    assert (after.ids(), {after.known_batch(after.open(name)) for name in after.filled}) == (ids, {1})


def test_tables_that_know_the_batch_are_past_it(before: Lake, after: Lake) -> None:
    for name in before.filled:
        close(before, name, 2)
    give_columns(after, 2)
    assert differing(before) == set()


@pytest.mark.parametrize(
    ("name", "said"), [(RECORDS, "cost is decimal.12,6. there, and is to be decimal.9,2."), (DAILY, "another name")]
)
def test_a_table_that_holds_rows_keeps_its_columns(before: Lake, after: Lake, name: str, said: str) -> None:
    row = pa.Table.from_pylist([{"batch": 1}], before.layout.schemas[name])
    write_deltalake(before.open(name), row, mode="append")
    for refused in (require_free, lambda lake: give_columns(lake, 2)):
        with pytest.raises(DecisionNeeded, match=said):
            refused(after)
    assert types_of(before.open(name).schema()) == wanted_types(before, name)


def test_kept_records_get_the_columns_of_new_fields(before: Lake) -> None:
    row = pa.Table.from_pylist([{"batch": 1}], before.layout.schemas[RECORDS])
    write_deltalake(before.open(RECORDS), row, mode="append")
    more = replace(before.layout, read=(*before.layout.read, ("more", pa.string())))
    lake = replace(before, layout=more)
    require_free(lake)
    give_columns(lake, 2)
    assert types_of(lake.open(RECORDS).schema())["more"] == 'PrimitiveType("string")'
    assert differing(lake) == set()
