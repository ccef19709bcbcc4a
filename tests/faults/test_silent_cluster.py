"""What the silence of a real cluster becomes, whatever it was asked: librdkafka makes an answer of it for some questions."""

from collections.abc import Iterator

import pytest

from spark_jobs.access.properties import load_kafka_settings
from spark_jobs.base.errors import DayfoldError, TryAgain
from spark_jobs.broker.cluster import Broker, connect
from tests.faults.network import Network
from tests.questions import QUESTIONS
from tests.world import World

pytestmark = pytest.mark.group("BF")

SECONDS = 2.0
USUAL = ("stable ends", "group")


@pytest.fixture
def broker(proxied_world: World) -> Iterator[Broker]:
    with connect(load_kafka_settings(proxied_world.pipeline.kafka, {}), timeout_seconds=SECONDS) as connected:
        yield connected


@pytest.mark.proves("F22", "F157")
@pytest.mark.parametrize("question", [pytest.param(one, marks=() if one in USUAL else pytest.mark.thorough) for one in QUESTIONS])
def test_a_cluster_that_falls_silent_asks_for_another_try_whatever_it_was_asked(
    question: str, broker: Broker, network: Network
) -> None:
    network.proxy.silence(up=True, down=True)
    with pytest.raises(DayfoldError) as raised:
        QUESTIONS[question](broker)
    assert raised.value.exit_code == TryAgain.exit_code
