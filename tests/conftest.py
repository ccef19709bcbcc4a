"""What tests of several folders share: one real broker for the whole run, and topics of their own on it."""

import os
import random
import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from spark_jobs.launch.java import find_java
from spark_jobs.launch.session import build_session
from spark_jobs.launch.submit import LONG_METHODS_TOO
from spark_jobs.local.kafka.server import BrokerOptions, RunningKafka, create_topics, start_kafka
from spark_jobs.local.setup.jars import fetch_jars, jar_paths
from tests import fault_report
from tests.world import World, make_world

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# Housekeeping that tests wait for happens at once instead of after minutes.
IMPATIENT = BrokerOptions(
    settings={
        "log.initial.task.delay.ms": "100",
        "log.cleaner.backoff.ms": "500",
        "log.retention.check.interval.ms": "500",
        "log.segment.delete.delay.ms": "100",
        "transaction.abort.timed.out.transaction.cleanup.interval.ms": "500",
    }
)

# Every test's JVM lives for seconds: the first compiler alone takes a third less processor time over the whole run.
os.environ.setdefault("JDK_JAVA_OPTIONS", "-XX:TieredStopAtLevel=1")

# What is printed to a pipe is as wide as the program says, whatever terminal the tests were started in.
for name in ("COLUMNS", "LINES"):
    os.environ.pop(name, None)

NewTopic = Callable[..., str]


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("faults")
    group.addoption("--faults", action="store_true", help="run every fault case, and only those, and write the report")
    group.addoption(
        "--part", default="1/1", help="with --faults: K/N, every Nth case from the Kth on; a later part joins the report"
    )
    group.addoption("--thorough", action="store_true", help="do not leave out the cases that only `make faults` runs")
    group.addoption("--minutes", type=float, default=10, help="how long `make soak` goes on")
    group.addoption("--seed", type=int, default=1, help="what the random choices of fault cases begin with")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("faults") and not config.getoption("collectonly"):
        config.pluginmanager.register(fault_report)
        if not hasattr(config, "workerinput"):
            config.pluginmanager.register(fault_report.FaultReport(config))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what the usual run leaves out, or all that is no fault case."""
    if config.getoption("faults"):
        part, parts = fault_report.part_of(config.getoption("part"))
        chosen = [item for item in items if item.get_closest_marker("group")][part - 1 :: parts]
    elif config.getoption("thorough"):
        return
    else:
        chosen = [item for item in items if not item.get_closest_marker("thorough")]
    config.hook.pytest_deselected(items=[item for item in items if item not in set(chosen)])
    items[:] = chosen


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningKafka]:
    """The broker of this test run; it does not outlive a killed pytest."""
    with start_kafka(tmp_path_factory.mktemp("kafka"), options=IMPATIENT, tied_to_us=True) as running:
        yield running


@pytest.fixture
def topic_names(request: pytest.FixtureRequest) -> Callable[[], str]:
    """Makes names that no other test has, with the test's name in them."""
    slug = re.sub(r"[^a-z0-9]+", "-", request.node.name.removeprefix("test_").lower()).strip("-")[:80]
    return lambda: f"{slug}-{secrets.token_hex(4)}"


@pytest.fixture
def new_topic(kafka: RunningKafka, topic_names: Callable[[], str]) -> NewTopic:
    """`new_topic(partitions=4, config=None)` creates a topic of its own for the test and returns its name."""

    def create(partitions: int = 4, config: dict[str, str] | None = None) -> str:
        name = topic_names()
        create_topics(kafka.bootstrap, {name: partitions}, config)
        return name

    return create


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[SparkSession]":
    """The one Spark of this test run, with the jars a submitted job has."""
    fetch_jars()
    conf = {
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        # Only for tests that read the tables as a user's Spark does.
        "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
        "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
        # The default of 50 tasks per look at a small table takes seconds on two cores.
        "spark.databricks.delta.snapshotPartitions": "1",
        "spark.sql.warehouse.dir": str(tmp_path_factory.mktemp("warehouse")),
    }
    arguments = [
        "--master local[2]",
        "--driver-memory 2g",
        f"--driver-java-options {LONG_METHODS_TOO}",
        f"--driver-class-path '{os.pathsep.join(map(str, jar_paths('spark')))}'",
        *(f"--conf {key}={value}" for key, value in conf.items()),
    ]
    os.environ |= {"JAVA_HOME": str(find_java()), "PYSPARK_SUBMIT_ARGS": " ".join([*arguments, "pyspark-shell"])}
    session = build_session("tests")
    yield session
    session.stop()


@pytest.fixture
def chosen(request: pytest.FixtureRequest) -> random.Random:
    """Random choices that `--seed` and the name of the test decide."""
    return random.Random(f"{request.config.getoption('seed')} {request.node.name}")


NewWorld = Callable[..., World]


@pytest.fixture
def new_world(tmp_path: Path, kafka: RunningKafka, request: pytest.FixtureRequest) -> Iterator[NewWorld]:
    """`new_world(partitions=3, **settings)` is a pipeline of its own; Spark is only started by a run that needs it."""
    with ExitStack() as worlds:

        def create(partitions: int = 3, **settings: object) -> World:
            world = make_world(tmp_path, kafka.bootstrap, lambda: request.getfixturevalue("spark"), partitions, **settings)
            worlds.callback(world.end)
            return world

        yield create
