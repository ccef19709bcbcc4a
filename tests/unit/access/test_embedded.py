"""`bootstrap.servers=embedded`: the broker of this very folder, and nobody else's."""

import json
import os
from pathlib import Path

import pytest

from spark_jobs.access.embedded import PROPERTIES, STATE, folder_meant
from spark_jobs.access.properties import load_kafka_settings
from spark_jobs.base.errors import TryAgain
from spark_jobs.base.project import PROJECT

NOT_RUNNING = r"the embedded Kafka of {folder} is not running: start it with `dayfold broker start`, or name brokers of your own"


def project(folder: Path, servers: str = "embedded") -> Path:
    """A project folder; its Kafka properties file."""
    (folder / "conf").mkdir(parents=True)
    file = folder / "conf" / "kafka.properties"
    file.write_text(f"bootstrap.servers={servers}\n")
    return file


def test_the_shipped_file_means_the_broker_of_its_own_project() -> None:
    shipped = PROJECT / "conf" / "kafka.properties"
    assert "bootstrap.servers=embedded" in shipped.read_text().splitlines()
    assert folder_meant(shipped, "embedded", PROJECT) == PROJECT / "data" / "kafka"


@pytest.mark.proves("F194")
def test_without_a_broker_of_its_own_a_project_uses_no_other_one(tmp_path: Path) -> None:
    file = project(tmp_path)
    with pytest.raises(TryAgain, match=NOT_RUNNING.format(folder=tmp_path / "data" / "kafka")):
        load_kafka_settings(file, {})


@pytest.mark.proves("F194")
def test_a_process_that_was_given_a_dead_brokers_number_is_no_broker(tmp_path: Path) -> None:
    file, folder = project(tmp_path), tmp_path / "data" / "kafka"
    folder.mkdir(parents=True)
    (folder / STATE).write_text(json.dumps({"port": 19092, "controller_port": 1, "pid": os.getpid()}))
    (folder / PROPERTIES).touch()
    with pytest.raises(TryAgain, match=NOT_RUNNING.format(folder=folder)):
        load_kafka_settings(file, {})
    # The file that the broker's start wrote there names the port that it had.
    (folder / "client.properties").write_text("bootstrap.servers=127.0.0.1:19092\n")
    with pytest.raises(TryAgain, match=NOT_RUNNING.format(folder=folder)):
        load_kafka_settings(folder / "client.properties", {})


def test_brokers_of_ones_own_stay_what_they_are(tmp_path: Path) -> None:
    settings = load_kafka_settings(project(tmp_path, "127.0.0.1:19092,embedded:9092"), {})
    assert (settings.servers, settings.cluster) == ("127.0.0.1:19092,embedded:9092", None)
