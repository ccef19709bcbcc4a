"""The output topic, found or made: as many partitions as the input topic, all else as the cluster and the operator want it.

`dayfold topic create` makes it; no run does, for a topic made by the way would be one of a misspelt name. Knows no tables.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from spark_jobs.base import machine
from spark_jobs.base.errors import TopicMissing, TryAgain
from spark_jobs.base.wording import counted
from spark_jobs.broker.cluster import Broker
from spark_jobs.outlook.output_owner import require_own_output, require_same_partitions
from spark_jobs.pipeline.settings import Pipeline
from spark_jobs.progress.offsets import Topic

READY_SECONDS, PAUSE_SECONDS = 20.0, 0.1
SETTINGS = ("cleanup.policy", "retention.ms")
COMPACTED = {"cleanup.policy": "compact"}


@dataclass(frozen=True)
class OutputTopic:
    """The topic as it is now; `settings` are None where they may not be seen."""

    topic: Topic
    created: bool
    replicas: int
    settings: Mapping[str, str | None]

    @property
    def report(self) -> dict[str, Any]:
        facts = {"topic": self.topic.name, "created": self.created, "partitions": len(self.topic.partitions)}
        return {**facts, "replication": self.replicas, "settings": dict(self.settings)}


def create_output_topic(
    broker: Broker, pipeline: Pipeline, *, replicas: int | None = None, config: Mapping[str, str] | None = None
) -> OutputTopic:
    """Create the output topic, or find that it is there and fits. Killed at any point, the same command finds what there is."""
    source = broker.topic(pipeline.input.topic)
    name = pipeline.output_name
    created = not _exists(broker, name) and broker.create_topic(name, len(source.partitions), replicas, config or {})
    # Also where somebody else has been quicker by a moment: it may not be ready yet, and need not fit.
    output = _ready(broker, name)
    require_same_partitions(source, output)
    require_own_output(broker, pipeline.name, output)
    return OutputTopic(output, created, broker.replicas(output.name), broker.topic_config(output.name, SETTINGS))


def creation_sentence(made: OutputTopic, source: str) -> str:
    """What there is now, in one sentence."""
    shown = ", ".join(f"{name}={value}" for name, value in made.settings.items() if value is not None)
    facts = f"{counted(len(made.topic.partitions), 'partition')} as {source} has, replication {made.replicas}"
    what = f"created {made.topic.name}" if made.created else f"{made.topic.name} is there already, nothing was created"
    return f"{what}: {facts}{f', {shown}' if shown else ''}"


def _exists(broker: Broker, name: str) -> bool:
    try:
        broker.topic(name)
    except TopicMissing:
        return False
    return True


def _ready(broker: Broker, name: str) -> Topic:
    """The topic, once all brokers know it and every partition has a leader."""
    deadline = machine.monotonic() + READY_SECONDS
    while True:
        try:
            return broker.topic(name)
        except (TopicMissing, TryAgain):
            if machine.monotonic() > deadline:
                raise
            machine.sleep(PAUSE_SECONDS)
