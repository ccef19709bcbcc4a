"""What an operator is shown of a pipeline."""

from datetime import UTC, datetime

from spark_jobs.access.properties import load_kafka_settings
from spark_jobs.answers.status import Status, read_status
from spark_jobs.broker.cluster import connect
from spark_jobs.pipeline.settings import load_pipeline
from tests.world import World


def status_of(world: World, *overrides: str) -> Status:
    pipeline = load_pipeline(world.config, overrides=overrides)
    with connect(load_kafka_settings(pipeline.kafka, {})) as broker:
        return read_status(broker, pipeline, now=datetime.now(UTC))


def verdicts(world: World) -> list[tuple[str, str]]:
    return [(one.verdict.cause, one.verdict.wrong) for one in status_of(world).partitions]


def causes(world: World) -> list[str]:
    return [cause for cause, _ in verdicts(world)]
