"""When a pipeline's DAG runs by itself: daily, and where the pipeline file asks for it also as soon as messages arrive.

A message starts a run, it does not say what the run reads: that is in the checkpoints, as always. Airflow makes one run of all
the messages that arrive while another one is at work, because the DAG has one run at a time.
"""

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from airflow.sdk import Asset, AssetOrTimeSchedule, AssetWatcher, BaseHook, CronTriggerTimetable
from airflow.sdk.exceptions import AirflowNotFoundException

from spark_jobs.base.errors import ConfigurationError
from spark_jobs.pipeline.settings import Pipeline

if TYPE_CHECKING:
    from confluent_kafka import Message

DAILY = "@daily"
PROVIDERS = ("airflow.providers.apache.kafka", "airflow.providers.common.messaging")
EXAMPLE = '{"conn_type": "kafka", "extra": {"bootstrap.servers": "HOST:9092", "group.id": "NAME", "enable.auto.commit": "false"}}'


def schedule_of(pipeline: Pipeline) -> Any:
    """Daily; also by messages where the pipeline names a connection for it and the providers are there."""
    if pipeline.airflow.messages_connection is None or not has_providers():
        return DAILY
    return AssetOrTimeSchedule(timetable=CronTriggerTimetable("0 0 * * *", timezone="UTC"), assets=[messages_asset(pipeline)])


def has_providers() -> bool:
    """Whether what listens to Kafka is installed."""
    try:
        return all(find_spec(name) for name in PROVIDERS)
    except ModuleNotFoundError:
        return False


def missing_providers(pipeline: Pipeline) -> str | None:
    """A sentence, if the pipeline wants to hear messages and nothing can."""
    if pipeline.airflow.messages_connection is None or has_providers():
        return None
    return (
        f"{pipeline.name}: airflow.messages_connection needs Airflow's providers apache-kafka and common-messaging, which "
        "are not installed: they are the extra `events` of this project (make setup); until then the pipeline runs daily only"
    )


def messages_asset(pipeline: Pipeline) -> Asset:
    """The input topic, watched by the triggerer."""
    from airflow.providers.common.messaging.triggers.msg_queue import MessageQueueTrigger

    topic, connection = pipeline.input.topic, pipeline.airflow.messages_connection
    trigger = MessageQueueTrigger(
        scheme="kafka",
        topics=[topic],
        kafka_config_id=connection,
        apply_function=f"{__name__}.{heard.__name__}",
        apply_function_kwargs={"pipeline": pipeline.name, "connection": connection},
        # Without offsets of its own the watcher is back at the end of the topic after each event: a burst is one event, not
        # thousands.
        commit_offset=False,
        poll_interval=1,
    )
    name = f"{pipeline.name}.messages"
    return Asset(name=name, uri=f"kafka-topic:{topic}", watchers=[AssetWatcher(name=f"{name}.watcher", trigger=trigger)])


def heard(message: "Message", pipeline: str, connection: str) -> dict[str, Any]:
    """What the event says of the message that woke the watcher:
    where it is, and nothing of what it holds. Runs in the triggerer.
    """
    require_fit(pipeline, connection)
    return {"topic": message.topic(), "partition": message.partition(), "offset": message.offset()}


def require_fit(pipeline: str, connection: str) -> None:
    """Raise `ConfigurationError` if the connection is missing, or if the watcher would do harm:
    as a member of the pipeline's own group, or with offsets of its own.
    """
    way_on = f"its extra needs what this example has, with a name of its own: {EXAMPLE}"
    try:
        settings = BaseHook.get_connection(connection).extra_dejson
    except AirflowNotFoundException as error:
        raise ConfigurationError(f"there is no Airflow connection {connection} to hear messages by; {way_on}") from error
    if settings.get("group.id") == pipeline:
        raise ConfigurationError(
            f"the Airflow connection {connection} has the group.id {pipeline}, which is the pipeline's own: its progress is "
            f"kept there, and nobody else may join it; {way_on}"
        )
    if str(settings.get("enable.auto.commit", "true")).lower() != "false":
        raise ConfigurationError(
            f"the Airflow connection {connection} lets the watcher commit offsets (enable.auto.commit): after a burst it "
            f"would wake the pipeline once for each message; {way_on}"
        )
