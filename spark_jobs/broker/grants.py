"""What a principal may do with a resource of Kafka, and what of it is missing. Plain values; asks nobody."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from spark_jobs.broker.client_errors import KafkaRequest

TOPIC, GROUP, TRANSACTIONAL_ID = "topic", "group", "transactional id"
UNRESTRICTED = "Alter"
"""Who may do this with a topic is not held to what a pipeline needs:
there is no authorizer, or the principal may do everything.
"""


@dataclass(frozen=True)
class Grant:
    """What a pipeline's principal may do with one resource; what is `optional` only finds out more."""

    resource: str
    name: str
    operations: tuple[str, ...]
    optional: tuple[str, ...] = ()

    @property
    def all_operations(self) -> tuple[str, ...]:
        return self.operations + self.optional


def missing(grants: Iterable[Grant], allowed: Mapping[tuple[str, str], frozenset[str] | None]) -> Iterator[KafkaRequest]:
    """What is needed and not allowed; a resource of which the broker says nothing is left to the request that needs it.

    >>> [str(one) for one in missing([Grant("topic", "out", ("Write", "Describe"))], {("topic", "out"): frozenset({"Describe"})})]
    ['Write on topic out']
    >>> list(missing([Grant("topic", "out", ("Write",))], {("topic", "out"): None}))
    []
    """
    for grant in grants:
        found = allowed.get((grant.resource, grant.name))
        if found is not None:
            yield from (KafkaRequest(one, grant.resource, grant.name) for one in grant.operations if one not in found)


def is_restricted(allowed: Iterable[frozenset[str] | None]) -> bool:
    """Whether the broker holds the principal to what was granted."""
    return any(found is not None and UNRESTRICTED not in found for found in allowed)
