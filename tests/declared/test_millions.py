"""A million messages of each example on the real broker, through real Spark: every row of every table and every output record is
what plain Python finds, however the messages are cut into batches. `make millions` runs it.
"""

import logging
import random
import time
from pathlib import Path

import pytest

from spark_jobs.local.kafka.server import RunningKafka
from tests.declared.examples import EXAMPLES
from tests.declared.world import declared_world

log = logging.getLogger(__name__)

COUNT = 1_000_000
ROOM = 1.01
"""No partition holds exactly a third of the messages, and all of each must fit into as many batches as are wanted."""


@pytest.mark.thorough
@pytest.mark.parametrize("cuts", [1, 7, 23])
@pytest.mark.parametrize("name", EXAMPLES)
@pytest.mark.proves("F96", "F97")
def test_a_million_messages_count_as_in_plain_python(
    name: str, cuts: int, tmp_path: Path, kafka: RunningKafka, request: pytest.FixtureRequest
) -> None:
    # The same messages at the same places, whatever the cuts: what each total equals is then the same for all of them.
    chosen = random.Random(f"a million of {name}")
    limits = {"max_rejected_fraction": 1.0, "max_records_per_batch": int(ROOM * COUNT / cuts)}
    spark = lambda: request.getfixturevalue("spark")  # noqa: E731
    with declared_world(name, tmp_path, kafka.bootstrap, spark, chosen, limits=limits) as world:
        world.send(COUNT)
        begun = time.monotonic()
        done = world.world.run()
        ran = time.monotonic()
        assert len(done) == cuts
        world.assert_all_counted()
        published = sum(one.published or 0 for one in done)
        log.info(
            "%s in %d: run %.0f s, %d published, compared in %.0f s", name, cuts, ran - begun, published, time.monotonic() - ran
        )
