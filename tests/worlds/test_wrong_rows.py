"""A record that Spark's reader hands out twice is noticed before anything is added up, also where a marker makes up for it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from spark_jobs.base.errors import DayfoldError
from spark_jobs.base.machine import now
from spark_jobs.outlook.lookahead import look_ahead
from spark_jobs.pipeline.settings import Pipeline, load_pipeline
from spark_jobs.run.job import RunRequest
from spark_jobs.run.story import run_pipeline
from tests import oracle
from tests.worlds.backends import SimulatedBackend
from tests.worlds.cluster import Stored
from tests.worlds.engine import SimulatedEngine, Undisturbed
from tests.worlds.truth import INPUT, OUTPUT, PIPELINE

pytestmark = pytest.mark.group("SC")

READING = b'{"datetime": "2026-05-01T10:00:00", "voltage": 1.5}'


@dataclass
class Doubling(Undisturbed):
    """Hands out the first record twice, once."""

    is_over: bool = False

    def rows(self, records: list[Stored], _: list[Stored]) -> list[Stored]:
        """See `Disturbance`."""
        found = records if self.is_over else [records[0], *records]
        self.is_over = True
        return found


@pytest.fixture
def place(tmp_path: Path) -> Iterator[SimulatedBackend]:
    found = SimulatedBackend(tmp_path)
    with found.reached():
        yield found


def pipeline_of(place: SimulatedBackend, folder: Path, *, keeps_records: bool) -> Pipeline:
    for topic in (INPUT, OUTPUT):
        place.create(topic, 1)
    settings = {
        "name": PIPELINE,
        **{"kafka": str(folder / "contract.properties"), "lake": str(folder / "lake"), "state": str(folder / "state")},
        "input": {"topic": INPUT, "time": {"field": "datetime", "format": "iso8601"}, "value": {"field": "voltage"}},
        "output": {"topic": OUTPUT},
        "records": keeps_records,
    }
    path = folder / "p.yaml"
    path.write_text(json.dumps(settings))
    return load_pipeline(path)


@pytest.mark.parametrize("markers", [0, 1, 2])
@pytest.mark.parametrize("keeps_records", [True, False])
def test_a_record_that_is_handed_out_twice_is_never_counted_twice(
    place: SimulatedBackend, tmp_path: Path, keeps_records: bool, markers: int
) -> None:
    pipeline = pipeline_of(place, tmp_path, keeps_records=keeps_records)
    place.write(INPUT, READING, READING)
    for _ in range(markers):
        place.write_in_transaction(INPUT, READING, at=int(now().timestamp() * 1000), commit=True)
    engine = SimulatedEngine(place.cluster, Doubling())
    with pytest.raises(DayfoldError) as stopped:
        run_pipeline(pipeline, RunRequest("doubled"), engine)
    told = [str(one) for one in look_ahead(pipeline, {}).problems]
    # Without records nothing is stored that could be wrong: the next run reads again.
    assert told == ([str(stopped.value)] if keeps_records else [])
    run_pipeline(pipeline, RunRequest("again", abandon=keeps_records), engine)
    (count,) = (row["value_count"] for row in oracle.rows(f"{tmp_path}/lake/{PIPELINE}/contributions"))
    assert count == 2 + markers
