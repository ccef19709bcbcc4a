"""Finished batches in the tables of a pipeline, written by the program's own hands but without Kafka and Spark.

For tests of what is done with tables between runs; a batch's readings are all of one day.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import write_deltalake

from spark_jobs.aggregates.daily_average import DAILY_AVERAGE
from spark_jobs.lake import tables
from spark_jobs.lake.checkpoint_log import CheckpointLog
from spark_jobs.lake.delta_log import LOG_FOLDER
from spark_jobs.lake.rows import read_rows
from spark_jobs.lake.schemas import RECORDS
from spark_jobs.lake.tables import Lake
from spark_jobs.pipeline.settings import Pipeline, load_pipeline
from spark_jobs.progress.counts import Counts
from spark_jobs.progress.definition import silent_bounds
from spark_jobs.progress.ledger import Done, planned
from spark_jobs.progress.offsets import OffsetRange, Plan
from tests.daily_tables import CONTRIBUTIONS, DAILY_AVERAGES, SCHEMAS
from tests.ledger_rows import done_row
from tests.settings_file import MINIMAL

FIRST_DONE = datetime(2020, 1, 1, tzinfo=UTC)
"""When batch 1 was done; each later one a day after the one before."""

SIZE = 5
"""Records of a batch on each of its two partitions, the first of them rejected."""

SETTINGS = MINIMAL + "state: state\n"


def done_at(batch: int) -> datetime:
    return FIRST_DONE + timedelta(days=batch - 1)


def stored_pipeline(folder: Path, batches: int, *overrides: str) -> Pipeline:
    """A pipeline below the folder with so many finished batches; 0: it has no tables yet."""
    config = folder / "p.yaml"
    config.write_text(SETTINGS)
    pipeline = load_pipeline(config, overrides=overrides)
    for batch in range(1, batches + 1):
        plan_batch(pipeline, batch)
        finish_batch(pipeline, batch)
    return pipeline


def empty_lake(folder: Path) -> Lake:
    """The tables of a pipeline that never ran."""
    lake = Lake(str(folder), "p")
    lake.create_missing()
    return lake


def lake_of(pipeline: Pipeline) -> Lake:
    return Lake.of(pipeline)


def plan_batch(pipeline: Pipeline, batch: int, *, keeps_records: bool = True) -> None:
    """The plan alone: an unfinished batch."""
    lake, log = lake_of(pipeline), CheckpointLog(lake_of(pipeline))
    log.create()
    rules, nothing = pipeline.rules(done_at(batch)), {0: 0, 1: 0}
    log.append(
        planned(
            Plan(
                *(batch, "topic id", ranges(batch), rules, "output id", nothing, lake.ids(), "nonce-of-a-test"),
                keeps_records=keeps_records,
                silent=silent_bounds(pipeline.input.time),
            ),
            "run",
            done_at(batch),
        )
    )


def finish_batch(pipeline: Pipeline, batch: int) -> None:
    """Records in a file per partition, contributions, averages, and the row that says so."""
    lake = lake_of(pipeline)
    store_records(lake, batch)
    sum_up(lake, batch)
    counts = tuple(Counts(one.partition, SIZE, SIZE - 1, 1, 0) for one in ranges(batch))
    CheckpointLog(lake).append(done(batch, counts=counts, published=2))


def done(batch: int, **facts: Any) -> Done:
    """The row that ends such a batch."""
    return done_row(batch, **{"at": done_at(batch), "topic_id": "topic id", "ranges": ranges(batch), **facts})


def sum_up(lake: Lake, batch: int) -> None:
    """The batch's contributions, and the averages that follow."""
    tables.append_once(lake.open(CONTRIBUTIONS), contributions(batch), app=lake.app(CONTRIBUTIONS), version=batch)
    averages = DAILY_AVERAGE.total(read_rows(lake.open(CONTRIBUTIONS)), batch=batch)
    tables.merge_totals(lake.open(DAILY_AVERAGES), averages, DAILY_AVERAGE, app=lake.app(DAILY_AVERAGES), version=batch)


def store_records(lake: Lake, batch: int, *, only_rejected: bool = False) -> None:
    """The batch's records in a file per partition."""
    version = tables.committed_as(lake.app(RECORDS), batch)
    for one in ranges(batch):
        rows = records(batch, one)
        write_deltalake(lake.open(RECORDS), rows[:1] if only_rejected else rows, mode="append", commit_properties=version)


def ranges(batch: int) -> tuple[OffsetRange, ...]:
    return tuple(OffsetRange(partition, (batch - 1) * SIZE, batch * SIZE) for partition in range(2))


def records(batch: int, one: OffsetRange) -> pa.Table:
    return pa.Table.from_pylist([record(batch, one, offset) for offset in range(one.start, one.end)], schema=SCHEMAS[RECORDS])


def record(batch: int, one: OffsetRange, offset: int) -> Mapping[str, object]:
    place = {"partition": one.partition, "offset": offset, "kafka_timestamp": done_at(batch), "batch": batch}
    if offset == one.start:
        return {**place, "rejected_because": "EMPTY", "raw": b""}
    return {**place, "event_time": done_at(batch), "date": DAY, "value": Decimal(offset)}


DAY = date(2026, 1, 1)


def contributions(batch: int, partitions: Sequence[int] = (0, 1)) -> pa.Table:
    return pa.Table.from_pylist([contribution(batch, one) for one in partitions], schema=SCHEMAS[CONTRIBUTIONS])


def contribution(batch: int, partition: int) -> Mapping[str, object]:
    values = [Decimal(offset) for offset in range((batch - 1) * SIZE + 1, batch * SIZE)]
    return {
        **{"batch": batch, "partition": partition, "date": DAY, "value_sum": sum(values), "value_count": len(values)},
        **{"value_min": values[0], "value_max": values[-1]},
    }


def drop_newest_statistics(lake: Lake, name: str) -> None:
    """Take the statistics out of a table's newest commit, as a writer that makes none would have left it."""
    newest = max(Path(lake.location(name), LOG_FOLDER).glob("*.json"))
    actions = [json.loads(line) for line in newest.read_text().splitlines()]
    for one in actions:
        one.get("add", {}).pop("stats", None)
    newest.write_text("".join(json.dumps(one) + "\n" for one in actions))
