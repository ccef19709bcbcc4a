"""What a cluster's operator does to an input topic: other settings, retention that bites."""

from confluent_kafka import TopicPartition
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource, OffsetSpec, ResourceType

from tests.submitted import wait_until
from tests.world import World

WEEK_MS = 7 * 24 * 3_600_000


def alter_input(world: World, settings: dict[str, str]) -> None:
    changes = [ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET) for name, value in settings.items()]
    resource = ConfigResource(ResourceType.TOPIC, world.pipeline.input.topic, incremental_configs=changes)
    world.admin.incremental_alter_configs([resource])[resource].result(20)


def expire_input(world: World) -> None:
    """Retention takes all that is on the topic."""
    ends = _offsets(world, OffsetSpec.latest())  # type: ignore[no-untyped-call]
    alter_input(world, {"retention.ms": "1"})
    wait_until(lambda: log_starts(world) == ends, "retention to take the input's records")
    alter_input(world, {"retention.ms": "-1"})


def log_starts(world: World) -> dict[int, int]:
    """First available offset per input partition."""
    return _offsets(world, OffsetSpec.earliest())  # type: ignore[no-untyped-call]


def _offsets(world: World, which: OffsetSpec) -> dict[int, int]:
    asked = {TopicPartition(world.pipeline.input.topic, number): which for number in range(world.partitions)}
    found = world.admin.list_offsets(asked)
    return {one.partition: future.result(20).offset for one, future in found.items()}
