"""The secured broker that the tests of logins and permissions share, and what each user of it may do."""

import re
import secrets
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import Producer
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from spark_jobs.access.properties import KafkaSettings
from spark_jobs.broker.grants import Grant
from spark_jobs.local.kafka.access import allowed
from spark_jobs.local.kafka.server import RunningKafka
from tests.kafka.secured import Authority, grant
from tests.submitted import wait_until

READINGS, GROUP = "readings", "daily_voltage"
SCRAM, PLAIN = "SCRAM-SHA-512", "PLAIN"
PEM_PAIR, KEYSTORE = 0, 1
Login = Callable[..., KafkaSettings]


@dataclass(frozen=True)
class Secured:
    """The running broker, its authority, who may log in with which password, and the settings of who may do everything."""

    kafka: RunningKafka
    authority: Authority
    passwords: dict[str, str]
    client: Mapping[str, str]

    @property
    def admin(self) -> AdminClient:
        return AdminClient({"bootstrap.servers": self.kafka.bootstrap, **self.client})

    def lines(self, folder: Path, user: str, mechanism: str = PLAIN, certificate: int | None = PEM_PAIR) -> list[str]:
        """Settings of a user as they stand in a properties file; their files are in `folder`."""
        (folder / "ca.pem").write_text(self.authority.pem)
        lines = [
            f"bootstrap.servers={self.kafka.bootstrap}",
            "security.protocol=SASL_SSL",
            f"ssl.ca.location={folder / 'ca.pem'}",
            f"sasl.mechanism={mechanism}",
            f"sasl.username={user}",
            f"sasl.password={self.passwords.get(user, 'none')}",
        ]
        if certificate is not None:
            lines += self.authority.client_files(folder, "dayfold", secrets.token_urlsafe(8))[certificate]
        return [re.sub(r"(location)=(dayfold)", rf"\1={folder}/\2", line) for line in lines]

    def send(self, topic: str, *values: bytes) -> None:
        producer = Producer({"bootstrap.servers": self.kafka.bootstrap, **self.client})
        for value in values:
            producer.produce(topic, value, partition=0)
        assert producer.flush(20) == 0

    def allow_only(self, user: str, bindings: Sequence[AclBinding]) -> None:
        """Let a user do this and nothing else, and wait until the broker goes by it."""
        admin = self.admin
        everything = (
            ResourceType.ANY,
            None,
            ResourcePatternType.ANY,
            f"User:{user}",
            None,
            AclOperation.ANY,
            AclPermissionType.ANY,
        )
        asked = AclBindingFilter(*everything)  # type: ignore[arg-type]
        # One after the other: the broker may take two requests in another order.
        for deleted in admin.delete_acls([asked]).values():
            deleted.result()
        for created in admin.create_acls(list(bindings)).values() if bindings else ():
            created.result()
        wait_until(lambda: {*admin.describe_acls(asked).result()} == {*bindings}, f"the permissions of {user} to hold")


def give_permissions(admin: AdminClient) -> None:
    for user in ("alice", "sally"):
        grant(admin, user, ResourceType.TOPIC, READINGS, AclOperation.READ, AclOperation.DESCRIBE)
        grant(admin, user, ResourceType.TOPIC, "planned", AclOperation.DESCRIBE)
        grant(admin, user, ResourceType.GROUP, GROUP, AclOperation.READ, AclOperation.DESCRIBE)
    grant(admin, "bob", ResourceType.TOPIC, READINGS, AclOperation.DESCRIBE)


def bindings_of(lines: Iterable[str]) -> list[AclBinding]:
    """What Kafka's own tool makes of such command lines."""
    found = []
    for line in lines:
        tool, *words = shlex.split(line)
        words.remove("--add")
        options = [(words[at].removeprefix("--"), words[at + 1]) for at in range(0, len(words), 2)]
        values, operations = dict(options), tuple(value for name, value in options if name == "operation")
        assert tool == "kafka-acls.sh"
        assert values.keys() >= {"bootstrap-server", "command-config"}
        assert values["resource-pattern-type"] == "literal"
        (resource,) = values.keys() & {"topic", "group", "transactional-id"}
        found += allowed(values["allow-principal"], Grant(resource.replace("-", " "), values[resource], operations))
    return found


def without(bindings: Sequence[AclBinding], resource: ResourceType, name: str, *operations: AclOperation) -> list[AclBinding]:
    """These permissions with some taken away."""
    left = [one for one in bindings if (one.restype, one.name) != (resource, name) or one.operation not in operations]
    assert len(left) < len(bindings)
    return left
