"""What a cluster's silence becomes, whatever it was asked."""

from pathlib import Path

import pytest

from spark_jobs.base.errors import DayfoldError, TryAgain
from spark_jobs.broker.cluster import connect
from tests.questions import QUESTIONS
from tests.worlds.backends import SimulatedBackend
from tests.worlds.clients import Fate


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
