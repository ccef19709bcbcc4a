"""The embedded broker's folder: what is written there before the broker starts, and what can be read there about it.

`broker.json` keeps the ports, so that a restart finds the clients where they were, and the pid of the broker started last.
Starts and stops nothing but the short-lived format tool.
"""

import base64
import json
import os
import re
import secrets
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from spark_jobs.access.embedded import DATA, PROPERTIES, STATE, parse_properties, read_state
from spark_jobs.base.errors import ConfigurationError
from spark_jobs.launch.java import find_java
from spark_jobs.launch.spark_environment import java_environment
from spark_jobs.local.free_ports import reserved_ports
from spark_jobs.local.setup.jars import JARS

BROKER_LOG, _LOG4J, _TMP = "kafka.log", "log4j2.properties", "tmp"
_LOG_SETTINGS = """\
status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{yyyy-MM-dd HH:mm:ss.SSS} %p %c{1}: %m%n
rootLogger.level = warn
rootLogger.appenderRef.console.ref = console
"""


def write_state(folder: Path, state: Mapping[str, int]) -> None:
    """Replace the state as a whole."""
    beside = folder / f"{STATE}.part"
    beside.write_text(json.dumps(state))
    beside.replace(folder / STATE)


@contextmanager
def chosen_ports(folder: Path, port: int | None) -> Iterator[tuple[int, int]]:
    """Port for clients and for the controller: the wanted one, else those of the last start, else free ones.

    Kept from all other brokers until the end of the block, by which this one must be known to have them.
    """
    last = read_state(folder)
    with reserved_ports([port or last.get("port"), last.get("controller_port")]) as (found, controller):
        if port is not None and found != port:
            raise ConfigurationError(f"port {port} on 127.0.0.1 is taken by another process; choose another one")
        write_state(folder, {"port": found, "controller_port": controller})
        yield found, controller


def write_broker_files(folder: Path, ports: tuple[int, int], settings: Mapping[str, str]) -> None:
    """The broker's settings, `settings` over our own, and those of its log."""
    (folder / _TMP).mkdir(exist_ok=True)
    (folder / _LOG4J).write_text(_LOG_SETTINGS)
    _write_properties(folder / PROPERTIES, _settings(folder, *ports) | dict(settings))


def _write_properties(path: Path, settings: Mapping[str, str]) -> None:
    """For the owner only: a secured broker's passwords stand in it."""
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    # Java reads such a file as Latin-1, and what that has not as the halves of UTF-16 that it has instead.
    text = "".join(f"{key}={value}\n" for key, value in settings.items())
    halves = re.sub(r"[^\x00-\x7f]", lambda one: "".join(f"\\u{half:04x}" for half in _utf16(one[0])), text)
    path.write_text(halves, encoding="ascii")


def _utf16(character: str) -> Iterator[int]:
    data = character.encode("utf-16-be")
    return (int.from_bytes(data[place : place + 2]) for place in range(0, len(data), 2))


def require_name(folder: Path) -> None:
    """Raise `ConfigurationError` if Kafka would take the folder's name for a list, or read other characters in it."""
    found = re.search(r"[,\\\x00-\x1f\x7f\ud800-\udfff]", str(folder))
    if found:
        raise ConfigurationError(
            f"the embedded Kafka cannot keep its data in {str(folder)!a}, because of the character {found[0]!a}; "
            "move the project, or give `dayfold broker start` another --folder"
        )


def _settings(folder: Path, port: int, controller_port: int) -> dict[str, str]:
    return {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.bootstrap.servers": f"127.0.0.1:{controller_port}",
        "listeners": f"CLIENT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}",
        "advertised.listeners": f"CLIENT://127.0.0.1:{port}",
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "CLIENT",
        "listener.security.protocol.map": "CLIENT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": str(folder / DATA),
        "offsets.topic.replication.factor": "1",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        # Few partitions of the internal topics: each is a folder and a few files to open at every start.
        "offsets.topic.num.partitions": "4",
        "transaction.state.log.num.partitions": "4",
        "share.coordinator.state.topic.num.partitions": "4",
        "group.initial.rebalance.delay.ms": "0",
        "auto.create.topics.enable": "false",
        # Records and group offsets stay for as long as the folder does, however long nobody starts the broker.
        "log.retention.ms": "-1",
        "offsets.retention.minutes": str(10 * 365 * 24 * 60),
    }


def format_once(folder: Path, arguments: Sequence[str]) -> None:
    """Make the broker's storage if there is none; beside its place and then renamed, so that half of it is never started."""
    if (folder / DATA).exists():
        return
    beside, properties = folder / f"{DATA}.part", folder / "format.properties"
    shutil.rmtree(beside, ignore_errors=True)
    _write_properties(properties, parse_properties(folder / PROPERTIES) | {"log.dirs": str(beside)})
    cluster = base64.urlsafe_b64encode(secrets.token_bytes(16)).decode().rstrip("=")
    # `--cluster-id=` and not `-t`: one id in 64 begins with a dash.
    own = ["format", "--standalone", f"--cluster-id={cluster}", "--config", str(properties)]
    command = [*java_command(folder, "128m"), "kafka.tools.StorageTool", *own, *arguments]
    done = subprocess.run(command, env=java_environment(os.environ), capture_output=True, text=True, check=False)
    properties.unlink()
    if done.returncode != 0:
        raise ConfigurationError(f"Kafka's storage in {folder} could not be formatted: {(done.stderr or done.stdout).strip()}")
    beside.rename(folder / DATA)


def java_command(folder: Path, heap: str) -> list[str]:
    """Java with the broker's class path. Native libraries are unpacked in `folder`: nothing is written outside of it."""
    java = find_java() / "bin" / "java"
    files = [f"-Djava.io.tmpdir={folder / _TMP}", f"-Dlog4j2.configurationFile={(folder / _LOG4J).as_uri()}", "-XX:-UsePerfData"]
    return [str(java), f"-Xmx{heap}", *files, "-cp", f"{JARS}/kafka/*"]


def last_log_lines(folder: Path, count: int = 15) -> str:
    """The end of the log of the last start."""
    log = folder / BROKER_LOG
    return "\n".join(log.read_text(errors="replace").splitlines()[-count:]) if log.exists() else "(no log)"


def spawn_arguments(folder: Path) -> list[tuple[int, ...] | tuple[int, int, str, int, int]]:
    """File actions of a process that reads nothing and writes to the log, which begins empty."""
    write = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    return [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, str(folder / BROKER_LOG), write, 0o600),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
