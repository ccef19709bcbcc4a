"""A broker that a test may stop, kill and freeze, with two ways in: a direct one for those who watch, and one through a proxy.

The job under test knows the proxy alone. `prove_harmless` is the shape of every case: a run meets the fault, and ends with
success or with one sentence that asks for another try; with the network whole again a plain run counts everything, exactly once,
and a consumer who watched all the time was never misled.
"""

import contextlib
import io
import os
import signal
import time
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from spark_jobs import daily_averages
from spark_jobs.base import faults
from spark_jobs.local.free_ports import free_ports
from spark_jobs.local.kafka import folder as kafka_folder
from spark_jobs.local.kafka.server import BrokerOptions, RunningKafka, start_kafka
from tests.faults.batches import send_some
from tests.tcp_proxy import TcpProxy, proxy
from tests.watcher import Watcher, watching
from tests.world import World, make_world

BOUND_SECONDS = 150
ENDS_OF_NETWORK_FAULTS = (0, 75, 76)
"""No outage may keep a run for longer: it waits 10 s for an answer, 30 s for the fence, 60 s for the commit."""

POINTS = {
    "plan": "after:fence",
    "read": "before:records_files",
    "produce": "after:begin_transaction",
    "commit": "before:commit_transaction",
}
"""Where a run is when the fault strikes: about to ask for offsets, about to read in Spark,
before its first record, before EndTxn.
"""

Strike = Callable[["Network"], object]


@dataclass
class Network:
    """The broker and the proxy in front of its second listener."""

    folder: Path
    options: BrokerOptions
    proxy: TcpProxy
    direct: int
    keeper: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "keeper"))
    kafka: RunningKafka = field(init=False)

    def start(self) -> "Future[None]":
        """Let the broker come back while the caller goes on; the thread it is tied to lives as long as the tests."""

        def come_back() -> None:
            self.kafka = start_kafka(self.folder, options=self.options, tied_to_us=True)

        return self.keeper.submit(come_back)

    def stop(self) -> None:
        self.kafka.stop()

    def kill(self) -> None:
        self.kafka.kill()

    def freeze(self) -> None:
        os.kill(self.kafka.pid, signal.SIGSTOP)

    def wake(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.kafka.pid, signal.SIGCONT)

    def make_whole(self) -> None:
        """Everything runs and is forwarded again, whatever a test did."""
        self.proxy.heal()
        self.wake()
        self.start().result()


@contextmanager
def proxied_broker(folder: Path, options: BrokerOptions) -> Iterator[Network]:
    """A network for a whole test run."""
    direct, controller, behind, front = free_ports([None] * 4)
    folder.mkdir()
    kafka_folder.write_state(folder, {"port": direct, "controller_port": controller})
    listeners = {
        "listeners": f"CLIENT://127.0.0.1:{direct},PROXIED://127.0.0.1:{behind},CONTROLLER://127.0.0.1:{controller}",
        "advertised.listeners": f"CLIENT://127.0.0.1:{direct},PROXIED://127.0.0.1:{front}",
        "listener.security.protocol.map": "CLIENT:PLAINTEXT,PROXIED:PLAINTEXT,CONTROLLER:PLAINTEXT",
    }
    with proxy(front, behind) as running:
        network = Network(folder, replace(options, settings={**options.settings, **listeners}), running, direct)
        network.start().result()
        try:
            yield network
        finally:
            network.wake()
            network.stop()
            network.keeper.shutdown()


def make_proxied_world(network: Network, folder: Path, spark: Any, **settings: Any) -> World:
    """A pipeline whose job comes in through the proxy; the test itself and the watcher come in directly."""
    world = make_world(folder, f"127.0.0.1:{network.direct}", lambda: spark, partitions=2, **settings)
    world.pipeline.kafka.write_text(f"bootstrap.servers=127.0.0.1:{network.proxy.port}\n")
    return world


def attempt(
    world: World, happening: Callable[[str], object] = lambda _: None, codes: Collection[int] = ENDS_OF_NETWORK_FAULTS
) -> int:
    """One run as its process would end: the exit code. What it says must be one sentence, and it must not take for ever."""
    said, begun = io.StringIO(), time.monotonic()
    os.environ["DAYFOLD_ALLOW_FAULTS"] = "1"
    try:
        with faults.calling(happening), contextlib.redirect_stderr(said):
            code = daily_averages.main(["--config", str(world.config), "--run-id", "attempt"])
    finally:
        del os.environ["DAYFOLD_ALLOW_FAULTS"]
    seconds = time.monotonic() - begun
    print(f"ended with {code} after {seconds:.1f} s: {said.getvalue()}")
    assert seconds < BOUND_SECONDS, f"the run took {seconds:.0f} s"
    assert code in codes, said.getvalue()
    assert_one_sentence(code, said.getvalue())
    return code


def assert_one_sentence(code: int, said: str) -> None:
    if code:
        assert said.startswith("dayfold: "), said
        assert said.count("\n") == 1, said
        assert "Traceback" not in said
        assert "\tat " not in said
    else:
        assert said == ""


def strike_once(network: Network, point: str, strike: Strike) -> tuple[Callable[[str], None], list[str]]:
    """A callback for fault points that strikes the first time `point` is passed; the list tells whether it was."""
    struck: list[str] = []

    def happening(passed: str) -> None:
        if passed == point and not struck:
            struck.append(passed)
            strike(network)

    return happening, struck


def prove_harmless(world: World, network: Network, point: str, strike: Strike) -> tuple[int, Watcher]:
    """A run that is struck at the point, then a plain one on top of more input; the first one's exit code."""
    send_some(world, 1)
    with watching(world) as watcher:
        happening, struck = strike_once(network, point, strike)
        code = attempt(world, happening)
        assert struck, f"{point} was never passed"
        network.make_whole()
        prove_whole(world)
    return code, watcher


def prove_whole(world: World) -> None:
    """With nothing in its way a plain run counts everything, what was sent last as well."""
    send_some(world, 2)
    assert attempt(world) == 0
    world.assert_all_counted()
