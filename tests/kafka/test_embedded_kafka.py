"""Two clones of the project on one machine: each uses its own embedded Kafka, at whatever port, or none."""

from dataclasses import replace
from pathlib import Path

import pytest

from spark_jobs.access.embedded import cluster_id
from spark_jobs.access.properties import load_kafka_settings
from spark_jobs.base.errors import TryAgain
from spark_jobs.broker.cluster import connect
from spark_jobs.local.kafka.server import RunningKafka


def clone(folder: Path) -> Path:
    (folder / "conf").mkdir(parents=True)
    file = folder / "conf" / "kafka.properties"
    file.write_text("bootstrap.servers=embedded\n")
    return file


@pytest.mark.proves("F194")
def test_a_clone_finds_its_own_broker_at_whatever_port_and_the_other_clone_does_not(tmp_path: Path, kafka: RunningKafka) -> None:
    ours, other = clone(tmp_path / "ours"), clone(tmp_path / "other")
    (tmp_path / "ours" / "data").mkdir()
    (tmp_path / "ours" / "data" / "kafka").symlink_to(kafka.folder)
    settings = load_kafka_settings(ours, {})
    assert settings.servers == kafka.bootstrap
    with connect(settings) as broker:
        assert broker.cluster_id() == cluster_id(kafka.folder)
    with pytest.raises(TryAgain, match="is not running"):
        load_kafka_settings(other, {})


@pytest.mark.proves("F194")
def test_another_cluster_at_the_brokers_port_is_not_taken_for_it(tmp_path: Path, kafka: RunningKafka) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "kafka").symlink_to(kafka.folder)
    settings = load_kafka_settings(clone(tmp_path), {})
    # As after the broker had ended and another clone's was started, between the look at the folder and the first question.
    before = replace(settings, cluster="another-one")
    with pytest.raises(
        TryAgain, match=rf"another Kafka \(cluster {cluster_id(kafka.folder)}\) answers at {kafka.bootstrap} than"
    ):
        connect(before)
