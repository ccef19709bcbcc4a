"""Creating a topic, in our words. Knows no pipeline: which topic, and with what, is decided elsewhere."""

from collections.abc import Mapping

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, NewTopic

from spark_jobs.access.properties import KafkaSettings
from spark_jobs.base.errors import ConfigurationError
from spark_jobs.broker.client_errors import KafkaRequest, as_dayfold_error, kafka_error, reason

BROKERS_CHOICE = -1
"""Asks the broker for its own default."""

_NOT_SO = (
    KafkaError.INVALID_REPLICATION_FACTOR,
    KafkaError.INVALID_PARTITIONS,
    KafkaError.INVALID_CONFIG,
    KafkaError.POLICY_VIOLATION,
    KafkaError.INVALID_REQUEST,
)


def create_topic(admin: AdminClient, settings: KafkaSettings, topic: NewTopic, seconds: float) -> bool:
    """Create the topic; False if there was one of that name."""
    asked = admin.create_topics([topic], request_timeout=seconds, operation_timeout=seconds)
    try:
        asked[topic.topic].result()
    except KafkaException as error:
        found = kafka_error(error)
        if found is not None and found.code() == KafkaError.TOPIC_ALREADY_EXISTS:
            return False
        if found is not None and found.code() in _NOT_SO:
            raise ConfigurationError(f"{settings.servers} does not create {topic.topic}: {reason(found, settings)}") from error
        raise as_dayfold_error(error, settings, KafkaRequest("Create", "topic", topic.topic)) from error
    return True


def new_topic(name: str, partitions: int, replicas: int | None, config: Mapping[str, str]) -> NewTopic:
    """A topic as it is to be; what is not said is the broker's to choose."""
    return NewTopic(name, partitions, replicas or BROKERS_CHOICE, config=dict(config))
