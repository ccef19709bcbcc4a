"""What must be allowed before anything is planned: asked by `dayfold plan` and by every run, in milliseconds.

A missing permission, a group that takes no offsets and a transaction that may not last as long as it is set to would otherwise
show when they are needed, which may be after all of Spark's work. A topic that is missing or a broker that does not answer is
said by the question that needs it.
"""

from contextlib import suppress

from spark_jobs.access import tls_files
from spark_jobs.access.properties import KafkaSettings
from spark_jobs.base.errors import ConfigurationError, TryAgain
from spark_jobs.broker.client_errors import denied, not_of_consumers
from spark_jobs.broker.cluster import Broker
from spark_jobs.broker.grants import GROUP, TOPIC, TRANSACTIONAL_ID, is_restricted, missing
from spark_jobs.broker.publisher import producer_settings
from spark_jobs.outlook.permissions import grants_of
from spark_jobs.pipeline.settings import Pipeline

TRANSACTION, LONGEST = "transaction.timeout.ms", "transaction.max.timeout.ms"
USUAL_LONGEST_MS = 900_000
"""Kafka's default for what a broker allows."""

GROUP_SECONDS = 3.0
"""How long the kind of the group is asked for: it is an answer of every broker, and one of them may be away."""


def require_java_client(kafka: KafkaSettings) -> None:
    """Raise if only Spark's client cannot use the settings, which else shows after the batch was planned."""
    fault = tls_files.java_fault(kafka.values)
    if fault:
        raise ConfigurationError(f"{kafka.path}: {fault}")


def require_permissions(broker: Broker, kafka: KafkaSettings, pipeline: Pipeline) -> tuple[str, ...]:
    """Raise `ConfigurationError` for what will stop the run for its login's sake; what only a run can find out, as sentences.

    Nobody can ask about a transactional id without taking it from the run that has it, so that is left to the fence.
    """
    require_java_client(kafka)
    topics = broker.topic_rights((pipeline.input.topic, *pipeline.output_topics))
    allowed = {(TOPIC, name): rights for name, rights in topics.items()}
    allowed[GROUP, pipeline.name] = broker.group_rights(pipeline.name, pipeline.input.topic)
    lacking = tuple(missing(grants_of(pipeline), allowed))
    if lacking:
        raise denied(lacking, kafka)
    _require_group_of_consumers(broker, kafka, pipeline.name)
    notes = _require_granted_time(broker, kafka, pipeline.name)
    # Of a group only those operations are known that runs need.
    if is_restricted(topics.values()):
        notes += (f"whether Write on {TRANSACTIONAL_ID} {pipeline.name} is permitted is known only when a run begins",)
    return notes


def _require_group_of_consumers(broker: Broker, kafka: KafkaSettings, group: str) -> None:
    """Raise if the group of the pipeline's name is of another kind; where that is not answered, the publication says it."""
    with suppress(TryAgain):
        found = broker.find_group(group, seconds=GROUP_SECONDS)
        if found is not None and not found.is_of_consumers:
            raise ConfigurationError(not_of_consumers(group, kafka))


def _require_granted_time(broker: Broker, kafka: KafkaSettings, group: str) -> tuple[str, ...]:
    """Raise if the brokers end a transaction sooner than the settings want;
    a note if they do not say, and it is longer than usual.
    """
    wanted = int(producer_settings(kafka.values, group)[TRANSACTION])
    granted = broker.broker_config([LONGEST])[LONGEST]
    if granted is not None and int(granted) < wanted:
        raise ConfigurationError(
            f"{kafka.path}: {TRANSACTION} is {wanted}{'' if TRANSACTION in kafka.values else ' unless it is set'}, and the "
            f"brokers at {kafka.servers} allow at most {granted} ({LONGEST}); lower the one, or let somebody raise the other"
        )
    if granted is None and wanted > USUAL_LONGEST_MS:
        return (
            f"whether the brokers allow {TRANSACTION}={wanted}, which is above Kafka's default, is known only when a run begins",
        )
    return ()
