"""Which Kafka permissions a pipeline needs, and how they are granted: one list for the preflight, `dayfold acls` and the
containers.

Plain values; asks nobody. What each command needs of it, and what a missing permission answers, is in docs/security.md.
"""

import shlex
from collections.abc import Iterator, Mapping

from spark_jobs.access.properties import load_kafka_settings
from spark_jobs.broker.grants import GROUP, TOPIC, TRANSACTIONAL_ID, Grant
from spark_jobs.pipeline.settings import Pipeline


def grants_of(pipeline: Pipeline, *, creating: bool = False) -> tuple[Grant, ...]:
    """All that a pipeline needs; `creating` its output topic as well, which no run does.

    Reading the output is for the proof of what was published, in a run and in the audit. Describing the input's settings tells
    when unread records expire.
    """
    return (
        Grant(TOPIC, pipeline.input.topic, ("Read", "Describe"), ("DescribeConfigs",)),
        *(
            Grant(TOPIC, topic, ("Read", "Write", "Describe"), ("Create",) if creating else ())
            for topic in pipeline.output_topics
        ),
        Grant(GROUP, pipeline.name, ("Read", "Describe")),
        Grant(TRANSACTIONAL_ID, pipeline.name, ("Write", "Describe")),
    )


def acl_lines(pipeline: Pipeline, servers: str, principal: str, *, creating: bool = False) -> Iterator[str]:
    """The grants as command lines of Kafka's own tool, each for exactly one resource."""
    for grant in grants_of(pipeline, creating=creating):
        operations = [part for one in grant.all_operations for part in ("--operation", one)]
        option = f"--{grant.resource.replace(' ', '-')}"
        tool = ("kafka-acls.sh", "--bootstrap-server", servers, "--command-config", "admin.properties", "--add")
        yield shlex.join(
            [*tool, "--allow-principal", principal, *operations, option, grant.name, "--resource-pattern-type", "literal"]
        )


def acl_lines_of(
    pipeline: Pipeline, environment: Mapping[str, str], principal: str | None, *, creating: bool = False
) -> Iterator[str]:
    """The same for the brokers of the properties file, and for whom it logs in as, unless another one is named."""
    kafka = load_kafka_settings(pipeline.kafka, environment)
    return acl_lines(pipeline, kafka.servers, principal or kafka.principal, creating=creating)
