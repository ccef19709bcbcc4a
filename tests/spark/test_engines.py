"""What a run leaves to Spark, asked of Spark and of its simulation: both make the same of the same log."""

import secrets
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from spark_jobs.aggregates.daily_average import DAILY_AVERAGE
from spark_jobs.base.errors import TryAgain
from spark_jobs.base.outages import as_ours
from spark_jobs.broker.cluster import connect
from spark_jobs.lake.checkpoint_log import CheckpointLog
from spark_jobs.lake.record_files import written_files
from spark_jobs.lake.rows import read_rows
from spark_jobs.lake.schemas import RECORDS
from spark_jobs.lake.tables import add_files
from spark_jobs.local.kafka.server import RunningKafka
from spark_jobs.pipeline.settings import load_pipeline
from spark_jobs.progress.offsets import Plan
from spark_jobs.run.job import Engine, Job, RunRequest
from spark_jobs.run.spark_engine import SparkEngine
from tests.plans import plan_of
from tests.settings_file import MINIMAL
from tests.stored import empty_lake
from tests.worlds.backends import Backend, RealBackend, SimulatedBackend
from tests.worlds.engine import SimulatedEngine

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

AT = 1_780_000_000_000
DAY, NEXT = date(2006, 12, 16), date(2006, 12, 17)
MESSAGES = (
    b'{"datetime": "16/12/2006 17:24:00", "voltage": "234.840"}',
    b'{"datetime": "16/12/2006 17:25:00", "voltage": "233.6300004"}',
    b'{"datetime": "17/12/2006 00:00:00", "voltage": -1e1}',
    b'{"datetime": "17/12/2006 00:00:00"}',
    b"",
    b'{"datetime": "31/02/2007 00:00:00", "voltage": 1}',
    b'{"datetime": "18/12/2006 00:00:00", "voltage": 99999999999999}',
)


@dataclass(frozen=True)
class Side:
    """An engine with all that it needs of a run, and the plan of a batch."""

    place: Backend
    engine: Engine
    job: Job
    plan: Plan


def fill(place: Backend, topic: str) -> None:
    """Two partitions: messages of every kind, aborted ones and markers between them; a third has nothing to read."""
    place.create(topic, 3)
    place.write(topic, *MESSAGES, at=AT)
    place.write_in_transaction(topic, MESSAGES[0], at=AT, commit=False)
    place.write_in_transaction(topic, MESSAGES[1], at=AT, commit=True)
    place.write(topic, MESSAGES[2], at=AT)
    place.write(topic, *MESSAGES[:3], partition=1, at=AT)


@pytest.fixture(params=["Spark", "simulated"])
def side(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Side]:
    kafka: RunningKafka = request.getfixturevalue("kafka")
    simulated = SimulatedBackend(tmp_path)
    place: Backend = RealBackend(kafka.bootstrap, tmp_path) if request.param == "Spark" else simulated
    with nullcontext() if request.param == "Spark" else simulated.reached():
        topic = f"engines-{secrets.token_hex(4)}"
        fill(place, topic)
        engine: Engine = SimulatedEngine(simulated.cluster)
        if request.param == "Spark":
            spark: SparkSession = request.getfixturevalue("spark")
            engine = SparkEngine(lambda: spark)
        config = tmp_path / "p.yaml"
        config.write_text(MINIMAL.replace("topic: a", f"topic: {topic}") + f"state: {tmp_path}/state\n")
        pipeline = load_pipeline(config)
        lake = empty_lake(tmp_path / "lake")
        with connect(place.settings) as broker:
            job = Job(pipeline, RunRequest("contract"), place.settings, broker, lake, CheckpointLog(lake), engine)
            yield Side(place, engine, job, plan_of(1, (0, 0, 12), (1, 0, 3), (2, 0, 0)))


def rows(table: pa.Table, *columns: str) -> list[tuple[Any, ...]]:
    """In the order of their columns."""
    found = [tuple(row.values()) for row in table.select(columns).to_pylist()]
    return sorted(found, key=str)


READ = [
    (0, 0, DAY, Decimal("234.840000"), None, None),
    (0, 1, DAY, Decimal("233.630000"), "233.6300004", None),
    (0, 11, NEXT, Decimal("-10.000000"), None, None),
    (0, 2, NEXT, Decimal("-10.000000"), None, None),
    (0, 3, None, None, None, "NO_VALUE"),
    (0, 4, None, None, None, "EMPTY"),
    (0, 5, None, None, None, "BAD_TIME"),
    (0, 6, None, None, None, "NUMBER_OUT_OF_RANGE"),
    (0, 9, DAY, Decimal("233.630000"), "233.6300004", None),
    (1, 0, DAY, Decimal("234.840000"), None, None),
    (1, 1, DAY, Decimal("233.630000"), "233.6300004", None),
    (1, 2, NEXT, Decimal("-10.000000"), None, None),
]
ADDED = [
    (1, 0, DAY, Decimal("702.100000"), 3, Decimal("233.630000"), Decimal("234.840000")),
    (1, 0, NEXT, Decimal("-20.000000"), 2, Decimal("-10.000000"), Decimal("-10.000000")),
    (1, 1, DAY, Decimal("468.470000"), 2, Decimal("233.630000"), Decimal("234.840000")),
    (1, 1, NEXT, Decimal("-10.000000"), 1, Decimal("-10.000000"), Decimal("-10.000000")),
]
COUNTED = [
    (0, None, 4, 0, 3, 6, 18),
    (0, DAY, 3, 2, 0, 9, 10),
    (0, NEXT, 2, 0, 2, 11, 13),
    (1, DAY, 2, 1, 0, 1, 1),
    (1, NEXT, 1, 0, 2, 2, 2),
]
ROW = ("partition", "offset", "date", "value", "rounded_from", "rejected_because")


def stored(side: Side, *, only_rejected: bool = False) -> pa.Table:
    """The batch's records as the table has them once its files are committed."""
    lake, folder = side.job.lake, side.engine.write_records(side.job, side.plan, only_rejected=only_rejected)
    add_files(lake.open(RECORDS), written_files(lake, folder), app=lake.app(RECORDS), version=1)
    return read_rows(lake.open(RECORDS))


def test_each_visible_message_becomes_one_record(side: Side) -> None:
    found = stored(side)
    assert rows(found, *ROW) == READ
    assert set(found["kafka_timestamp"].to_pylist()) == {datetime.fromtimestamp(AT / 1000, UTC)}
    assert sorted(filter(None, found["raw"].to_pylist())) == sorted(MESSAGES[3:4] + MESSAGES[5:])


def test_of_a_batch_that_keeps_no_records_the_rejected_ones_are_kept(side: Side) -> None:
    assert rows(stored(side, only_rejected=True), *ROW) == [row for row in READ if row[-1]]


def test_stored_records_add_up_to_contributions(side: Side) -> None:
    stored(side)
    assert rows(side.engine.add_up_stored(side.job, side.plan, DAILY_AVERAGE), *DAILY_AVERAGE.contributions.names) == ADDED


def test_messages_add_up_to_the_same_without_being_stored(side: Side) -> None:
    found = side.engine.add_up(side.job, side.plan)
    accepted = found.filter(pc.is_valid(found["date"]))
    assert rows(accepted, *DAILY_AVERAGE.contributions.names) == ADDED
    assert rows(found, "partition", "date", "read", "rounded", "first", "last", "offsets") == COUNTED


def test_markers_and_aborted_records_leave_holes(side: Side) -> None:
    found = side.engine.find_holes(side.job, [one for one in side.plan.ranges if one.span])
    assert rows(found, "partition", "start", "end") == [(0, 10, 11), (0, 7, 9)]


def test_a_start_that_is_gone_fails_the_read(side: Side) -> None:
    side.place.delete_before(side.job.pipeline.input.topic, 3)
    with pytest.raises(Exception, match=r"(?i)offset") as raised:
        side.engine.write_records(side.job, side.plan, only_rejected=False)
    assert isinstance(as_ours(raised.value), TryAgain)
