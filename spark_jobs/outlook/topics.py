"""Both topics of a pipeline as they are when a run begins, and where it begins to read the input.

"Latest" becomes numbers here, once per run, at the same isolation level that the reader uses. Needs no Spark and writes nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from spark_jobs.broker.cluster import Broker
from spark_jobs.outlook.output_owner import find_output_topic, require_same_partitions
from spark_jobs.pipeline.settings import Pipeline
from spark_jobs.progress.checkpoints import Progress
from spark_jobs.progress.offsets import Topic


@dataclass(frozen=True)
class Topics:
    """Both topics as they were when the run began; the input's ends are the run's ends."""

    input: Topic
    output: Topic

    @property
    def ends(self) -> dict[int, int]:
        return {partition.number: partition.stable for partition in self.input.partitions}


def look_at_topics(broker: Broker, pipeline: Pipeline) -> Topics:
    """Both topics; `ConfigurationError` unless they have the same partitions."""
    source = broker.topic(pipeline.input.topic)
    topics = Topics(source, find_output_topic(broker, pipeline, source))
    require_same_partitions(topics.input, topics.output)
    return topics


def find_starts(broker: Broker, pipeline: Pipeline, progress: Progress, topic: Topic) -> Mapping[int, int]:
    """Where each partition goes on: its stored end, a new partition at its earliest offset, a first run where told to."""
    if not progress.is_first_run:
        return {number: progress.ends.get(number, 0) for number in topic.numbers}
    return first_starts(broker, pipeline, topic)


def first_starts(broker: Broker, pipeline: Pipeline, topic: Topic) -> Mapping[int, int]:
    """Where the first run of a topic begins, by `input.start`."""
    match pipeline.input.start:
        case "earliest":
            return {partition.number: partition.low for partition in topic.partitions}
        case "latest":
            return {partition.number: partition.stable for partition in topic.partitions}
        case instant:
            found = broker.offsets_at(topic.name, list(topic.numbers), instant)
            return {partition.number: min(found[partition.number], partition.stable) for partition in topic.partitions}
