"""What the demo and the local Airflow stand on: the embedded Kafka, the topics of the shipped pipeline, its settings."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from spark_jobs.base.wording import counted
from spark_jobs.local.kafka.server import RunningKafka, client_file, create_topics, find_broker, start_broker, stop_broker
from spark_jobs.local.screen import Screen
from spark_jobs.pipeline.settings import Pipeline, load_pipeline

PARTITIONS = 4


@dataclass(frozen=True)
class Ground:
    """The shipped pipeline on the embedded Kafka; `settings` are the overrides that lead there,
    `clients` its Kafka properties.
    """

    pipeline: Pipeline
    config: Path
    clients: Path
    settings: Mapping[str, str]


@contextmanager
def running_kafka(folder: Path, screen: Screen) -> Iterator[RunningKafka]:
    """The embedded Kafka; one that was started here is stopped again if something goes wrong."""
    was_running = find_broker(folder) is not None
    try:
        with screen.waiting("Kafka") as clock:
            running = start_broker(folder)
        screen.done("Kafka", f"{running.bootstrap}{', was running already' if was_running else ''}", clock.seconds)
        yield running
    except BaseException:
        if not was_running:
            screen.say("stopping Kafka ...", "dim")
            stop_broker(folder)
        raise


def prepare_ground(project: Path, kafka: RunningKafka, screen: Screen) -> Ground:
    """The pipeline of `conf/pipelines/daily_voltage.yaml` with its topics, empty ones if there are none yet."""
    config, clients = project / "conf" / "pipelines" / "daily_voltage.yaml", client_file(kafka.folder)
    settings = {"DAYFOLD__KAFKA": str(clients)}
    pipeline = load_pipeline(config, environment=settings)
    create_topics(kafka.bootstrap, {pipeline.input.topic: PARTITIONS, pipeline.output_name: PARTITIONS})
    screen.done("topics", f"{pipeline.input.topic} and {pipeline.output_name}, {counted(PARTITIONS, 'partition')} each")
    return Ground(pipeline, config, clients, settings)
