"""What fault cases share: a broker behind a proxy, and pipelines whose job knows the proxy alone."""

import random
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from spark_jobs.local.kafka.server import RunningKafka
from tests.conftest import IMPATIENT
from tests.declared.world import DeclaredWorld, NewDeclared, declared_world
from tests.faults.audited import write_history
from tests.faults.network import Network, make_proxied_world, proxied_broker
from tests.world import World, make_world

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.fixture(scope="session")
def whole_network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    with proxied_broker(tmp_path_factory.mktemp("network") / "kafka", IMPATIENT) as network:
        yield network


@pytest.fixture
def network(whole_network: Network) -> Iterator[Network]:
    """The broker behind its proxy; whole again after the test, whatever that did."""
    whole_network.proxy.forget()
    yield whole_network
    whole_network.make_whole()
    whole_network.proxy.forget()


@pytest.fixture
def proxied_world(network: Network, tmp_path: Path, spark: "SparkSession") -> Iterator[World]:
    """A pipeline whose job comes in through the proxy."""
    world = make_proxied_world(network, tmp_path, spark)
    yield world
    network.make_whole()
    world.end()


@pytest.fixture(scope="session")
def history(tmp_path_factory: pytest.TempPathFactory, kafka: RunningKafka, spark: "SparkSession") -> Iterator[World]:
    """A pipeline that has been through everything; only looked at, cases tamper with copies of its tables."""
    world = make_world(tmp_path_factory.mktemp("history"), kafka.bootstrap, lambda: spark)
    write_history(world)
    yield world
    world.end()


@pytest.fixture
def new_declared(
    tmp_path: Path, kafka: RunningKafka, request: pytest.FixtureRequest, chosen: random.Random
) -> Iterator[NewDeclared]:
    """Makes pipelines of declared aggregates."""
    with ExitStack() as worlds:

        def create(name: str, **settings: Any) -> DeclaredWorld:
            spark = lambda: request.getfixturevalue("spark")  # noqa: E731
            return worlds.enter_context(declared_world(name, tmp_path, kafka.bootstrap, spark, chosen, **settings))

        yield create
