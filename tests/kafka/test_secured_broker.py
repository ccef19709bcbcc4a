"""TLS, logins and permissions as in production: what is right works with the least privilege, what is wrong is told in one sentence."""

import secrets
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pyspark
import pytest
from py4j.java_gateway import GatewayParameters, JavaGateway, launch_gateway

from spark_jobs import watch
from spark_jobs.broker import Broker, connect
from spark_jobs.errors import ConfigurationError
from spark_jobs.kafka_keys import SECRET_KEYS
from spark_jobs.kafka_settings import KafkaSettings
from spark_jobs.local.jars import FOLDER as JARS
from tests.kafka.secured import Authority
from tests.kafka.secured_cluster import GROUP, KEYSTORE, PEM_PAIR, PLAIN, READINGS, SCRAM, Login, Secured

ANSWER_SECONDS = 15.0

pytestmark = pytest.mark.xdist_group("secured")


def refusal(secured: Secured, settings: KafkaSettings, ask: Callable[[Broker], object] = Broker.cluster_id) -> str:
    """The one sentence that a user reads, in time and without a secret."""
    started = time.monotonic()
    with pytest.raises(ConfigurationError) as caught, connect(settings) as broker:
        ask(broker)
    assert time.monotonic() - started < ANSWER_SECONDS
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert not any(password in sentence for password in [*secured.passwords.values(), settings.values["sasl.password"]])
    return sentence


@pytest.mark.parametrize(("user", "mechanism"), [("alice", PLAIN), ("sally", SCRAM)])
def test_the_least_privilege_is_enough_for_every_question(login: Login, user: str, mechanism: str) -> None:
    with connect(login(user, mechanism)) as broker:
        topic = broker.topic(READINGS)
        assert [(one.low, one.stable, one.high) for one in topic.partitions] == [(0, 2, 2), (0, 0, 0)]
        assert broker.committed(GROUP, READINGS, topic.numbers) == {}
        assert [record.value() for record in broker.scan(READINGS, {0: 0, 1: 0}, {0: 2, 1: 0})] == [b"a", b"b"]
        assert broker.topic_config(READINGS, ["cleanup.policy"]) == {"cleanup.policy": None}
        assert broker.record_times(READINGS, {0: 1, 1: 0}).keys() == {0}
        assert watch.read_retention(broker, READINGS) == watch.UNKNOWN
        expiries = watch.find_expiries(broker, topic, {}, watch.UNKNOWN, datetime.now(UTC))
        assert {number: one.hours_left for number, one in expiries.items()} == {0: None}


@pytest.mark.group("SE")
@pytest.mark.proves("F110")
@pytest.mark.parametrize(("user", "mechanism"), [("alice", PLAIN), ("sally", SCRAM)])
def test_a_wrong_password_is_told_at_once_with_host_and_principal(
    secured: Secured, login: Login, user: str, mechanism: str, capfd: pytest.CaptureFixture[str]
) -> None:
    settings = login(user, mechanism, password=secrets.token_urlsafe(12))
    assert refusal(secured, settings) == (
        f"the Kafka broker {secured.kafka.bootstrap} refused the login of User:{user} by {mechanism}; "
        f"check name and password in {settings.path}"
    )
    assert capfd.readouterr() == ("", "")


def test_an_unknown_user_looks_like_a_wrong_password(secured: Secured, login: Login) -> None:
    sentence = refusal(secured, login("nobody", password=secrets.token_urlsafe(12)))
    assert "refused the login of User:nobody by PLAIN" in sentence


def test_a_mechanism_that_the_broker_does_not_take_is_told_with_those_it_takes(secured: Secured, login: Login) -> None:
    sentence = refusal(secured, login("sally", "SCRAM-SHA-256"))
    assert sentence in [
        f"the Kafka broker {secured.kafka.bootstrap} does not take logins by SCRAM-SHA-256, but {offered}"
        for offered in ("PLAIN,SCRAM-SHA-512", "SCRAM-SHA-512,PLAIN")
    ]


def test_a_certificate_of_an_unknown_authority_is_told(secured: Secured, login: Login) -> None:
    sentence = refusal(secured, login("alice", authority=Authority()))
    assert sentence == (
        f"no trusted connection to the Kafka broker {secured.kafka.bootstrap}: self-signed certificate in certificate chain "
        "(check ssl.ca.location and the host name in bootstrap.servers)"
    )


@pytest.mark.group("SE")
@pytest.mark.proves("F111", "F112")
def test_a_certificate_for_another_host_name_is_told(secured: Secured, login: Login) -> None:
    # A way to write 127.0.0.1 that the certificate does not list.
    sentence = refusal(secured, login("alice", servers=f"127.1:{secured.kafka.port}"))
    assert f"no trusted connection to the Kafka broker 127.1:{secured.kafka.port}: " in sentence
    assert "certificate is not valid for '127.1'" in sentence


@pytest.mark.group("SE")
@pytest.mark.proves("F21")
def test_a_topic_that_may_not_be_looked_at_is_told_with_the_permission_to_ask_for(secured: Secured, login: Login) -> None:
    settings = login("eve")
    assert refusal(secured, settings, lambda broker: broker.topic(READINGS)) == (
        f"User:eve has no permission for Describe on topic {READINGS} at {secured.kafka.bootstrap}; "
        f"ask for that ACL (dayfold acls prints what a pipeline needs), or for the right login in {settings.path}"
    )


@pytest.mark.group("SE")
@pytest.mark.proves("F21")
def test_a_topic_that_does_not_exist_is_told_to_those_who_may_know(secured: Secured, login: Login) -> None:
    assert "planned is no topic of" in refusal(secured, login("alice"), lambda broker: broker.topic("planned"))
    assert "no permission for Describe on topic planned" in refusal(secured, login("bob"), lambda broker: broker.topic("planned"))


def test_a_topic_that_may_be_looked_at_but_not_read_is_told(secured: Secured, login: Login) -> None:
    sentence = refusal(secured, login("bob"), lambda broker: list(broker.scan(READINGS, {0: 0}, {0: 1})))
    assert f"User:bob has no permission for Read on topic {READINGS}" in sentence


@pytest.mark.group("SE")
@pytest.mark.proves("F41")
def test_asking_when_records_were_written_without_permission_to_read_is_told(secured: Secured, login: Login) -> None:
    sentence = refusal(secured, login("bob"), lambda broker: broker.record_times(READINGS, {0: 0, 1: 0}))
    assert f"User:bob has no permission for Read on topic {READINGS}" in sentence


def test_a_missing_permission_on_the_group_is_told_at_once(secured: Secured, login: Login) -> None:
    started = time.monotonic()
    sentence = refusal(secured, login("bob"), lambda broker: broker.committed(GROUP, READINGS, [0, 1]))
    assert f"User:bob has no permission for Describe on group {GROUP} at" in sentence
    assert time.monotonic() - started < 5


@pytest.fixture(scope="module")
def jvm() -> Iterator[JavaGateway]:
    """A JVM with the Kafka client that Spark uses."""
    classpath = ":".join(
        str(path) for path in [*(JARS / "spark").glob("*.jar"), *(Path(pyspark.__path__[0]) / "jars").glob("*.jar")]
    )
    jar = next((Path(pyspark.__path__[0]) / "jars").glob("py4j-*.jar"))
    port = launch_gateway(jarpath=str(jar), classpath=classpath, die_on_exit=True)
    gateway = JavaGateway(gateway_parameters=GatewayParameters(port=port))
    yield gateway
    gateway.shutdown()


def java_answer(jvm: JavaGateway, settings: dict[str, str]) -> str:
    """What the Java client reads first from the topic."""
    properties = jvm.jvm.java.util.Properties()
    deserializer = "org.apache.kafka.common.serialization.StringDeserializer"
    own = {"key.deserializer": deserializer, "value.deserializer": deserializer, "default.api.timeout.ms": "9000"}
    for key, value in (settings | own).items():
        properties.setProperty(key, value)
    partitions = jvm.jvm.java.util.Collections.singletonList(jvm.jvm.org.apache.kafka.common.TopicPartition(READINGS, 0))
    consumer = jvm.jvm.org.apache.kafka.clients.consumer.KafkaConsumer(properties)
    try:
        consumer.assign(partitions)
        consumer.seekToBeginning(partitions)
        records = consumer.poll(jvm.jvm.java.time.Duration.ofSeconds(9)).iterator()
        return str(records.next().value())
    finally:
        consumer.close()


def java_settings(settings: KafkaSettings, folder: Path) -> dict[str, str]:
    path = folder / "state" / "kafka-secrets.properties"
    settings.write_java_secrets(path)
    java = settings.java(path)
    assert not any(settings.values[key] in str(java) for key in SECRET_KEYS & settings.values.keys())
    return java


@pytest.mark.group("SE")
@pytest.mark.proves("F112", "F114")
@pytest.mark.parametrize(("user", "mechanism"), [("alice", PLAIN), ("sally", SCRAM)])
def test_the_java_client_logs_in_with_the_translated_settings(
    login: Login, jvm: JavaGateway, tmp_path: Path, user: str, mechanism: str
) -> None:
    assert java_answer(jvm, java_settings(login(user, mechanism), tmp_path)) == "a"


@pytest.mark.parametrize("certificate", [PEM_PAIR, KEYSTORE], ids=["pem", "pkcs12"])
def test_both_clients_show_the_same_certificate(login: Login, jvm: JavaGateway, tmp_path: Path, certificate: int) -> None:
    settings = login("alice", certificate=certificate)
    with connect(settings) as broker:
        assert broker.topic(READINGS).numbers == (0, 1)
    assert java_answer(jvm, java_settings(settings, tmp_path)) == "a"


def test_a_missing_client_certificate_is_told(secured: Secured, login: Login) -> None:
    sentence = refusal(secured, login("alice", certificate=None))
    assert f"the Kafka broker {secured.kafka.bootstrap} ended the TLS handshake (" in sentence
    assert "check ssl.certificate.location and ssl.key.location" in sentence
