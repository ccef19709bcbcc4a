"""A project folder with a file of Kafka's settings, and what both clients make of it."""

import json
import re
from pathlib import Path

import pytest

from spark_jobs.access.properties import KafkaSettings, load_kafka_settings
from spark_jobs.base.errors import ConfigurationError


class Folder:
    """A project folder whose `conf/kafka.properties` a test fills."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.path = root / "conf" / "kafka.properties"
        self.secrets = root / "state" / "kafka-secrets.properties"
        self.path.parent.mkdir()

    def load(self, *lines: str, servers: str = "one:9092", **environment: str) -> KafkaSettings:
        self.path.write_text("\n".join([f"bootstrap.servers={servers}", *lines, ""]), encoding="utf-8")
        self.path.chmod(0o600)
        return load_kafka_settings(self.path, environment)

    def refusal(self, *lines: str, **environment: str) -> str:
        with pytest.raises(ConfigurationError) as caught:
            self.load(*lines, **environment)
        return str(caught.value)

    def java(self, *lines: str, **environment: str) -> dict[str, str]:
        return self.load(*lines, **environment).java(self.secrets)

    def java_secrets(self, *lines: str, **environment: str) -> dict[str, str]:
        assert self.load(*lines, **environment).write_java_secrets(self.secrets)
        return java_properties(self.secrets)

    def file(self, name: str, content: str | bytes) -> str:
        (self.root / name).write_bytes(content.encode() if isinstance(content, str) else content)
        return name


def java_properties(path: Path) -> dict[str, str]:
    """What `java.util.Properties` reads: JSON's string escapes are the same for what we write."""
    lines = [line.partition("=") for line in path.read_text(encoding="ascii").splitlines()]
    return {key: json.loads('"' + re.sub(r'(?<!\\)((?:\\\\)*)"', r'\1\\"', value) + '"') for key, _, value in lines}
