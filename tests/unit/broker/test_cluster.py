"""What a cluster's silence becomes, whatever it was asked."""

from collections.abc import Callable
from pathlib import Path

import pytest

from spark_jobs.base.errors import DayfoldError, TryAgain
from spark_jobs.broker.cluster import Broker, connect
from tests.worlds.backends import SimulatedBackend
from tests.worlds.clients import Fate

QUESTIONS: dict[str, Callable[[Broker], object]] = {
    "topic": lambda broker: broker.topic("in"),
    "stable ends": lambda broker: broker.stable_ends("in", [0]),
    "committed": lambda broker: broker.committed("p", "in", [0]),
    "visible": lambda broker: broker.visible("p", "in", {0: 0}),
    "broker config": lambda broker: broker.broker_config(["transaction.max.timeout.ms"]),
    "replicas": lambda broker: broker.replicas("in"),
    "group": lambda broker: broker.find_group("p"),
    "delete group": lambda broker: broker.delete_group("p"),
    "create topic": lambda broker: broker.create_topic("new", 1, None, {}),
    "scan": lambda broker: list(broker.scan("in", {0: 0}, {0: 1}, idle_seconds=1)),
    "cut": lambda broker: broker.find_cut("in", {0: (1, 0)}),
}


class Silent(SimulatedBackend):
    """A cluster that answers nothing from some moment on."""

    fate = Fate.ANSWERED

    def request(self, _: str) -> Fate:
        self.cluster.pass_time(0.001)
        return self.fate


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_cluster_that_falls_silent_asks_for_another_try_whatever_it_was_asked(question: str, tmp_path: Path) -> None:
    silent = Silent(tmp_path)
    silent.create("in", 1)
    silent.write("in", b"one")
    with silent.reached(), connect(silent.settings) as broker:
        silent.fate = Fate.LOST
        with pytest.raises(DayfoldError) as raised:
            QUESTIONS[question](broker)
    assert raised.value.exit_code == TryAgain.exit_code
