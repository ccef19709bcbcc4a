"""The network between the job and the broker fails while a run plans, reads, produces or commits."""

import threading
from functools import partial

import pytest

from tests.faults.network import POINTS, Network, Strike, prove_harmless
from tests.world import World

pytestmark = pytest.mark.group("BF")

PUBLISHING = ("produce", "commit")

SHORT_SECONDS = 2.0
"""Long enough for the job to send into it, short enough to be over before anything gives up."""


def for_a_moment(strike: Strike, network: Network) -> None:
    """The fault now, its end a moment later, while the job goes on."""
    strike(network)
    threading.Timer(SHORT_SECONDS, network.proxy.heal).start()


FAULTS: dict[str, Strike] = {
    "blackhole": lambda network: network.proxy.silence(up=True, down=True),
    "requests lost": lambda network: network.proxy.silence(up=True, down=False),
    "answers lost": lambda network: network.proxy.silence(up=False, down=True),
    "reset": lambda network: network.proxy.reset(),
    "refused": lambda network: network.proxy.reset(refuse=True),
    "latency": lambda network: network.proxy.slow(delay_seconds=0.15),
    "trickle": lambda network: network.proxy.slow(delay_seconds=0.001, piece=16),
}


@pytest.mark.thorough
@pytest.mark.proves("F22", "F23", "F27", "F34", "F38", "F43", "F157", "K21")
@pytest.mark.parametrize("where", POINTS)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_network_that_fails_for_a_moment_changes_nothing(
    proxied_world: World, network: Network, fault: str, where: str
) -> None:
    """While it publishes, the run even comes through by itself: it asks again for what was lost."""
    code, _ = prove_harmless(proxied_world, network, POINTS[where], partial(for_a_moment, FAULTS[fault]))
    assert code in ((0,) if where in PUBLISHING else (0, 75)), code
