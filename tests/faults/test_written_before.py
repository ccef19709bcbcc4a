"""What earlier versions wrote is read, resumed and audited: four unfinished batches on a broker's own files, and what became of
them then.

`tests/written/make.py` wrote the files with the version that their name says.
"""

import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from spark_jobs.local.kafka.server import RunningKafka, start_kafka
from tests import written
from tests.faults.audited import audited, told
from tests.world import make_world
from tests.written.make import RESULTS, STATES, averages, published

WRITTEN = Path(written.__file__).parent

pytestmark = [pytest.mark.group("DF"), pytest.mark.proves("F64")]


@dataclass(frozen=True)
class Written:
    """The unpacked folder, and a broker on its files."""

    folder: Path
    kafka: RunningKafka


@pytest.fixture(scope="module", params=["without_definitions", pytest.param("with_definitions", marks=pytest.mark.thorough)])
def left(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Written]:
    folder = tmp_path_factory.mktemp("written")
    with tarfile.open(WRITTEN / f"{request.param}.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    with start_kafka(folder / "kafka", tied_to_us=True) as kafka:
        yield Written(folder, kafka)


@pytest.mark.parametrize("state", STATES)
def test_a_batch_that_an_earlier_version_left_is_finished_to_the_byte_as_that_version_would(
    left: Written, state: str, spark: Any, tmp_path: Path
) -> None:
    results = json.loads(RESULTS.read_text())[state]
    settings: dict[str, Any] = {"lake": str(left.folder / "lake"), **STATES[state].settings}
    world = make_world(tmp_path, left.kafka.bootstrap, lambda: spark, 2, name=state, create=False, **settings)
    (done,) = world.run()
    assert done.batch == 2
    assert averages(world) == results["averages"]
    assert published(left.kafka.bootstrap, world.pipeline.output_name) == results["output"]
    found = audited(world, deep=True)
    assert not found.differences, told(found)
    assert world.run() == []
