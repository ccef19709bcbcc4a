"""What the broker lets us do, asked without doing any of it.

A topic's answer comes with its description, to whom may describe it. A group's could come in the same way, but librdkafka ends
the process when that question is not answered in time (https://github.com/confluentinc/librdkafka/pull/5397). So a group is asked
for its offsets, and then to take one of a partition that no topic can have: Kafka looks at the permission first, finds no such
partition next, and stores nothing. Knows operations by their names in ACLs; must not know which of them anybody needs.
"""

from collections.abc import Sequence
from concurrent.futures import Future, wait
from enum import Enum
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient, TopicDescription

from spark_jobs.access.properties import KafkaSettings
from spark_jobs.base import machine
from spark_jobs.broker.client_errors import PASSES, kafka_error
from spark_jobs.broker.clients import new_consumer

Rights = frozenset[str] | None
"""Operations that are allowed, in the words of ACLs; None if the broker does not say."""

NONE: Rights = frozenset()
NO_PARTITION = 2**31 - 1
TRY_SECONDS, POLL_SECONDS = 0.5, 0.05

_SILENCE = (KafkaError._TIMED_OUT, KafkaError._WAIT_COORD, KafkaError._TRANSPORT, *PASSES)


def topic_rights(admin: AdminClient, topics: Sequence[str], *, seconds: float) -> dict[str, Rights]:
    """What may be done with each topic; nothing if it may not even be described."""
    asked = admin.describe_topics(TopicCollection(list(topics)), include_authorized_operations=True, request_timeout=seconds)
    # The client must not be dropped while a request is under way.
    wait(asked.values())
    return {topic: _topic_rights(future) for topic, future in asked.items()}


def operation_name(operation: Enum) -> str:
    """As it stands in ACLs.

    >>> from confluent_kafka.admin import AclOperation
    >>> operation_name(AclOperation.DESCRIBE_CONFIGS)
    'DescribeConfigs'
    """
    return operation.name.title().replace("_", "")


def _topic_rights(answer: "Future[TopicDescription]") -> Rights:
    try:
        found = answer.result().authorized_operations
    except KafkaException as error:
        code = kafka_error(error)
        return NONE if code is not None and code.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED else None
    return None if found is None else frozenset(map(operation_name, found))


def group_rights(settings: KafkaSettings, group: str, topic: str, *, seconds: float) -> Rights:
    """Whether the group may be described and read (which for Kafka includes to commit);
    None if that cannot be found out in time.
    """
    answers: list[KafkaError | None] = []
    consumer = _consumer(settings, group, answers)
    deadline = machine.monotonic() + seconds
    try:
        described = _may_describe(consumer, topic, deadline)
        return _with_read(consumer, topic, answers, deadline) if described else (None if described is None else NONE)
    finally:
        consumer.close()


def _consumer(settings: KafkaSettings, group: str, answers: list[KafkaError | None]) -> Consumer:
    own: dict[str, Any] = {
        "group.id": group,
        "enable.auto.commit": "false",
        # An open transaction hides nothing that matters here.
        "isolation.level": "read_uncommitted",
        # An unknown partition is asked about three times.
        "retry.backoff.ms": 1,
        "retry.backoff.max.ms": 1,
        "on_commit": lambda error, _: answers.append(error),
    }
    return new_consumer({**settings.librdkafka(), **own})


def _may_describe(consumer: Consumer, topic: str, deadline: float) -> bool | None:
    """Whether the group's offsets may be seen. From then on its coordinator is known, or a commit would wait for it for 45 s."""
    while machine.monotonic() < deadline:
        try:
            (found,) = consumer.committed([TopicPartition(topic, 0)], timeout=TRY_SECONDS)
            failure = found.error
        except KafkaException as error:
            failure = kafka_error(error)
            refused = consumer.poll(0)
            if refused is not None and refused.error() is not None:
                failure = refused.error()
        if failure is None or failure.code() not in _SILENCE:
            return _is_allowed(failure)
    return None


def _with_read(consumer: Consumer, topic: str, answers: list[KafkaError | None], deadline: float) -> Rights:
    consumer.commit(offsets=[TopicPartition(topic, NO_PARTITION, 0)], asynchronous=True)
    while not answers and machine.monotonic() < deadline:
        consumer.poll(POLL_SECONDS)
    allowed = _is_allowed(answers[0]) if answers else None
    return None if allowed is None else frozenset({"Describe", "Read"} if allowed else {"Describe"})


def _is_allowed(failure: KafkaError | None) -> bool | None:
    """What the answer says of the group; None if it says nothing, as an answer that is about something else."""
    if failure is None or failure.code() in (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError.TOPIC_AUTHORIZATION_FAILED):
        return True
    return False if failure.code() == KafkaError.GROUP_AUTHORIZATION_FAILED else None
