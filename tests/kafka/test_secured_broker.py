"""TLS, logins and permissions as in production: what is right works with the least privilege,
what is wrong is told in one sentence.
"""

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pyspark
import pytest
from py4j.java_gateway import GatewayParameters, JavaGateway, launch_gateway

from spark_jobs.access.embedded import read_state
from spark_jobs.access.keys import SECRET_KEYS
from spark_jobs.access.properties import KafkaSettings, load_kafka_settings
from spark_jobs.base.errors import ConfigurationError, DayfoldError, TryAgain
from spark_jobs.broker.cluster import Broker, connect
from spark_jobs.local.setup.jars import JARS
from spark_jobs.outlook import watch
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
        assert watch.read_retention(broker, READINGS) == watch.UNKNOWN_RETENTION
        expiries = watch.find_expiries(broker, topic, {}, watch.UNKNOWN_RETENTION, datetime.now(UTC))
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


@pytest.mark.proves("F181")
@pytest.mark.group("SE")
@pytest.mark.parametrize(
    ("protocol", "is_plain", "spoken"),
    [
        ("PLAINTEXT", False, "speaks SASL_SSL on this port, but security.protocol is PLAINTEXT"),
        pytest.param("SSL", False, "speaks SASL_SSL on this port, but security.protocol is SSL", marks=pytest.mark.thorough),
        pytest.param(
            "SASL_PLAINTEXT",
            False,
            "speaks SASL_SSL on this port, but security.protocol is SASL_PLAINTEXT",
            marks=pytest.mark.thorough,
        ),
        ("SSL", True, "speaks PLAINTEXT on this port, but security.protocol is SSL"),
        pytest.param(
            "SASL_SSL", True, "speaks PLAINTEXT on this port, but security.protocol is SASL_SSL", marks=pytest.mark.thorough
        ),
    ],
)
def test_a_port_that_speaks_another_protocol_is_told_with_the_one_it_speaks(
    secured: Secured, tmp_path: Path, protocol: str, is_plain: bool, spoken: str
) -> None:
    # The controller of the broker speaks plain text to everybody.
    port = read_state(secured.kafka.folder)["controller_port"] if is_plain else secured.kafka.port
    kept = {"SASL_SSL": ("ssl.", "sasl."), "SSL": ("ssl.",), "SASL_PLAINTEXT": ("sasl.",), "PLAINTEXT": ()}[protocol]
    lines = [f"bootstrap.servers=127.0.0.1:{port}", f"security.protocol={protocol}"]
    lines += [line for line in secured.lines(tmp_path, "alice") if line.startswith(kept)] if kept else []
    path = tmp_path / "kafka.properties"
    path.touch(mode=0o600)
    path.write_text("\n".join(lines))
    started = time.monotonic()
    # With a certificate in the settings the port is asked with it; without one all that can be told is that it is TLS.
    wanted = spoken if kept and kept[0] == "ssl." else spoken.replace("speaks SASL_SSL", "speaks SSL or SASL_SSL")
    with pytest.raises(ConfigurationError) as caught, connect(load_kafka_settings(path, {})):
        pass
    assert str(caught.value) == f"the Kafka broker 127.0.0.1:{port} {wanted} in {path}; set it, or name another port"
    assert time.monotonic() - started < ANSWER_SECONDS


@pytest.mark.proves("F182")
@pytest.mark.group("SE")
def test_a_wrong_password_of_the_key_is_told_with_the_file(secured: Secured, login: Login, tmp_path: Path) -> None:
    right = login("alice")
    path = tmp_path / "kafka.properties"
    path.write_text(path.read_text().replace(right.values["ssl.key.password"], "another"))
    assert refusal(secured, load_kafka_settings(path, {})) == f"{path}: ssl.key.password does not open {tmp_path / 'dayfold.key'}"


@pytest.mark.proves("F182")
@pytest.mark.group("SE")
@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        (None, TryAgain, "Could not connect to server; run again"),
        (401, ConfigurationError, "invalid_client"),
    ],
    ids=["down", "refused"],
)
def test_a_token_endpoint_that_is_down_is_worth_another_try_and_one_that_refuses_is_not(
    secured: Secured, tmp_path: Path, answer: int | None, kind: type[DayfoldError], said: str
) -> None:
    with token_endpoint(answer) as url:
        lines = [line for line in secured.lines(tmp_path, "alice") if not line.startswith("sasl.")]
        lines += ["sasl.mechanism=OAUTHBEARER", "sasl.oauthbearer.method=oidc", "sasl.oauthbearer.client.id=job"]
        lines += [f"sasl.oauthbearer.client.secret={secrets.token_urlsafe(9)}", f"sasl.oauthbearer.token.endpoint.url={url}"]
        path = tmp_path / "kafka.properties"
        path.touch(mode=0o600)
        path.write_text("\n".join(lines))
        with (
            pytest.raises(kind, match=f"no token for User:job at the Kafka broker .*{said}"),
            connect(load_kafka_settings(path, {})),
        ):
            pass


@contextmanager
def token_endpoint(answer: int | None) -> Iterator[str]:
    """The address of one that answers so to everybody, or that is not there."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(answer or 500)
            self.end_headers()
            self.wfile.write(b'{"error":"invalid_client"}')

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        url = f"http://127.0.0.1:{listening.server_port}/token"
        if answer is None:
            listening.server_close()
            yield url
            return
        Thread(target=listening.serve_forever, daemon=True).start()
        yield url
        listening.shutdown()
