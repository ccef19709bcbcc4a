"""Which Kafka permissions a pipeline needs, and how they are granted: one list for the preflight, `dayfold acls` and the containers.

Plain values; asks nobody. What each command needs of it, and what a missing permission answers, is in docs/security.md.
"""

import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from spark_jobs.broker.client_errors import Request
from spark_jobs.pipeline.settings import Pipeline

TOPIC, GROUP, TRANSACTIONAL_ID = "topic", "group", "transactional id"
UNRESTRICTED = "Alter"
"""Who may do this with a topic is not held to what a pipeline needs: there is no authorizer, or the principal may do everything."""


@dataclass(frozen=True)
class Grant:
    """What a pipeline's principal may do with one resource; what is `optional` only tells more."""

    resource: str
    name: str
    operations: tuple[str, ...]
    optional: tuple[str, ...] = ()

    @property
    def all_operations(self) -> tuple[str, ...]:
        return self.operations + self.optional


def grants_of(pipeline: Pipeline, *, creating: bool = False) -> tuple[Grant, ...]:
    """All that a pipeline needs; `creating` its output topic as well, which no run does.

    Reading the output is for the proof of what was published, in a run and in the audit. Describing the input's settings tells when
    unread records expire.
    """
    return (
        Grant(TOPIC, pipeline.input.topic, ("Read", "Describe"), ("DescribeConfigs",)),
        Grant(TOPIC, pipeline.output.topic, ("Read", "Write", "Describe"), ("Create",) if creating else ()),
        Grant(GROUP, pipeline.name, ("Read", "Describe")),
        Grant(TRANSACTIONAL_ID, pipeline.name, ("Write", "Describe")),
    )


def missing(grants: Iterable[Grant], allowed: Mapping[tuple[str, str], frozenset[str] | None]) -> Iterator[Request]:
    """What is needed and not allowed; a resource of which the broker says nothing is left to the request that needs it.

    >>> [str(one) for one in missing([Grant("topic", "out", ("Write", "Describe"))], {("topic", "out"): frozenset({"Describe"})})]
    ['Write on topic out']
    >>> list(missing([Grant("topic", "out", ("Write",))], {("topic", "out"): None}))
    []
    """
    for grant in grants:
        found = allowed.get((grant.resource, grant.name))
        if found is not None:
            yield from (Request(one, grant.resource, grant.name) for one in grant.operations if one not in found)


def is_restricted(allowed: Iterable[frozenset[str] | None]) -> bool:
    """Whether the broker holds the principal to what was granted."""
    return any(found is not None and UNRESTRICTED not in found for found in allowed)


def acl_lines(pipeline: Pipeline, servers: str, principal: str, *, creating: bool = False) -> Iterator[str]:
    """The grants as command lines of Kafka's own tool, each for exactly one resource."""
    for grant in grants_of(pipeline, creating=creating):
        operations = [part for one in grant.all_operations for part in ("--operation", one)]
        option = f"--{grant.resource.replace(' ', '-')}"
        tool = ("kafka-acls.sh", "--bootstrap-server", servers, "--command-config", "admin.properties", "--add")
        yield shlex.join(
            [*tool, "--allow-principal", principal, *operations, option, grant.name, "--resource-pattern-type", "literal"]
        )
