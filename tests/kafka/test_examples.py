"""`dayfold init --example`: a file, topics and messages of which each is there once, however often it is asked for."""

from pathlib import Path

import pytest

from spark_jobs.access.properties import load_kafka_settings
from spark_jobs.base.errors import ConfigurationError, UsageError
from spark_jobs.broker.cluster import connect
from spark_jobs.local.examples.beginning import FILES, PARTITIONS, begin_example
from spark_jobs.local.examples.messages import MAKERS
from spark_jobs.local.kafka.server import RunningKafka

COUNT = 300


@pytest.fixture
def project(tmp_path: Path, kafka: RunningKafka) -> Path:
    """Another project, whose properties file means the tests' broker."""
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "kafka.properties").write_text(f"bootstrap.servers={kafka.bootstrap}\n")
    return tmp_path


def held(project: Path, topic: str) -> list[int]:
    with connect(load_kafka_settings(project / "conf" / "kafka.properties", {})) as broker:
        return [one.high for one in broker.topic(topic).partitions]


@pytest.mark.parametrize("name", MAKERS)
def test_an_example_is_begun_once_and_gone_on_with(name: str, project: Path) -> None:
    environment = {"DAYFOLD_PIPELINES": str(project / "conf" / "pipelines")}
    first = begin_example(name, COUNT, project / "nowhere", environment)
    assert (first.present, first.sent) == (0, COUNT)
    assert first.path.read_bytes() == (FILES / f"{name}.yaml").read_bytes()
    there = held(project, first.pipeline.input.topic)
    assert (len(there), sum(there)) == (PARTITIONS, COUNT)
    again = begin_example(name, COUNT + 50, project / "nowhere", environment)
    assert (again.present, again.sent) == (COUNT, 50)
    assert not (project / "nowhere").exists()
    with first.path.open("a") as file:
        file.write("# mine\n")
    with pytest.raises(ConfigurationError, match="is there already and is not the example"):
        begin_example(name, COUNT, project / "nowhere", environment)


def test_an_example_that_there_is_not_is_named_with_those_that_there_are(project: Path) -> None:
    with pytest.raises(UsageError, match="there is no example shop; there are ads, bank, sensors"):
        begin_example("shop", COUNT, project, {"DAYFOLD_PIPELINES": str(project)})
