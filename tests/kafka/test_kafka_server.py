"""The embedded broker itself: started, found, stopped, killed, and kept apart from other processes."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path

import psutil
import pytest
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from spark_jobs.base.errors import ConfigurationError, TryAgain
from spark_jobs.local.free_ports import free_ports
from spark_jobs.local.kafka.server import (
    BrokerOptions,
    RunningKafka,
    create_topics,
    find_broker,
    start_broker,
    start_kafka,
    stop_broker,
)

NewTopic = Callable[..., str]
IMPORTS = "import sys, pathlib; from spark_jobs.local.kafka.server import start_broker, start_kafka; "


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A broker's folder of a name that Java, shells and properties files have to be told in their own ways."""
    yield tmp_path / "our bröker 日 😀"
    stop_broker(tmp_path / "our bröker 日 😀")


def test_two_brokers_that_start_at_once_take_two_ports(tmp_path: Path) -> None:
    """Both see the wanted port free before either has it."""
    (wanted,) = free_ports([None])
    folders = [tmp_path / "one", tmp_path / "other"]
    try:
        with ThreadPoolExecutor() as pool:
            ports = [running.port for running in pool.map(partial(start_broker, port=wanted), folders)]
        assert len(set(ports)) == 2
        assert wanted in ports
    finally:
        for one in folders:
            stop_broker(one)


def send(bootstrap: str, topic: str, *values: bytes) -> None:
    producer = Producer({"bootstrap.servers": bootstrap})
    for value in values:
        producer.produce(topic, value, partition=0)
    assert producer.flush(30) == 0


def read(bootstrap: str, topic: str, count: int) -> list[bytes | None]:
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "reader"})
    try:
        consumer.assign([TopicPartition(topic, 0, 0)])
        return [message.value() for message in consumer.consume(count, timeout=30)]
    finally:
        consumer.close()


def wait_until(condition: Callable[[], bool], process: "subprocess.Popen[bytes]") -> bool:
    """Look until `condition` holds; false if the process ends first, which it does after its own time limits."""
    while process.poll() is None:
        if condition():
            return True
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.05)
    return False


def test_the_broker_listens_on_loopback_only_and_below_the_ephemeral_ports(kafka: RunningKafka) -> None:
    listening = [one.laddr for one in kafka.process.net_connections("tcp") if one.status == psutil.CONN_LISTEN]
    assert kafka.port in {address.port for address in listening}
    assert {address.ip.removeprefix("::ffff:") for address in listening} == {"127.0.0.1"}
    assert all(address.port < 32768 for address in listening)


def test_the_broker_is_out_of_reach_of_the_terminals_ctrl_c(kafka: RunningKafka) -> None:
    assert os.getsid(kafka.pid) != os.getsid(0)
    assert os.getpgid(kafka.pid) != os.getpgid(0)


def test_a_folder_with_a_running_broker_gets_no_second_one(kafka: RunningKafka) -> None:
    assert start_kafka(kafka.folder).pid == kafka.pid


def test_topics_are_created_once_and_found_the_second_time(kafka: RunningKafka, topic_names: Callable[[], str]) -> None:
    wanted = {topic_names(): 3, topic_names(): 1}
    for _ in range(2):
        create_topics(kafka.bootstrap, wanted, {"retention.ms": "1000"})
    topics = AdminClient({"bootstrap.servers": kafka.bootstrap}).list_topics(timeout=10).topics
    assert {name: len(topics[name].partitions) for name in wanted} == wanted


def test_a_topic_with_another_number_of_partitions_is_an_error(kafka: RunningKafka, new_topic: NewTopic) -> None:
    name = new_topic(2)
    with pytest.raises(ConfigurationError, match=f"topic {name} has 2 partitions, not 4"):
        create_topics(kafka.bootstrap, {name: 4})


def test_an_impossible_topic_is_an_error_with_the_brokers_words(kafka: RunningKafka) -> None:
    with pytest.raises(ConfigurationError, match="topic no/name could not be created"):
        create_topics(kafka.bootstrap, {"no/name": 1})


@pytest.mark.proves("F197")
def test_what_was_acknowledged_survives_a_kill_and_the_port_stays(folder: Path) -> None:
    with start_kafka(folder, tied_to_us=True) as first:
        create_topics(first.bootstrap, {"readings": 1})
        send(first.bootstrap, "readings", b"one", b"two")
        first.kill()
        assert find_broker(folder) is None
        with start_kafka(folder, tied_to_us=True) as second:
            assert second.bootstrap == first.bootstrap
            assert read(second.bootstrap, "readings", 2) == [b"one", b"two"]


def test_a_broker_whose_ports_were_taken_meanwhile_moves_with_its_records(folder: Path) -> None:
    with start_kafka(folder, tied_to_us=True) as first:
        create_topics(first.bootstrap, {"readings": 1})
        send(first.bootstrap, "readings", b"one")
    state = json.loads((folder / "broker.json").read_text())
    with ExitStack() as squatters:
        for port in (state["port"], state["controller_port"]):
            squatters.enter_context(socket.create_server(("127.0.0.1", port)))
        with pytest.raises(ConfigurationError, match=f"port {first.port} .* is taken"):
            start_kafka(folder, port=first.port)
        with start_kafka(folder, tied_to_us=True) as second:
            assert second.port != first.port
            assert read(second.bootstrap, "readings", 1) == [b"one"]


def test_two_starters_at_once_get_one_broker_that_outlives_them_until_it_is_stopped(folder: Path) -> None:
    script = IMPORTS + "print(start_broker(pathlib.Path(sys.argv[1])).pid)"
    starters = [subprocess.Popen([sys.executable, "-c", script, folder], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    pids = {starter.communicate(timeout=120)[0].strip() for starter in starters}
    running = find_broker(folder)
    assert running is not None
    assert pids == {str(running.pid)}
    assert stop_broker(folder) is True
    assert not psutil.pid_exists(running.pid)
    assert stop_broker(folder) is False


def test_a_tied_broker_dies_with_the_process_that_started_it(folder: Path) -> None:
    script = IMPORTS + "start_kafka(pathlib.Path(sys.argv[1]), tied_to_us=True); print('ready', flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", script, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as starter:
        assert starter.stdout is not None
        assert starter.stdout.readline() == b"ready\n"
        running = find_broker(folder)
        assert running is not None
        starter.kill()
        running.process.wait(30)
    assert find_broker(folder) is None


def test_a_starter_interrupted_while_it_waits_leaves_no_broker(folder: Path) -> None:
    script = IMPORTS + "start_kafka(pathlib.Path(sys.argv[1]))"
    with subprocess.Popen([sys.executable, "-c", script, folder], stderr=subprocess.DEVNULL) as starter:
        log = folder / "kafka.log"
        assert wait_until(lambda: log.exists() and find_broker(folder) is not None, starter)
        starter.send_signal(signal.SIGINT)
    assert find_broker(folder) is None


def test_another_process_with_a_dead_brokers_pid_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "broker.json").write_text(json.dumps({"port": 20001, "controller_port": 20002, "pid": os.getpid()}))
    assert find_broker(tmp_path) is None
    assert stop_broker(tmp_path) is False


def test_a_pid_that_nobody_has_any_more_is_no_broker(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    (tmp_path / "broker.json").write_text(json.dumps({"port": 20001, "controller_port": 20002, "pid": ended.pid}))
    assert find_broker(tmp_path) is None
    assert stop_broker(tmp_path) is False


def test_stopping_where_nothing_was_ever_started_makes_no_folder(tmp_path: Path) -> None:
    assert stop_broker(tmp_path / "nothing") is False
    assert not (tmp_path / "nothing").exists()


def test_a_broker_that_cannot_start_is_an_error_with_the_end_of_its_log(folder: Path) -> None:
    options = BrokerOptions(settings={"authorizer.class.name": "no.such.Authorizer"})
    with pytest.raises(TryAgain, match=r"(?s)did not start; .*kafka\.log ends with:.*no\.such\.Authorizer"):
        start_kafka(folder, options=options, tied_to_us=True)
    assert find_broker(folder) is None


def test_settings_that_cannot_be_formatted_are_an_error_and_leave_no_storage(folder: Path) -> None:
    with pytest.raises(ConfigurationError, match="could not be formatted"):
        start_kafka(folder, options=BrokerOptions(settings={"node.id": "none"}), tied_to_us=True)
    assert not (folder / "data").exists()


def secured(password: str) -> BrokerOptions:
    module = "org.apache.kafka.common.security.plain.PlainLoginModule required"
    return BrokerOptions(
        settings={
            "listener.security.protocol.map": "CLIENT:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT",
            "sasl.enabled.mechanisms": "PLAIN",
            "sasl.mechanism.inter.broker.protocol": "PLAIN",
            "listener.name.client.plain.sasl.jaas.config": f'{module} username="me" password="{password}" user_me="{password}";',
        },
        client={
            "security.protocol": "SASL_PLAINTEXT",
            "sasl.mechanism": "PLAIN",
            "sasl.username": "me",
            "sasl.password": password,
        },
    )


def test_a_secured_broker_lets_in_who_knows_the_password(folder: Path) -> None:
    options = secured("correct")
    with start_kafka(folder, options=options, tied_to_us=True) as running:
        create_topics(running.bootstrap, {"readings": 1}, client=options.client)
        assert (folder / "server.properties").stat().st_mode & 0o077 == 0
        stranger = AdminClient(
            {"bootstrap.servers": running.bootstrap, **options.client, "sasl.password": "wrong", "log_level": 0}
        )
        with pytest.raises(KafkaException):
            stranger.list_topics(timeout=1)


@pytest.mark.proves("F197")
@pytest.mark.parametrize("name", ["a,b", "a\\b", "a\nb"])
def test_a_folder_that_kafka_would_take_for_another_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="because of the character"):
        start_kafka(tmp_path / name)
    assert list(tmp_path.iterdir()) == []
