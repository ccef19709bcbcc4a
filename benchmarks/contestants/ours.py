"""Ours, as its users run it: `spark-submit` of the job as the DAG does it, and `dayfold run` where nothing is new, which
finds that out without a JVM. By hand it is always `dayfold run`, which looks ahead before it submits.
"""

import json
import sys
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from deltalake import DeltaTable

from benchmarks.contestants.contestant import Contestant, Place
from benchmarks.contestants.results import delta_averages, delta_records, delta_totals
from spark_jobs.launch.submit import Submission, job_arguments, submit_command

CONFIG = "pipeline.yaml"
RECORDS_OFF = "records=off"
"""The setting for those who want averages only."""


VOLTAGE: Mapping[str, Any] = {
    "input": {"time": {"field": "datetime", "format": "dd/MM/yyyy HH:mm:ss"}, "value": {"field": "voltage"}},
}
_EVENTS = {
    "time": {"field": "ts", "format": "iso8601"},
    "fields": {"channel": "string", "user": "string", "cost": "decimal(12,6)"},
}
_MEASURES: Mapping[str, Any] = {"events": "count", "cost": {"sum": "cost"}}
_CHANNELS = {"dimensions": ["channel"], "measures": {**_MEASURES, "users": {"unique": "user"}}}
CHANNELS: Mapping[str, Any] = {
    "input": _EVENTS,
    "aggregates": {"hourly": {"window": "hour", **_CHANNELS}, "daily": {"window": "day", **_CHANNELS}},
}
PEOPLE: Mapping[str, Any] = {
    "input": _EVENTS,
    "aggregates": {"people": {"window": "day", "dimensions": ["user"], "measures": _MEASURES}},
}


def write_config(place: Place, asks: Mapping[str, Any] = VOLTAGE) -> Path:
    """The pipeline file of a place, written once."""
    path = place.folder / CONFIG
    kafka = place.folder / "kafka.properties"
    kafka.write_text(f"bootstrap.servers={place.bootstrap}\n")
    settings = {
        "name": place.name,
        "kafka": str(kafka),
        "lake": str(place.folder),
        "state": str(place.folder / "state"),
        **asks,
        "input": {"topic": place.topic, **asks["input"]},
        "output": {"topic": place.output},
    }
    path.write_text(json.dumps(settings, indent=1))
    return path


def _command(place: Place, *overrides: str, asks: Mapping[str, Any] = VOLTAGE) -> list[str]:
    config = write_config(place, asks)
    limits = [f"limits.max_records_per_batch={place.batch}"] if place.batch else []
    asked = [*overrides, *limits]
    if place.idle:
        return _by_hand(config, asked)
    return submit_command(job_arguments(config, "benchmark", asked, []), Submission(offsets=place.fresh))


def _by_hand(config: Path, overrides: list[str]) -> list[str]:
    return [
        str(Path(sys.executable).parent / "dayfold"),
        "run",
        str(config),
        *(part for one in overrides for part in ("--set", one)),
    ]


def maintain_command(place: Place) -> list[str]:
    """What keeps the tables small, once a week by its own DAG."""
    return [str(Path(sys.executable).parent / "dayfold"), "maintain", str(write_config(place))]


def steps(place: Place) -> list[dict[str, float]]:
    """Seconds of each step of each batch, in order, as its checkpoints hold them."""
    table = DeltaTable(str(place.folder / place.name / "checkpoints")).to_pyarrow_dataset()
    rows = table.to_table(["batch", "state", "details"], use_threads=False).to_pylist()
    done = sorted((row["batch"], row["details"]) for row in rows if row["state"] == "DONE")
    return [json.loads(details)["seconds"] for _, details in done]


EVERYTHING = Contestant(
    "ours",
    "Dayfold",
    "records, exact averages, output topic; exactly once",
    _command,
    averages=lambda place: delta_averages(place.folder / place.name / "daily_averages", "value_count"),
    records=lambda place: delta_records(place.folder / place.name / "records"),
    publishes=True,
    steps=steps,
)

BY_HAND = replace(
    EVERYTHING, name="ours_by_hand", title="Dayfold, `dayfold run`", command=lambda place: _by_hand(write_config(place), [])
)

MAINTAINED = replace(EVERYTHING, name="ours_maintained", title="Dayfold, after `dayfold maintain`")

AVERAGES_ONLY = Contestant(
    "ours_averages",
    "Dayfold, records: off",
    "exact averages, output topic; exactly once",
    lambda place: _command(place, RECORDS_OFF),
    averages=EVERYTHING.averages,
    publishes=True,
)

ADS = Contestant(
    "ours_ads",
    "Dayfold, hours and days",
    "records, exact totals with different users, output topic; exactly once",
    partial(_command, asks=CHANNELS),
    totals=lambda place: delta_totals(place.folder / place.name),
    records=EVERYTHING.records,
    publishes=True,
    steps=steps,
)

OF_PEOPLE = replace(
    ADS,
    name="ours_people",
    title="Dayfold, people",
    delivers="records, exact totals, output topic; exactly once",
    command=partial(_command, asks=PEOPLE),
    totals=lambda place: delta_totals(place.folder / place.name, "user", ["people"]),
)
