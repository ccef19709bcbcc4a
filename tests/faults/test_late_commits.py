"""The one request whose fate decides: EndTxn sent and its answer lost, never sent, or held back on the way and delivered late."""

from pathlib import Path

import pytest

from tests import tcp_proxy
from tests.faults.batches import send_some
from tests.faults.network import Network, attempt, prove_whole, strike_once
from tests.submitted import KILLED, SECONDS, wait_until
from tests.watcher import watching
from tests.world import World

pytestmark = pytest.mark.group("BF")

RELEASED = {
    "after batch 1 was published": (1, "before:done_commit"),
    "before batch 1 is committed": (1, "before:commit_transaction"),
    "before batch 2 is committed": (2, "before:commit_transaction"),
    "after batch 2 was published": (2, "before:done_commit"),
}


@pytest.fixture
def world(proxied_world: World) -> World:
    send_some(proxied_world, 1)
    return proxied_world


def die_while_the_commit_is_held_back(world: World, network: Network) -> None:
    """A run that is killed when it has sent EndTxn, which stays on the way."""
    network.proxy.hold(tcp_proxy.END_TXN)
    run = world.submit()
    network.proxy.wait_for_held(SECONDS)
    assert run.kill()[0] in KILLED
    network.proxy.heal()


@pytest.mark.thorough
@pytest.mark.proves("C1", "K21", "F27")
def test_a_commit_whose_answer_was_lost_with_its_sender_is_not_repeated(world: World, network: Network) -> None:
    with watching(world) as watcher:
        network.proxy.cut(tcp_proxy.END_TXN, 1, broker_gets_it=True)
        run = world.submit()
        wait_until(lambda: network.proxy.cuts == 1, "EndTxn", SECONDS)
        assert run.kill()[0] in KILLED
        wait_until(lambda: watcher.visible_batches() == {1}, "the broker to have committed")
        prove_whole(world)


@pytest.mark.thorough
@pytest.mark.proves("C1", "K21", "F27", "F40")
def test_a_commit_that_was_lost_with_its_sender_is_made_by_the_next_run(world: World, network: Network) -> None:
    with watching(world) as watcher:
        die_while_the_commit_is_held_back(world, network)
        assert watcher.visible_batches() == set()
        prove_whole(world)


@pytest.mark.thorough
@pytest.mark.proves("C11", "F28", "F29")
@pytest.mark.parametrize("when", RELEASED)
def test_a_commit_of_a_dead_run_that_arrives_late_has_no_effect(world: World, network: Network, when: str) -> None:
    batch, point = RELEASED[when]
    errors: list[int] = []

    def release(_: Network) -> None:
        errors.extend(network.proxy.release())

    with watching(world) as watcher:
        die_while_the_commit_is_held_back(world, network)
        if batch == 2:
            assert attempt(world) == 0
            send_some(world, 3)
        happening, struck = strike_once(network, point, release)
        assert attempt(world, happening) == 0
        assert struck
        (error,) = errors
        assert error != 0, "the broker took the late commit"
        assert max(watcher.visible_batches(), default=0) <= batch
        prove_whole(world)


@pytest.mark.thorough
@pytest.mark.proves("C11", "F29", "F43")
def test_a_living_run_whose_commit_is_late_is_told_that_it_was_superseded(world: World, network: Network, tmp_path: Path) -> None:
    with watching(world):
        network.proxy.hold(tcp_proxy.END_TXN)
        older = world.submit()
        network.proxy.wait_for_held(SECONDS)
        network.proxy.heal()
        world.run(overrides=[f"state={tmp_path / 'another-machine'}"])
        (error,) = network.proxy.release()
        assert error != 0, "the broker took the late commit"
        network.proxy.reset()
        code, output = older.finish()
        assert code in (75, 76), output
        assert output.rpartition("\ndayfold: ")[2].count("\n") == 1, output
        prove_whole(world)
