"""What must be allowed before anything is planned: asked by `dayfold plan` and by every run, in milliseconds.

A missing permission would otherwise show when it is needed, which for the output topic is after all of Spark's work. Only permissions
are looked at here; a topic that is missing or a broker that does not answer is said by the question that needs it.
"""

from spark_jobs import tls_files
from spark_jobs.broker import Broker
from spark_jobs.config import Pipeline
from spark_jobs.errors import ConfigurationError
from spark_jobs.kafka_errors import denied
from spark_jobs.kafka_settings import KafkaSettings
from spark_jobs.permissions import GROUP, TOPIC, TRANSACTIONAL_ID, grants_of, is_restricted, missing


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
    topics = broker.topic_rights((pipeline.input.topic, pipeline.output.topic))
    allowed = {(TOPIC, name): rights for name, rights in topics.items()}
    allowed[GROUP, pipeline.name] = broker.group_rights(pipeline.name, pipeline.input.topic)
    lacking = tuple(missing(grants_of(pipeline), allowed))
    if lacking:
        raise denied(lacking, kafka)
    if not is_restricted(allowed.values()):
        return ()
    return (f"whether Write on {TRANSACTIONAL_ID} {pipeline.name} is permitted is known only when a run begins",)
