"""The embedded Kafka: one real broker (KRaft, loopback only) from the pinned jars, for the demo, development and tests.

Everything it writes is in one folder. Started again there, it has the same records and, if still free, the same port.
"""

import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import psutil
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, NewTopic

from spark_jobs.access.embedded import PROPERTIES, cluster_id, read_state
from spark_jobs.base.errors import ConfigurationError, TryAgain
from spark_jobs.base.wording import counted
from spark_jobs.launch.spark_environment import java_environment
from spark_jobs.local import tied
from spark_jobs.local.exclusive import exclusively
from spark_jobs.local.free_ports import free_ports
from spark_jobs.local.kafka import folder as kafka_folder
from spark_jobs.local.setup.jars import fetch_jars

DEFAULT_PORT = 19092
READY_SECONDS = 60.0
STOP_SECONDS = 20.0


@dataclass(frozen=True)
class RunningKafka:
    """A broker process; as a context manager it is stopped at the end."""

    folder: Path
    port: int
    process: psutil.Process = field(repr=False)

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{self.port}"

    def stop(self) -> None:
        """End it in order, or kill it if that takes longer than 20 s. Does nothing if it has ended already."""
        _end(self.process, signal.SIGTERM)

    def kill(self) -> None:
        """End it as a power cut would."""
        _end(self.process, signal.SIGKILL)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


@dataclass(frozen=True)
class BrokerOptions:
    """What differs from the plain broker: server settings, arguments of Kafka's format tool, how a client gets in.

    The listener is called CLIENT: a secured broker has `listener.security.protocol.map` = `CLIENT:SASL_SSL,CONTROLLER:PLAINTEXT`.
    """

    settings: Mapping[str, str] = field(default_factory=dict)
    format_arguments: Sequence[str] = ()
    client: Mapping[str, str] = field(default_factory=dict)
    heap: str = "512m"


PLAIN = BrokerOptions()


def start_broker(folder: Path, port: int = DEFAULT_PORT) -> RunningKafka:
    """Start a broker that lives on after this process, or find the one that runs in `folder` already.

    At this port if it is free, else at another one, which its folder names: clients of `bootstrap.servers=embedded` find it.
    """
    try:
        running = start_kafka(folder, port=port if _is_free(port) else None)
    except (TryAgain, ConfigurationError):
        if _is_free(port):
            raise
        # Somebody took the port after it was seen to be free, for example the broker of another folder.
        running = start_kafka(folder)
    client_file(folder).write_text(f"bootstrap.servers={running.bootstrap}\n")
    return running


def _is_free(port: int) -> bool:
    return free_ports([port]) == [port]


def client_file(folder: Path) -> Path:
    """Kafka properties for clients of the broker that `start_broker` starts in `folder`, for our own and for others."""
    return folder / "client.properties"


def stop_broker(folder: Path) -> bool:
    """Stop the broker of `folder`; whether one was running."""
    if not folder.is_dir():
        return False
    with exclusively(folder):
        running = find_broker(folder)
        if running is not None:
            running.stop()
        return running is not None


def find_broker(folder: Path) -> RunningKafka | None:
    """The broker that runs in `folder`, ready or not.

    A process is ours if its command line names our settings file, so one that was given a dead broker's pid is left alone.
    """
    folder = folder.resolve()
    state = read_state(folder)
    with suppress(psutil.Error, KeyError):
        process = psutil.Process(state["pid"])
        if str(folder / PROPERTIES) in process.cmdline():
            return RunningKafka(folder, state["port"], process)
    return None


def start_kafka(
    folder: Path, *, port: int | None = None, options: BrokerOptions = PLAIN, tied_to_us: bool = False
) -> RunningKafka:
    """A broker with its data in `folder`, ready to use; the one that runs there already if there is one.

    `tied_to_us`: it is killed when this process ends, in whatever way; call it from the main thread, whose end Linux goes by.
    Else it lives on.
    """
    folder = folder.resolve()
    kafka_folder.require_name(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with exclusively(folder):
        running = find_broker(folder)
        if running is None:
            fetch_jars()
            with kafka_folder.chosen_ports(folder, port) as ports:
                return _start(folder, ports, options, tied_to_us)
        _wait_until_ready(running, options)
        return running


def _start(folder: Path, ports: tuple[int, int], options: BrokerOptions, tied_to_us: bool) -> RunningKafka:
    kafka_folder.write_broker_files(folder, ports, options.settings)
    kafka_folder.format_once(folder, options.format_arguments)
    running = _spawn(folder, options, tied_to_us)
    _wait_until_ready(running, options)
    return running


def _spawn(folder: Path, options: BrokerOptions, tied_to_us: bool) -> RunningKafka:
    """Start the process in a session of its own: a Ctrl-C in the terminal is the caller's to handle.

    Not by `subprocess.Popen`, which warns about a process that is left running on purpose.
    """
    command = [*kafka_folder.java_command(folder, options.heap), "kafka.Kafka", str(folder / PROPERTIES)]
    if tied_to_us:
        command = [sys.executable, "-I", tied.__file__, str(os.getpid()), *command]
    pid = os.posix_spawn(
        command[0], command, java_environment(os.environ), file_actions=kafka_folder.spawn_arguments(folder), setsid=True
    )
    state = read_state(folder) | {"pid": pid}
    kafka_folder.write_state(folder, state)
    return RunningKafka(folder, state["port"], psutil.Process(pid))


def _wait_until_ready(running: RunningKafka, options: BrokerOptions) -> None:
    """Until this broker, and no other on its port, answers a client; one that does not in time is killed."""
    ready = False
    try:
        ready = _answers_in_time(running, _admin(running.bootstrap, options.client))
    finally:
        if not ready:
            running.kill()
    if not ready:
        log = running.folder / kafka_folder.BROKER_LOG
        raise TryAgain(f"the embedded Kafka did not start; {log} ends with:\n{kafka_folder.last_log_lines(running.folder)}")


def _answers_in_time(running: RunningKafka, admin: AdminClient) -> bool:
    wanted, deadline = cluster_id(running.folder), time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and _is_alive(running.process):
        with suppress(KafkaException):
            if admin.list_topics(timeout=0.25).cluster_id == wanted:
                return True
    return False


def _is_alive(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    return False


def _end(process: psutil.Process, how: signal.Signals) -> None:
    with suppress(psutil.NoSuchProcess):
        process.send_signal(how)
        try:
            process.wait(STOP_SECONDS)
        except psutil.TimeoutExpired:
            process.kill()
            process.wait(STOP_SECONDS)


def create_topics(
    bootstrap: str,
    partitions: Mapping[str, int],
    config: Mapping[str, str] | None = None,
    client: Mapping[str, str] | None = None,
) -> None:
    """Create the topics that do not exist yet, and wait until each partition can be written to.

    One that exists with another number of partitions is an error; one that exists keeps its config.
    """
    admin = _admin(bootstrap, client or {})
    wanted = [NewTopic(name, count, 1, config=dict(config or {})) for name, count in partitions.items()]
    for name, created in admin.create_topics(wanted).items():
        try:
            created.result()
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise ConfigurationError(f"topic {name} could not be created at {bootstrap}: {error.args[0].str()}") from error
    _wait_until_writable(admin, partitions)


def _wait_until_writable(admin: AdminClient, partitions: Mapping[str, int]) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while not all(_is_writable(admin, name, count) for name, count in partitions.items()):
        if time.monotonic() > deadline:
            raise TryAgain(f"the partitions of {', '.join(partitions)} had no leader within {READY_SECONDS:.0f} s")


def _is_writable(admin: AdminClient, name: str, count: int) -> bool:
    topic = admin.list_topics(topic=name, timeout=READY_SECONDS).topics[name]
    if topic.error is not None:
        return False
    if len(topic.partitions) != count:
        raise ConfigurationError(
            f"topic {name} has {counted(len(topic.partitions), 'partition')}, not {count}; delete it or choose another name"
        )
    return all(partition.leader != -1 for partition in topic.partitions.values())


def _admin(bootstrap: str, client: Mapping[str, str]) -> AdminClient:
    """A client that keeps quiet while nothing answers yet."""
    quiet: dict[str, Any] = {"log_level": 0, "reconnect.backoff.max.ms": 200, "error_cb": lambda _: None}
    return AdminClient({"bootstrap.servers": bootstrap, **quiet, **client})
