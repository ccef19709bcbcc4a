r"""One Kafka properties file for every client: librdkafka in the driver, the Java client inside Spark.

The file is in librdkafka's (Confluent's) style: `key=value` lines, `#` comments, the value taken literally to the end of the line
and stripped, `${env:NAME}` replaced from the environment. A PEM value may be written in one line with `\n`. Relative file names
start at the project folder, like those of a pipeline file. What other clients' files write besides is translated first
(`dialects.py`). The job's first step loads the file; the Java half is handed to Spark with no secret in it. Must not know topics
and offsets, and opens no connection.
"""

import difflib
import logging
import os
import re
import stat
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from cryptography import x509

from spark_jobs.access import embedded, java_client
from spark_jobs.access.dialects import JAAS, translated
from spark_jobs.access.keys import FILE_KEYS, KNOWN_KEYS, PEM_KEYS, REFUSED_KEYS, SECRET_KEYS, WRITE_INSTEAD
from spark_jobs.access.rules import problems_of, warnings_of
from spark_jobs.access.tls_check import ODD_CERTIFICATE
from spark_jobs.access.values import invisible, same_for_both
from spark_jobs.base.errors import ConfigurationError
from spark_jobs.base.small_files import home_expanded, read_small_text
from spark_jobs.pipeline.settings import project_folder

log = logging.getLogger(__name__)

ENVIRONMENT_VALUE = re.compile(r"\$\{env:([^}]*)\}")
SECTION = re.compile(r"\[[\w.-]+\]")
"""Heads of sections, which files for Python clients have; a key means the same in all of them."""

MAY_BE_OPEN = "dayfold.file.may.be.open"
"""The one key of ours: with `true` the file may hold secrets and be open to other users."""


@dataclass(frozen=True)
class KafkaSettings:
    """Validated settings of one Kafka cluster; its text shows the keys, never a value."""

    path: Path
    values: Mapping[str, str] = field(repr=False)
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    cluster: str | None = None
    """The id of the cluster that must answer: of an embedded broker, whose port another one may have taken."""

    def __repr__(self) -> str:
        return f"KafkaSettings({self.path}: {', '.join(sorted(self.values))})"

    __str__ = __repr__

    @property
    def servers(self) -> str:
        """The bootstrap servers as written, `host:port` separated by commas."""
        return self.values["bootstrap.servers"]

    @property
    def mechanism(self) -> str:
        """How the principal proves itself: a SASL mechanism, SSL for a client certificate, or none."""
        if java_client.uses_sasl(self.values):
            return java_client.mechanism(self.values)
        return "SSL" if java_client.secret_settings(self.values) else "none"

    @property
    def principal(self) -> str:
        """Whom the broker takes us for, as its default rules name it; for messages only."""
        if self.mechanism == "OAUTHBEARER":
            return f"User:{java_client.oidc_client(self.values, 'id')}"
        if self.mechanism == "SSL":
            return _certificate_subject(self.values)
        return f"User:{self.values['sasl.username']}" if self.mechanism != "none" else "User:ANONYMOUS"

    @property
    def has_java_secrets(self) -> bool:
        """Whether `java` refers to a secrets file, which `write_java_secrets` must then have written on every Spark host."""
        return bool(java_client.secret_settings(self.values))

    def librdkafka(self) -> dict[str, str]:
        """Settings for confluent-kafka, secrets included: never print or log it."""
        return dict(self.values)

    def java(self, secrets_file: Path) -> dict[str, str]:
        """Java client settings without Spark's `kafka.` prefix and without a secret value.

        Secrets are references that Kafka's file provider resolves inside the client, from the file that `write_java_secrets`
        wrote at the same absolute path on every host. No secrets: no references, no provider.
        """
        settings = java_client.plain_settings(self.values)
        if not self.has_java_secrets:
            return settings
        path = _referable(secrets_file)
        references = {name: f"${{file:{path}:{name}}}" for name in java_client.secret_settings(self.values)}
        provider = {"class": java_client.PROVIDER, "param.allowed.paths": str(path.parent)}
        return (
            settings | references | {"config.providers": "file"} | {f"config.providers.file.{k}": v for k, v in provider.items()}
        )

    def write_java_secrets(self, path: Path) -> bool:
        """Store what `java(path)` refers to, readable by the owner only; False, and no file, if there is nothing secret.

        A reader sees the old file or the new one, never a half. Raises `ConfigurationError` if a key file is missing or its
        password is wrong.
        """
        secrets = {name: value() for name, value in java_client.secret_settings(self.values).items()}
        if secrets:
            _write_private(_referable(path), java_client.properties_text(secrets))
        return bool(secrets)

    def redacted(self, text: str) -> str:
        """`text` with every secret value of these settings masked, for messages that another program wrote."""
        secrets = sorted((self.values[key] for key in SECRET_KEYS & self.values.keys()), key=len, reverse=True)
        for secret in secrets:
            text = text.replace(secret, "***")
        return text


def load_kafka_settings(path: Path, environment: Mapping[str, str]) -> KafkaSettings:
    """Settings of the properties file, validated; warnings and notes are logged once and kept.

    Raises `ConfigurationError` with every problem at once; no message shows a value.
    """
    found = translated(dict(_lines(path)))
    may_be_open, written = _may_be_open(found.values)
    read = {key: _value(path, key, text, environment) for key, text in written.items()}
    read, cluster = _with_embedded(path, read)
    values = same_for_both(read)
    refusals = [*found.problems, *(sentence for key in values if (sentence := _refusal(key)))]
    problems = refusals or [*problems_of(values), *(() if may_be_open else _exposed_secrets(path, written))]
    if problems:
        raise ConfigurationError("\n".join([f"{path}:", *(f"  {problem}" for problem in problems)]))
    warnings, notes = tuple(warnings_of(values)), tuple(_notes(path, found.idle))
    for level, sentences in ((logging.WARNING, warnings), (logging.INFO, notes)):
        for sentence in sentences:
            log.log(level, "%s", sentence)
    return KafkaSettings(path, MappingProxyType(values), warnings, notes, cluster)


def _notes(path: Path, idle: tuple[str, ...]) -> Iterator[str]:
    if idle:
        yield f"{path}: without effect, because Dayfold sets it itself or has no use for it: {', '.join(idle)}"


def _may_be_open(values: Mapping[str, str]) -> tuple[bool, dict[str, str]]:
    """Whether the file says that others may read it, and what else it says."""
    return values.get(MAY_BE_OPEN) == "true", {key: value for key, value in values.items() if key != MAY_BE_OPEN}


def _with_embedded(path: Path, values: dict[str, str]) -> tuple[dict[str, str], str | None]:
    """The settings with the address of the embedded broker that they lead to, and its cluster's id;
    as they are if they lead to none.
    """
    folder = embedded.folder_meant(path, values.get("bootstrap.servers", ""), project_folder(path))
    if folder is None:
        return values, None
    found = embedded.find_embedded(folder)
    return {**values, "bootstrap.servers": found.servers}, found.cluster


def _lines(path: Path) -> Iterator[tuple[str, str]]:
    seen: dict[str, int] = {}
    for number, line in _whole_lines(read_small_text(path, "Kafka properties file")):
        if not line.strip() or line.lstrip().startswith("#") or SECTION.fullmatch(line.strip()):
            continue
        key, equals, value = (part.strip() for part in line.partition("="))
        if not (key and equals and value):
            # The line itself is not shown: half a line may be a password.
            raise ConfigurationError(f"{path}, line {number}: expected key=value")
        if key in seen:
            raise ConfigurationError(f"{path}, line {number}: {key} is set twice, first in line {seen[key]}")
        seen[key] = number
        yield key, value


def _whole_lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines with their numbers. A login line of the Java client may go on behind a backslash;
    in any other one a backslash is a character.
    """
    lines = enumerate(text.splitlines(), start=1)
    for number, line in lines:
        while line.lstrip().startswith(JAAS) and line.endswith("\\"):
            line = line[:-1] + next(lines, (0, ""))[1]  # noqa: PLW2901 - the rest of the same line
        yield number, line


def _value(path: Path, key: str, text: str, environment: Mapping[str, str]) -> str:
    def from_environment(match: re.Match[str]) -> str:
        if match[1] not in environment:
            raise ConfigurationError(f"{path}: {key} needs the environment variable {match[1]}, which is not set")
        return environment[match[1]]

    value = ENVIRONMENT_VALUE.sub(from_environment, text).strip()
    if key in PEM_KEYS:
        value = value.replace("\\n", "\n")
    return str(project_folder(path) / home_expanded(value)) if key in FILE_KEYS and value else value


def _refusal(key: str) -> str | None:
    if hidden := invisible(key):
        return f"the key {''.join(filter(str.isprintable, key))} holds the invisible character {hidden}; write it again by hand"
    if key in REFUSED_KEYS:
        return f"{key} is not supported: {REFUSED_KEYS[key]}"
    if key in WRITE_INSTEAD:
        return f"{key} is not read; write {WRITE_INSTEAD[key]} instead"
    if key not in KNOWN_KEYS:
        close = difflib.get_close_matches(key, sorted(KNOWN_KEYS), n=1, cutoff=0.6)
        return f"{key} is unknown" + (f"; did you mean {close[0]}?" if close else "; the names are librdkafka's")
    return None


def _exposed_secrets(path: Path, written: Mapping[str, str]) -> Iterator[str]:
    literal = [key for key in sorted(SECRET_KEYS & written.keys()) if not ENVIRONMENT_VALUE.fullmatch(written[key])]
    if literal and path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        yield (
            f"{', '.join(literal)} stands in a file that other users may read: chmod 600 {path}, or write ${{env:NAME}} instead "
            f"of the secret; where the file cannot be closed, as in a container's mount, add the line {MAY_BE_OPEN}=true"
        )


def _certificate_subject(values: Mapping[str, str]) -> str:
    if "ssl.certificate.pem" not in values and "ssl.certificate.location" not in values:
        return "the owner of ssl.keystore.location"
    place = values.get("ssl.certificate.location", "ssl.certificate.pem")
    try:
        pem = values["ssl.certificate.pem"].encode() if "ssl.certificate.pem" in values else Path(place).read_bytes()
        return f"User:{x509.load_pem_x509_certificate(pem).subject.rfc4514_string()}"
    except (OSError, *ODD_CERTIFICATE):
        # It only names who was refused; what is wrong with the file is said by whoever uses it.
        return f"the owner of {place}"


def _referable(path: Path) -> Path:
    absolute = path.absolute()
    if re.search(r"[:},\s]", str(absolute)):
        raise ConfigurationError(f"{absolute} cannot hold the Java client's secrets: its path has a colon, comma, brace or space")
    return absolute


def _write_private(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # mkstemp creates with mode 0600, so the secret is never readable by others, not even while it is written.
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink()
        raise
