"""The embedded Kafka: one real broker (KRaft, loopback only) from the pinned jars, for the demo, development and tests.

Everything it writes is in one folder: `server.properties`, `data/`, `kafka.log`, and `broker.json` with its process and ports.
A broker started again in the same folder has the same records and, if still free, the same port.
"""

import base64
import contextlib
import fcntl
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import psutil
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, NewTopic

from spark_jobs.errors import ConfigurationError, TryAgain
from spark_jobs.local import tied
from spark_jobs.local.free_ports import free_ports
from spark_jobs.local.jars import FOLDER as JARS
from spark_jobs.local.jars import fetch_jars
from spark_jobs.local.java import find_java

READY_SECONDS = 60.0
STOP_SECONDS = 20.0
_LOG, _STATE, _PROPERTIES, _LOG4J, _DATA = "kafka.log", "broker.json", "server.properties", "log4j2.properties", "data"
_LOG_SETTINGS = """\
status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{yyyy-MM-dd HH:mm:ss.SSS} %p %c{1}: %m%n
rootLogger.level = warn
rootLogger.appenderRef.console.ref = console
"""


@dataclass(frozen=True)
class RunningKafka:
    """A broker that answered; as a context manager it is stopped at the end."""

    folder: Path
    port: int
    pid: int
    process: psutil.Process = field(repr=False, compare=False)

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{self.port}"

    def stop(self) -> None:
        """End it in order; killed if that takes longer than 20 s. Nothing happens if it has ended already."""
        _end(self.process, signal.SIGTERM)

    def kill(self) -> None:
        """Kill it, as a power cut would."""
        _end(self.process, signal.SIGKILL)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


@dataclass(frozen=True)
class BrokerOptions:
    """What differs from the plain broker: server settings, arguments of `format`, and how a client gets in.

    The listener is called CLIENT, so a secured broker sets `listener.security.protocol.map` to `CLIENT:SASL_SSL,CONTROLLER:PLAINTEXT`.
    """

    settings: Mapping[str, str] = field(default_factory=dict)
    format_arguments: Sequence[str] = ()
    client: Mapping[str, str] = field(default_factory=dict)
    heap: str = "512m"


PLAIN = BrokerOptions()


def start_broker(folder: Path) -> RunningKafka:
    """Start a broker that lives on after this process, or find the one that runs in `folder` already."""
    return start_kafka(folder)


def stop_broker(folder: Path) -> bool:
    """Stop the broker of `folder`; whether one was running."""
    if not folder.is_dir():
        return False
    with _only_one_at_a_time(folder):
        running = find_broker(folder)
        if running is not None:
            running.stop()
        return running is not None


def find_broker(folder: Path) -> RunningKafka | None:
    """The broker that runs in `folder`, ready or not; a process that took over a dead broker's pid is not mistaken for it."""
    folder = folder.resolve()
    state = _read_state(folder)
    try:
        process = psutil.Process(state.get("pid", 0))
        ours = str(folder / _PROPERTIES) in process.cmdline()
    except psutil.Error:
        return None
    return RunningKafka(folder, state["port"], process.pid, process) if ours else None


def start_kafka(
    folder: Path, *, port: int | None = None, options: BrokerOptions = PLAIN, tied_to_us: bool = False
) -> RunningKafka:
    """A broker with its data in `folder`, ready to use; the running one if there is one.

    `tied_to_us`: it is killed when this process ends in whatever way. Else it lives on. Ctrl-C does not reach it.
    """
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    with _only_one_at_a_time(folder):
        running = find_broker(folder)
        if running is None:
            fetch_jars()
            _write_files(folder, _choose_ports(folder, port), options)
            _format_once(folder, options)
            running = _spawn(folder, options, tied_to_us)
        _wait_until_ready(running, options)
        return running


def create_topics(
    bootstrap: str,
    partitions: Mapping[str, int],
    config: Mapping[str, str] | None = None,
    client: Mapping[str, str] | None = None,
) -> None:
    """Create the topics that do not exist yet, and wait until each partition can be written to.

    A topic that exists with another number of partitions is an error; its config is left as it is.
    """
    admin = _admin(bootstrap, client or {})
    wanted = [NewTopic(name, count, 1, config=dict(config or {})) for name, count in partitions.items()]
    for name, created in admin.create_topics(wanted).items():
        try:
            created.result()
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise ConfigurationError(f"topic {name} could not be created at {bootstrap}: {error.args[0].str()}") from error
    _wait_for_leaders(admin, partitions)


def _wait_for_leaders(admin: AdminClient, partitions: Mapping[str, int]) -> None:
    deadline = time.monotonic() + READY_SECONDS
    left = dict(partitions)
    while left and time.monotonic() < deadline:
        topics = admin.list_topics(timeout=5).topics
        for name in [name for name in left if name in topics]:
            found = topics[name].partitions.values()
            if len(found) not in (0, left[name]):
                raise ConfigurationError(
                    f"topic {name} has {len(found)} partitions, not {left[name]}; delete it or choose another name"
                )
            if found and all(partition.leader != -1 for partition in found):
                del left[name]
    if left:
        raise TryAgain(f"the partitions of {', '.join(left)} had no leader within {READY_SECONDS:.0f} s")


@contextlib.contextmanager
def _only_one_at_a_time(folder: Path) -> Iterator[None]:
    with (folder / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _read_state(folder: Path) -> dict[str, int]:
    try:
        state: dict[str, int] = json.loads((folder / _STATE).read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return {}
    return state


def _write_state(folder: Path, state: Mapping[str, int]) -> None:
    beside = folder / f"{_STATE}.part"
    beside.write_text(json.dumps(state))
    beside.replace(folder / _STATE)


def _choose_ports(folder: Path, port: int | None) -> tuple[int, int]:
    """Port for clients and for the controller: the wanted one, those of the last start, or free ones."""
    last = _read_state(folder)
    ports = free_ports([port or last.get("port"), last.get("controller_port")])
    if port is not None and ports[0] != port:
        raise ConfigurationError(f"port {port} is taken by another process; name another one")
    _write_state(folder, {"port": ports[0], "controller_port": ports[1]})
    return ports[0], ports[1]


def _write_files(folder: Path, ports: tuple[int, int], options: BrokerOptions) -> None:
    (folder / "tmp").mkdir(exist_ok=True)
    (folder / _LOG4J).write_text(_LOG_SETTINGS)
    lines = [f"{key}={value}" for key, value in (_settings(folder, *ports) | dict(options.settings)).items()]
    properties = folder / _PROPERTIES
    properties.touch(mode=0o600)
    properties.write_text("\n".join([*lines, ""]))


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
        "log.dirs": str(folder / _DATA),
        "offsets.topic.replication.factor": "1",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        "offsets.topic.num.partitions": "4",
        "transaction.state.log.num.partitions": "4",
        "group.initial.rebalance.delay.ms": "0",
        "auto.create.topics.enable": "false",
        # Nothing expires by itself: retention is what the job must notice, so tests set it per topic.
        "log.retention.ms": "-1",
    }


def _format_once(folder: Path, options: BrokerOptions) -> None:
    """Formatted beside its place and renamed, so that an interrupted format is never taken for a log."""
    if (folder / _DATA).exists():
        return
    beside, properties = folder / f"{_DATA}.part", folder / "format.properties"
    shutil.rmtree(beside, ignore_errors=True)
    properties.touch(mode=0o600)
    properties.write_text((folder / _PROPERTIES).read_text() + f"log.dirs={beside}\n")
    cluster = base64.urlsafe_b64encode(secrets.token_bytes(16)).decode().rstrip("=")
    arguments = ["format", "--standalone", "-t", cluster, "-c", str(properties), *options.format_arguments]
    command = [*_java(folder, "128m"), "kafka.tools.StorageTool", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ConfigurationError(f"Kafka's storage in {folder} could not be formatted: {(done.stderr or done.stdout).strip()}")
    properties.unlink()
    beside.rename(folder / _DATA)


def _java(folder: Path, heap: str) -> list[str]:
    """Java with the broker's class path; native libraries are unpacked in `folder`, nothing is written outside of it."""
    java = find_java() / "bin" / "java"
    own = [
        f"-Xmx{heap}",
        "-XX:-UsePerfData",
        f"-Djava.io.tmpdir={folder / 'tmp'}",
        f"-Dlog4j2.configurationFile={folder / _LOG4J}",
    ]
    return [str(java), *own, "-cp", f"{JARS}/kafka/*"]


def _spawn(folder: Path, options: BrokerOptions, tied_to_us: bool) -> RunningKafka:
    command = [*_java(folder, options.heap), "kafka.Kafka", str(folder / _PROPERTIES)]
    if tied_to_us:
        command = [sys.executable, "-I", tied.__file__, str(os.getpid()), *command]
    write = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    streams = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, str(folder / _LOG), write, 0o600),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    # Its own session: a Ctrl-C in the terminal is ours to handle. Not subprocess.Popen, which complains when left running.
    pid = os.posix_spawn(command[0], command, os.environ, file_actions=streams, setsid=True)
    state = _read_state(folder)
    _write_state(folder, state | {"pid": pid})
    return RunningKafka(folder, state["port"], pid, psutil.Process(pid))


def _wait_until_ready(running: RunningKafka, options: BrokerOptions) -> None:
    """Until the broker in `folder`, and no other one on its port, answers a client; a broker that does not is killed."""
    admin = _admin(running.bootstrap, options.client)
    deadline = time.monotonic() + READY_SECONDS
    ready = False
    try:
        while not ready and time.monotonic() < deadline and _is_alive(running.process):
            with contextlib.suppress(KafkaException):
                ready = admin.list_topics(timeout=0.25).cluster_id == _cluster_id(running.folder)
    finally:
        if not ready:
            running.kill()
    if not ready:
        raise TryAgain(
            f"the embedded Kafka did not start; the end of {running.folder / _LOG} says:\n{_last_lines(running.folder / _LOG)}"
        )


def _is_alive(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    return False


def _cluster_id(folder: Path) -> str:
    lines = (folder / _DATA / "meta.properties").read_text().splitlines()
    return next(line.partition("=")[2] for line in lines if line.startswith("cluster.id="))


def _last_lines(log: Path, count: int = 15) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-count:]) if log.exists() else "(nothing)"


def _admin(bootstrap: str, client: Mapping[str, str]) -> AdminClient:
    """A client that keeps quiet while nothing answers yet."""
    return AdminClient(
        {"bootstrap.servers": bootstrap, "log_level": 0, "reconnect.backoff.max.ms": 200, "error_cb": lambda _: None, **client}
    )


def _end(process: psutil.Process, how: signal.Signals) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        process.send_signal(how)
        try:
            process.wait(STOP_SECONDS)
        except psutil.TimeoutExpired:
            process.kill()
            process.wait(STOP_SECONDS)
