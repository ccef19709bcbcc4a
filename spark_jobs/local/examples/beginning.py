"""An example pipeline on one's own machine: its file, the embedded Kafka, its topics, and made-up messages.

Killed anywhere: the next call goes on where this one ended. A file or a topic of the user's own is never touched.
"""

import shutil
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time
from pathlib import Path

from spark_jobs.access.properties import KafkaSettings, load_kafka_settings
from spark_jobs.base import machine
from spark_jobs.base.errors import ConfigurationError, TryAgain, UsageError
from spark_jobs.base.project import PROJECT
from spark_jobs.broker.cluster import connect
from spark_jobs.local.examples.messages import MAKERS, example_messages
from spark_jobs.local.kafka.sending import Sendable, send_all
from spark_jobs.local.kafka.server import create_topics, start_broker
from spark_jobs.pipeline.files import pipelines_folder
from spark_jobs.pipeline.settings import Pipeline, load_pipeline

FILES = PROJECT / "conf" / "examples"
PARTITIONS, MESSAGES = 4, 20_000


@dataclass(frozen=True)
class BegunExample:
    """Where its file is now, and how many messages were sent; the topic held `present` ones before."""

    path: Path
    pipeline: Pipeline
    present: int
    sent: int


def begin_example(name: str, count: int, kafka: Path, environment: Mapping[str, str]) -> BegunExample:
    """Everything that a first run of an example needs; `kafka` is the folder of the embedded broker, which is started if the
    pipeline's properties file means it.
    """
    path = _copied(name, pipelines_folder(environment) / f"{name}.yaml")
    pipeline = load_pipeline(path, environment=environment)
    client = _running(pipeline, kafka, environment)
    topics = {pipeline.input.topic: PARTITIONS, pipeline.output_name: PARTITIONS}
    create_topics(client.servers, topics, client=client.librdkafka())
    with connect(client) as broker:
        present = {one.number: one.high for one in broker.topic(pipeline.input.topic).partitions}
    messages = _missing(name, count, present)
    sent = send_all(client.librdkafka(), pipeline.input.topic, messages, lambda _: None)
    return BegunExample(path, pipeline, sum(present.values()), sent)


def _running(pipeline: Pipeline, kafka: Path, environment: Mapping[str, str]) -> KafkaSettings:
    try:
        return load_kafka_settings(pipeline.kafka, environment)
    except TryAgain:
        # Of a properties file alone only that can be known that it means the embedded broker, which does not run.
        start_broker(kafka)
        return load_kafka_settings(pipeline.kafka, environment)


def _copied(name: str, path: Path) -> Path:
    if name not in MAKERS:
        raise UsageError(f"there is no example {name}; there are {', '.join(MAKERS)}")
    example = FILES / f"{name}.yaml"
    if path.exists() and path.read_bytes() != example.read_bytes():
        raise ConfigurationError(f"{path} is there already and is not the example {name}; move it away first")
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(example, path)
    return path


def _missing(name: str, count: int, present: Mapping[int, int]) -> Iterator[Sendable]:
    """The messages of the three days before today that the partitions lack; a key is always in one of them."""
    today = datetime.combine(machine.now().date(), time(), UTC)
    left = dict(present)
    for message in example_messages(name, count, until=today):
        partition = zlib.crc32(message.key) % len(left)
        if left[partition]:
            left[partition] -= 1
        else:
            yield Sendable(partition, message.key, message.value)
