"""A pipeline on the secured broker whose user may do exactly what `dayfold acls` prints, and loses some of it."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from confluent_kafka.admin import AclBinding, AclOperation, ResourceType

from spark_jobs.access.properties import load_kafka_settings
from spark_jobs.broker.cluster import connect
from spark_jobs.broker.rights import NONE, Rights, operation_name
from spark_jobs.local.kafka.server import create_topics
from spark_jobs.outlook.permissions import acl_lines
from tests.kafka.secured_cluster import Secured, bindings_of, without
from tests.submitted import wait_until
from tests.world import World, make_world, reading

TOPIC, GROUP, TRANSACTIONS = ResourceType.TOPIC, ResourceType.GROUP, ResourceType.TRANSACTIONAL_ID


@dataclass(frozen=True)
class Job:
    """A pipeline of the user `job`, which so far may do exactly what `dayfold acls` prints."""

    world: World
    secured: Secured
    granted: list[AclBinding]

    def lose(self, resource: ResourceType, name: str, *operations: AclOperation) -> None:
        """Take it away, and wait until the broker refuses it to the user, which is a moment after it lists it no more."""
        self.secured.allow_only("job", without(self.granted, resource, name, *operations))
        lost, settings = set(map(operation_name, operations)), load_kafka_settings(self.world.pipeline.kafka, os.environ)
        with connect(settings) as broker:
            ask: dict[ResourceType, Callable[[], Rights]] = {
                TOPIC: lambda: broker.topic_rights((name,))[name],
                GROUP: lambda: broker.group_rights(name, self.world.pipeline.input.topic),
                # Nobody can ask about a transactional id without taking it from the run that has it.
                TRANSACTIONS: lambda: NONE,
            }
            wait_until(lambda: is_refused(lost, ask[resource]()), f"{lost} on {name} to be refused")


def is_refused(operations: set[str], rights: Rights) -> bool:
    """An answer that is not there says nothing."""
    return rights is not None and not operations & rights


def no_spark() -> NoReturn:
    raise AssertionError("Spark was asked for")


@contextmanager
def permitted_job(secured: Secured, folder: Path) -> Iterator[Job]:
    """Its topics hold one reading; the permissions are taken back at the end."""
    world = make_world(folder, secured.kafka.bootstrap, no_spark, 2, create=False)
    name = world.pipeline.name
    (folder / "kafka.properties").write_text("\n".join(secured.lines(folder, "job")))
    (folder / "kafka.properties").chmod(0o600)
    create_topics(secured.kafka.bootstrap, {f"{name}-in": 2, f"{name}-out": 2}, client=secured.client)
    secured.send(f"{name}-in", reading("23/12/2006 16:52:00", "239.94"))
    granted = bindings_of(acl_lines(world.pipeline, secured.kafka.bootstrap, "User:job"))
    secured.allow_only("job", granted)
    yield Job(world, secured, granted)
    secured.allow_only("job", [])


def name_of(job: Job, resource: ResourceType, which: str) -> str:
    """The name of a resource: of the topic that is `in` or `out`, or of the pipeline."""
    pipeline = job.world.pipeline
    topics = {"in": pipeline.input.topic, "out": pipeline.output_name}
    return topics[which] if resource == TOPIC else pipeline.name
