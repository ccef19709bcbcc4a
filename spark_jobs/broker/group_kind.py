"""What the group of a name is: one of consumers, which can have offsets, or a share or streams group, which takes none of ours.

librdkafka's questions know only groups of consumers. But the broker lists groups of all kinds, and says "Dead" when one of
another kind is to be described. Describing groups by the newer question ends the process when it is not answered in time
(https://github.com/confluentinc/librdkafka/pull/5397), so this asks by the older one: some milliseconds, also among thousands of
groups. Knows no pipeline.
"""

import warnings
from dataclasses import dataclass

from confluent_kafka.admin import AdminClient, GroupMetadata

DEAD, EMPTY, NOT_OF_CONSUMERS = "Dead", "Empty", "a share or streams group"
TRIES = 2
"""A group that is deleted between two questions looks as one of another kind for once."""


@dataclass(frozen=True)
class ConsumerGroup:
    """A group by the broker's words; `state` is `NOT_OF_CONSUMERS` if it holds no offsets."""

    name: str
    state: str

    @property
    def is_of_consumers(self) -> bool:
        return self.state != NOT_OF_CONSUMERS

    @property
    def is_in_use(self) -> bool:
        """Whether it has members, or may have some."""
        return self.state not in (EMPTY, DEAD)


def find_group(admin: AdminClient, name: str, *, seconds: float) -> ConsumerGroup | None:
    """The group of this name, None if there is none that we may see; raises what librdkafka raises."""
    for _ in range(TRIES):
        listed = [one for one in _listed(admin, name, seconds) if one.id == name]
        if not listed:
            return None
        if listed[0].state != DEAD:
            return ConsumerGroup(name, str(listed[0].state))
        found = admin.list_consumer_groups(request_timeout=seconds).result()
        states = [one.state.name.title() for one in found.valid if one.group_id == name]
        if states:
            return ConsumerGroup(name, states[0])
        if found.errors:
            # Of a broker that does not answer, whose groups are missing in the list.
            raise found.errors[0]
    return ConsumerGroup(name, NOT_OF_CONSUMERS)


def _listed(admin: AdminClient, name: str, seconds: float) -> list[GroupMetadata]:
    with warnings.catch_warnings():
        # Called deprecated for the sake of the two questions that do not do here.
        warnings.simplefilter("ignore", DeprecationWarning)
        return list(admin.list_groups(name, seconds))
