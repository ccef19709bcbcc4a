"""What a run leaves to Spark where aggregates are declared: both engines make the same of the same messages."""

import random
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from spark_jobs.base.machine import now
from spark_jobs.broker.cluster import connect
from spark_jobs.lake.checkpoint_log import CheckpointLog
from spark_jobs.lake.record_files import written_files
from spark_jobs.lake.rows import read_rows
from spark_jobs.lake.schemas import RECORDS
from spark_jobs.lake.tables import Lake, add_files
from spark_jobs.local.kafka.server import RunningKafka
from spark_jobs.pipeline.settings import load_pipeline
from spark_jobs.progress.offsets import Rebuild
from spark_jobs.run.job import Engine, Job, RunRequest
from spark_jobs.run.spark_engine import SparkEngine
from tests.plans import plan_of
from tests.worlds.backends import Backend, RealBackend, SimulatedBackend
from tests.worlds.declared import MEASURES, WINDOWS, Declaration, message
from tests.worlds.engine import SimulatedEngine

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

AT = 1_780_000_000_000
COUNT = 120
EVERYTHING = {f"m{number}": kind for number, kind in enumerate(MEASURES)}
DECLARED = Declaration(
    "Europe/Zurich",
    "amount > 1",
    {
        "every": {"window": WINDOWS[0], "dimensions": ["channel", "size"], "measures": EVERYTHING},
        **{f"n{number}": {"window": one, "dimensions": [], "measures": {"n": "count"}} for number, one in enumerate(WINDOWS)},
        "places": {"window": "hour", "dimensions": ["size", "partition"], "measures": {"u": {"unique": "channel"}}},
    },
    None,
    {},
)
Found = dict[str, list[str]]


def made_by(place: Backend, topic: str, folder: Path, engine: Engine) -> Found:
    """Each table's rows: of the records that an engine writes, and of what it adds up of them, as a batch and as a rebuild."""
    config = folder / "p.yaml"
    settings = {"name": "p", "kafka": "k.properties", "lake": str(folder / "lake"), "state": str(folder / "state")}
    config.write_text(yaml.safe_dump({**settings, **DECLARED.settings(topic, "round")}))
    pipeline = load_pipeline(config)
    lake = Lake.of(pipeline)
    lake.create_missing()
    rules = pipeline.rules(now())
    plan = plan_of(1, (0, 0, COUNT), (1, 0, COUNT), rules=rules)
    rebuilds = plan_of(2, (0, COUNT, COUNT), (1, COUNT, COUNT), rules=rules, rebuild=Rebuild("every", 1, 1))
    with connect(place.settings) as broker:
        job = Job(pipeline, RunRequest("contract"), place.settings, broker, lake, CheckpointLog(lake), engine)
        folder_of = engine.write_records(job, plan, only_rejected=False)
        add_files(lake.open(RECORDS), written_files(lake, folder_of), app=lake.app(RECORDS), version=1)
        found = {RECORDS: sorted(map(str, read_rows(lake.open(RECORDS)).to_pylist()))}
        for one in lake.layout.all_aggregates:
            added = engine.add_up_stored(job, plan, one)
            found[one.name] = sorted(map(str, added.select(one.contributions.names).cast(one.contributions).to_pylist()))
        every = next(one for one in lake.layout.aggregates if one.name == "every")
        again = engine.add_up_stored(job, rebuilds, every)
        found["rebuilt"] = sorted(map(str, again.select(every.contributions.names).cast(every.contributions).to_pylist()))
    return found


def fill(place: Backend, topic: str) -> None:
    """The same messages on each cluster."""
    chosen = random.Random(7)
    place.create(topic, 2)
    for number in range(2):
        for _ in range(COUNT):
            place.write(topic, message(chosen) or b"", partition=number, at=AT)


@pytest.mark.proves("F96", "F97")
def test_spark_and_its_simulation_make_the_same_of_declared_aggregates(
    kafka: RunningKafka, spark: "SparkSession", tmp_path: Path
) -> None:
    topic = f"declared-{secrets.token_hex(4)}"
    folders = {name: tmp_path / name for name in ("spark", "simulated")}
    for one in folders.values():
        one.mkdir()
    real, simulated = RealBackend(kafka.bootstrap, folders["spark"]), SimulatedBackend(folders["simulated"])
    fill(real, topic)
    by_spark = made_by(real, topic, folders["spark"], SparkEngine(lambda: spark))
    with simulated.reached():
        fill(simulated, topic)
        by_hand = made_by(simulated, topic, folders["simulated"], SimulatedEngine(simulated.cluster))
    assert by_hand.keys() == by_spark.keys()
    for name, rows in by_spark.items():
        assert by_hand[name] == rows, name
        assert rows
