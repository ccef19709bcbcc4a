"""Contributions, totals and the audit's own reckoning of the examples, against the oracle, however batches are cut."""

import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from spark_jobs.aggregates.aggregate import Aggregate
from spark_jobs.aggregates.messages import value_of
from spark_jobs.audit.totals import members_seen, revisions_of
from spark_jobs.lake.schemas import Layout
from spark_jobs.lake.tables import Lake
from spark_jobs.pipeline.settings import load_pipeline
from tests.declared import oracle
from tests.declared.examples import EXAMPLES, FOLDER, Example

COUNT, PARTITIONS = 400, 3


def layout_of(example: Example) -> Layout:
    return Lake.of(load_pipeline(Path(FOLDER, example.file))).layout


def record(reading: oracle.Reading, conditions: dict[str, Any]) -> dict[str, Any]:
    """The columns of `records` that aggregates read."""
    values = dict(reading.values or {})
    place = {"event_time": reading.at, "partition": reading.partition, "offset": reading.offset}
    return {**values, **{name: bool(condition(values)) for name, condition in conditions.items()}, **place}


def conditions_of(example: Example) -> dict[str, Any]:
    """By the columns of `records` that hold them."""
    return {
        f"{one.name}_{name}_where": measure.where
        for one in example.wanted
        for name, measure in one.measures.items()
        if f"{one.name}_{name}_where" in layout_of(example).schemas["records"].names
    }


def contributed(aggregate: Aggregate, batches: dict[int, pa.Table]) -> pa.Table:
    parts = []
    for batch, rows in batches.items():
        added = aggregate.again(rows)
        parts.append(added.append_column("batch", pa.array([batch] * added.num_rows, pa.int64())))
    return pa.concat_tables(parts).select(aggregate.contributions.names).cast(aggregate.contributions)


@pytest.mark.parametrize("cuts", [1, 7, 23])
@pytest.mark.parametrize("name", EXAMPLES)
@pytest.mark.proves("F96", "F97")
def test_totals_are_what_plain_python_finds_however_batches_are_cut(name: str, cuts: int) -> None:
    example, chosen = EXAMPLES[name], random.Random(f"{name} {cuts}")
    layout = layout_of(example)
    readings = [example.read(example.make(chosen), chosen.randrange(PARTITIONS), offset) for offset in range(COUNT)]
    batch_of = {one.offset: chosen.randint(1, cuts) for one in readings}
    expected = oracle.expect_of([(batch_of[one.offset], one) for one in readings if one.counts], example.wanted)
    conditions = conditions_of(example)
    read = {"partition", "offset", *dict(layout.read)}
    wanted_schema = pa.schema([one for one in layout.schemas["records"] if one.name in read])
    batches = {
        batch: pa.Table.from_pylist(
            [record(one, conditions) for one in readings if one.counts and batch_of[one.offset] == batch], wanted_schema
        )
        for batch in range(1, cuts + 1)
    }
    added = {one.name: contributed(one, batches) for one in layout.all_aggregates}
    rows = {one: table.to_pylist() for one, table in added.items()}
    members = {one.name: one.total(added[one.name], batch=cuts) for one in layout.all_aggregates if one not in layout.aggregates}
    for aggregate, wanted in zip(layout.aggregates, example.wanted, strict=True):
        of = {column: members[one.name] for column, one in aggregate.members.items()}
        found = {
            aggregate.group_of(row): {name: row[name] for name in aggregate.shown}
            for row in aggregate.total(added[aggregate.name], batch=cuts, members=of).to_pylist()
        }
        totals = expected.totals[wanted.name]
        assert found == {group: {name: row[name] for name in aggregate.shown} for group, row in totals.items()}
        revisions = revisions_of(aggregate, rows[aggregate.name], members=members_seen(aggregate, rows))
        names_shown = [*aggregate.shown, "revision", "batch"]
        assert {group: of_newest(history[-1].columns, names_shown) for group, history in revisions.items()} == totals
        published = sorted((one.batch, one.count, str(one.shown)) for history in revisions.values() for one in history)
        right = sorted(
            (batch, count, value_of(aggregate, {**dict(zip(aggregate.group, group, strict=True)), **row}))
            for batch, those in expected.published.items()
            for aggregate_name, group, row, count in those
            if aggregate_name == wanted.name
        )
        assert published == right


def of_newest(row: Any, names: list[str]) -> dict[str, Any]:
    return {name: row[name] for name in names}
