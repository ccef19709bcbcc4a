"""Aggregates that are added up in one pass are what each of them is by itself."""

import json
import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from spark_jobs.aggregates.adding_up import accepted, contributions_of
from spark_jobs.aggregates.aggregate import Aggregate, with_members
from spark_jobs.aggregates.together import together
from spark_jobs.lake.schemas import RECORDS, Layout
from spark_jobs.lake.tables import Lake
from spark_jobs.pipeline.settings import load_pipeline
from tests.declared.examples import EXAMPLES

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

BATCH = 4
AROUND = datetime(2026, 10, 25, tzinfo=UTC)
AGGREGATES: dict[str, Any] = {
    "weekly": {
        "window": "week",
        "dimensions": ["channel"],
        "measures": {"cost": {"average": "cost"}, "latest": {"last": "cost"}},
    },
    "hourly": {
        "window": "hour",
        "dimensions": ["channel"],
        "measures": {
            "events": "count",
            "cost": {"sum": "cost"},
            "users": {"unique": "user"},
            "dear": {"unique": "user", "where": "cost > 1"},
        },
    },
    "daily": {
        "window": "day",
        "dimensions": ["channel"],
        # By the names of others, and another thing.
        "measures": {"events": {"count": "cost"}, "cost": {"summary": "net"}, "users": {"unique": "user"}},
    },
    "people": {"window": "day", "dimensions": ["user"], "measures": {"events": "count", "spread": {"stddev": "net"}}},
    "devices": {"window": "day", "dimensions": ["user", "channel"], "measures": {"devices": {"unique": "device"}}},
}


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    path = tmp_path_factory.mktemp("together") / "ads.yaml"
    path.write_text(json.dumps({**EXAMPLES["ads"].settings, "aggregates": AGGREGATES}))
    return Lake.of(load_pipeline(path)).layout


def records(layout: Layout, count: int) -> pa.Table:
    """Some of them rejected, some filtered, and of each field some are null."""
    chosen, schema = random.Random(17), layout.schemas[RECORDS]
    rows = []
    for offset in range(count):
        cost = Decimal(chosen.randrange(5_000_000)).scaleb(-6) if chosen.random() < 0.8 else None
        fields: dict[str, Any] = dict.fromkeys(schema.names)
        fields |= {
            "partition": offset % 3,
            "offset": offset,
            "event_time": AROUND + timedelta(hours=chosen.uniform(-30, 30)),
            "channel": chosen.choice(["mail", "caf\u00e9", ""]),
            "user": f"u-{chosen.randrange(9)}",
            "device": chosen.choice(["tv", None]),
            "cost": cost,
            "net": cost and cost * 2,
            "hourly_dear_where": cost is not None and cost > 1,
            "filtered": chosen.random() < 0.1,
            "rejected_because": chosen.choice([None] * 9 + ["EMPTY"]),
            "batch": BATCH,
        }
        rows.append({name: fields[name] for name in schema.names})
    return pa.Table.from_pylist(rows, schema)


def sorted_rows(rows: pa.Table, aggregate: Aggregate) -> list[dict[str, Any]]:
    schema = aggregate.contributions
    return sorted(rows.select(schema.names).cast(schema).to_pylist(), key=str)


def test_every_aggregate_is_in_one_pass_with_those_of_its_dimensions(layout: Layout) -> None:
    passes = [[one.name for one in shared.aggregates] for shared in together(layout.aggregates)]
    assert passes == [
        ["hourly_users", "hourly", "daily_users", "daily", "weekly"],
        ["hourly_dear"],
        ["devices_devices", "devices"],
        ["people"],
    ]


def test_what_a_pass_adds_up_is_what_each_aggregate_adds_up_by_itself(spark: "SparkSession", layout: Layout) -> None:
    found = spark.createDataFrame(records(layout, 600)).cache()
    seen = []
    for shared in together(layout.aggregates):
        added = shared.add_up(accepted(found)).toArrow()
        for one in shared.aggregates:
            alone = contributions_of(found, one).toArrow()
            assert alone.num_rows > 5
            assert sorted_rows(shared.contributions(added, one, BATCH), one) == sorted_rows(alone, one)
            seen.append(one)
    found.unpersist()
    assert sorted(one.name for one in seen) == sorted(one.name for one in with_members(layout.aggregates))
