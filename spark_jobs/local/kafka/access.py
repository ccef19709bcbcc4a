"""Topics, users and permissions on a Kafka that lets nobody in without a login: each user may do what it needs, and nothing else.

What the one-shot container beside the broker runs (`python -m spark_jobs.local.kafka.access`), and every time with the same
result: topics that exist stay, passwords become those of the environment. The user `pipeline` is the job's; `loader` sends
readings.
"""

import argparse
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialAlteration,
    UserScramCredentialUpsertion,
)

from spark_jobs.access.properties import KafkaSettings, load_kafka_settings
from spark_jobs.base.errors import ConfigurationError, DayfoldError
from spark_jobs.base.project import PROJECT
from spark_jobs.broker.cluster import connect
from spark_jobs.broker.grants import TOPIC, Grant
from spark_jobs.broker.rights import operation_name
from spark_jobs.local.kafka.server import create_topics
from spark_jobs.outlook.permissions import grants_of
from spark_jobs.pipeline.files import load_pipeline_files, pipelines_folder
from spark_jobs.pipeline.settings import Pipeline

PIPELINE, LOADER = "pipeline", "loader"
ADMIN = PROJECT / "docker" / "admin.properties"
ANSWER_SECONDS = 20.0
_ITERATIONS = 8192
_WRITES = ("Write", "Describe")


def permissions(pipeline: Pipeline) -> list[AclBinding]:
    """All that the two users may do for one pipeline; whatever is not here is denied."""
    granted = [binding for grant in grants_of(pipeline) for binding in allowed(f"User:{PIPELINE}", grant)]
    return [*granted, *allowed(f"User:{LOADER}", Grant(TOPIC, pipeline.input.topic, _WRITES))]


def allowed(principal: str, grant: Grant) -> list[AclBinding]:
    """The grant as Kafka's own values, for exactly this resource."""
    pattern, allow = ResourcePatternType.LITERAL, AclPermissionType.ALLOW
    kind = ResourceType[grant.resource.upper().replace(" ", "_")]
    operations = [one for one in AclOperation if operation_name(one) in grant.all_operations]
    return [AclBinding(kind, grant.name, pattern, principal, "*", operation, allow) for operation in operations]


def grant_access(admin: AdminClient, pipelines: Iterable[Pipeline], passwords: Mapping[str, str]) -> None:
    """Let these users in with these passwords, and allow them what the pipelines need."""
    info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, _ITERATIONS)
    users: list[UserScramCredentialAlteration] = [
        UserScramCredentialUpsertion(name, info, password.encode()) for name, password in passwords.items()
    ]
    _finish(admin.alter_user_scram_credentials(users), "the password of the Kafka user")
    bindings = [binding for pipeline in pipelines for binding in permissions(pipeline)]
    _finish(admin.create_acls(bindings), "the Kafka permission")


def _finish(asked: Mapping[Any, "Future[Any]"], what: str) -> None:
    for subject, future in asked.items():
        try:
            future.result(ANSWER_SECONDS)
        except KafkaException as error:
            raise ConfigurationError(f"{what} {subject} could not be set: {error.args[0].str()}") from error


def prepare_broker(kafka: KafkaSettings, pipelines: Sequence[Pipeline], partitions: int, environment: Mapping[str, str]) -> None:
    """Topics, users and permissions for these pipelines."""
    topics = {topic: partitions for one in pipelines for topic in (one.input.topic, *one.output_topics)}
    create_topics(kafka.servers, topics, client=kafka.librdkafka())
    passwords = {user: _password(user, environment) for user in (PIPELINE, LOADER)}
    grant_access(AdminClient(dict(kafka.librdkafka())), pipelines, passwords)


def _password(user: str, environment: Mapping[str, str]) -> str:
    name = f"KAFKA_{user.upper()}_PASSWORD"
    if not environment.get(name):
        raise ConfigurationError(f"the password of the Kafka user {user} is missing: set {name} (make secrets writes it to .env)")
    return environment[name]


def main(arguments: Sequence[str]) -> int:
    """Prepare the broker for every pipeline file, or with `--healthy` only ask whether it takes the admin's login; the exit
    code.
    """
    parser = argparse.ArgumentParser(prog="kafka_access", description="Topics, users and permissions of the pipeline files.")
    parser.add_argument("--partitions", type=int, default=4, help="of topics that do not exist yet")
    parser.add_argument("--healthy", action="store_true", help="change nothing, only log in")
    asked = parser.parse_args(arguments)
    try:
        kafka = load_kafka_settings(ADMIN, os.environ)
        with connect(kafka):
            if not asked.healthy:
                found = load_pipeline_files(pipelines_folder(os.environ), os.environ)
                prepare_broker(kafka, list(found.usable.values()), asked.partitions, os.environ)
                print(f"topics, users and permissions are there: {', '.join(one.name for one in found.usable.values())}")
    except DayfoldError as error:
        print(f"dayfold: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
