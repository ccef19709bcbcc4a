"""The connection is cut at one request: before the broker has it, or after, so that only the answer is lost.

Each run has two batches, so that every kind of request is sent more than once, by one producer after the other.
"""

from pathlib import Path

import pytest

from tests import tcp_proxy
from tests.faults.batches import send_some
from tests.faults.network import Network, attempt, make_proxied_world, prove_harmless, prove_whole
from tests.watcher import watching
from tests.world import World

pytestmark = pytest.mark.group("BF")

TWO_BATCHES = {"max_rejected_fraction": 1.0, "max_records_per_batch": 2}
KINDS = {
    "Produce": tcp_proxy.PRODUCE,
    "ListOffsets": tcp_proxy.LIST_OFFSETS,
    "OffsetFetch": tcp_proxy.OFFSET_FETCH,
    "InitProducerId": tcp_proxy.INIT_PRODUCER_ID,
    "AddOffsetsToTxn": tcp_proxy.ADD_OFFSETS_TO_TXN,
    "EndTxn": tcp_proxy.END_TXN,
    "TxnOffsetCommit": tcp_proxy.TXN_OFFSET_COMMIT,
}
USUAL = {("EndTxn", 1, "answer lost"), ("InitProducerId", 1, "answer lost")}
CASES = [
    pytest.param(kind, nth, lost, marks=[] if (kind, nth, lost) in USUAL else pytest.mark.thorough)
    for kind in KINDS
    for nth in (1, 2)
    for lost in ("request lost", "answer lost")
]


@pytest.fixture
def world(network: Network, tmp_path: Path, spark: object) -> World:
    return make_proxied_world(network, tmp_path, spark, limits=TWO_BATCHES)


@pytest.mark.proves("F27", "F28", "F38", "F43", "K03", "K21")
@pytest.mark.parametrize(("kind", "nth", "lost"), CASES)
def test_a_connection_cut_at_a_request_changes_nothing(world: World, network: Network, kind: str, nth: int, lost: str) -> None:
    def cut(network: Network) -> None:
        network.proxy.cut(KINDS[kind], nth, broker_gets_it=lost == "answer lost")

    prove_harmless(world, network, "before:lock", cut)
    assert network.proxy.cuts == 1, f"no {kind} number {nth} was sent: {network.proxy.requests}"


@pytest.mark.thorough
@pytest.mark.proves("F28", "C11")
def test_a_delayed_commit_cannot_reach_the_next_transaction_of_the_same_run(world: World, network: Network) -> None:
    """The first EndTxn is lost, and sent again by the client; what was lost arrives in the middle of the second batch."""
    send_some(world, 1)
    network.proxy.cut(tcp_proxy.END_TXN, 1, broker_gets_it=False)
    passed: list[str] = []
    errors: list[int] = []

    def release_in_second_batch(point: str) -> None:
        passed.append(point)
        if passed.count("before:commit_transaction") == 2 and not errors:
            errors.extend(network.proxy.release())

    with watching(world):
        assert attempt(world, release_in_second_batch) == 0
        assert len(errors) == 1
        assert errors[0] != 0, "the broker took the delayed commit for one of the second batch"
        prove_whole(world)
