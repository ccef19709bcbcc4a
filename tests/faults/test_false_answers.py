"""The coordinator's answer is not what became of the transaction: success without effect, an error after it, or none at all."""

from itertools import chain

import pytest

from spark_jobs.base.errors import TryAgain
from spark_jobs.run.republish import republish
from tests import tcp_proxy
from tests.faults.batches import send_some
from tests.faults.network import Network, attempt, prove_whole
from tests.submitted import wait_until
from tests.watcher import watching
from tests.world import World

pytestmark = [pytest.mark.group("BF"), pytest.mark.thorough]

SUCCESS, UNKNOWN_SERVER_ERROR, INVALID_REQUEST, INVALID_TXN_STATE = 0, -1, 42, 48


@pytest.mark.proves("F144")
def test_a_commit_that_was_confirmed_but_never_took_effect_is_not_done(proxied_world: World, network: Network) -> None:
    send_some(proxied_world, 1)
    network.proxy.lie(tcp_proxy.END_TXN, SUCCESS, broker_gets_it=False)
    with watching(proxied_world) as watcher:
        assert attempt(proxied_world) == 75
        assert network.proxy.lies == 1
        assert watcher.visible_batches() == set()
        prove_whole(proxied_world)


@pytest.mark.proves("F189")
def test_a_republication_that_was_confirmed_but_never_took_effect_is_no_success(proxied_world: World, network: Network) -> None:
    send_some(proxied_world, 1)
    proxied_world.run()
    averages = len(list(chain.from_iterable(proxied_world.output().values())))
    network.proxy.lie(tcp_proxy.END_TXN, SUCCESS, broker_gets_it=False)
    with pytest.raises(TryAgain, match=rf"that {averages} averages .* were published again, but readers of \S+ do not see them"):
        republish(proxied_world.pipeline, "believed")
    assert network.proxy.lies == 1
    network.proxy.forget()
    assert republish(proxied_world.pipeline, "again").count == averages
    assert len(list(chain.from_iterable(proxied_world.output().values()))) == 2 * averages


@pytest.mark.proves("F146")
@pytest.mark.parametrize("error", [UNKNOWN_SERVER_ERROR, INVALID_REQUEST, INVALID_TXN_STATE])
def test_a_commit_that_took_effect_but_was_answered_with_an_error_is_not_repeated(
    proxied_world: World, network: Network, error: int, capfd: pytest.CaptureFixture[str]
) -> None:
    send_some(proxied_world, 1)
    network.proxy.lie(tcp_proxy.END_TXN, error, broker_gets_it=True)
    with watching(proxied_world) as watcher:
        assert attempt(proxied_world, codes=[75, 76]) in (75, 76)
        assert network.proxy.lies == 1
        wait_until(lambda: watcher.visible_batches() == {1}, "the broker to have committed")
        assert "nothing of it is visible" not in capfd.readouterr().out
        prove_whole(proxied_world)


@pytest.mark.proves("F147")
@pytest.mark.parametrize("request_kind", [tcp_proxy.ADD_OFFSETS_TO_TXN, tcp_proxy.TXN_OFFSET_COMMIT])
def test_offsets_that_never_arrive_end_the_run_in_time(proxied_world: World, network: Network, request_kind: int) -> None:
    """As where the group's coordinator has gone for good: the run itself sets the time."""
    send_some(proxied_world, 1)
    network.proxy.hold(request_kind)
    with watching(proxied_world) as watcher:
        assert attempt(proxied_world, codes=[75]) == 75
        assert watcher.visible_batches() == set()
        network.proxy.forget()
        prove_whole(proxied_world)
