"""The broker itself goes away while a run plans, reads, produces or commits: in order, by a kill, or frozen, and comes back."""

import threading

import pytest

from tests.faults.batches import send_some
from tests.faults.network import POINTS, Network, Strike, attempt, prove_harmless, prove_whole
from tests.watcher import watching
from tests.world import World

pytestmark = pytest.mark.group("BF")

FROZEN_SECONDS = 5.0


def restart(network: Network) -> None:
    network.stop()
    network.start().result()


def kill_and_restart(network: Network) -> None:
    network.kill()
    network.start().result()


def stop_for_a_moment(network: Network) -> None:
    """The run meets a broker that is gone, then one that is starting, then one whose coordinators are loading."""
    network.stop()
    network.start()


def kill_for_a_moment(network: Network) -> None:
    network.kill()
    network.start()


def freeze_for_a_moment(network: Network) -> None:
    network.freeze()
    threading.Timer(FROZEN_SECONDS, network.wake).start()


OUTAGES: dict[str, Strike] = {
    "restarted": restart,
    "killed and restarted": kill_and_restart,
    "stopped for a moment": stop_for_a_moment,
    "killed for a moment": kill_for_a_moment,
    "frozen for a moment": freeze_for_a_moment,
}
USUAL = {("killed and restarted", "commit")}
CASES = [
    pytest.param(outage, where, marks=[] if (outage, where) in USUAL else pytest.mark.thorough)
    for outage in OUTAGES
    for where in POINTS
]


@pytest.mark.proves("F22", "F23", "F27", "F40", "F42", "F43", "K21")
@pytest.mark.parametrize(("outage", "where"), CASES)
def test_a_broker_that_is_away_for_a_moment_changes_nothing(
    proxied_world: World, network: Network, outage: str, where: str
) -> None:
    prove_harmless(proxied_world, network, POINTS[where], OUTAGES[outage])


@pytest.mark.thorough
@pytest.mark.proves("F22", "F23", "F27", "F34", "K21")
@pytest.mark.parametrize("where", POINTS)
@pytest.mark.parametrize("outage", ["killed", "frozen"])
def test_a_broker_that_stays_away_ends_the_run_with_one_sentence(
    proxied_world: World, network: Network, outage: str, where: str
) -> None:
    """Frozen is for as long as any run waits, which is 90 s and more."""
    code, _ = prove_harmless(proxied_world, network, POINTS[where], Network.kill if outage == "killed" else Network.freeze)
    assert code == 75


@pytest.mark.thorough
@pytest.mark.proves("F23", "F43")
@pytest.mark.parametrize("how", ["stop", "kill"])
def test_a_run_that_begins_while_the_broker_is_starting_waits_or_asks_for_another_try(
    proxied_world: World, network: Network, how: str
) -> None:
    send_some(proxied_world, 1)
    with watching(proxied_world):
        assert attempt(proxied_world) == 0
        getattr(network, how)()
        back = network.start()
        assert attempt(proxied_world) in (0, 75)
        back.result()
        prove_whole(proxied_world)
