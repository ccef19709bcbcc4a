"""Properties files as the documentation of clouds and distributions shows them: pasted, they work, or are answered with the right
line.

The forms are those that each of them publishes for its clients; users, passwords and hosts are made up here.
"""

import logging
import secrets
from pathlib import Path

import pytest

from spark_jobs.access.keys import GUARANTEES, OWNED_KEYS
from spark_jobs.access.properties import KafkaSettings, load_kafka_settings
from spark_jobs.base.errors import ConfigurationError

USER, PASSWORD = "KEYOFACLUSTER", secrets.token_urlsafe(16)
PLAIN_MODULE = "org.apache.kafka.common.security.plain.PlainLoginModule"
SCRAM_MODULE = "org.apache.kafka.common.security.scram.ScramLoginModule"

CONSOLE = f"""
# Required connection configs for Kafka producer, consumer, and admin
bootstrap.servers=broker.example:9092
security.protocol=SASL_SSL
sasl.mechanisms=PLAIN
sasl.username={USER}
sasl.password={PASSWORD}

# Best practice for higher availability in librdkafka clients prior to 1.7
session.timeout.ms=45000

client.id=ccloud-python-client-1
"""
CONSOLE_JAVA = f"""
bootstrap.servers=broker.example:9092
security.protocol=SASL_SSL
sasl.jaas.config={PLAIN_MODULE} required username='{USER}' password='{PASSWORD}';
sasl.mechanism=PLAIN
# Required for correctness in Apache Kafka clients prior to 2.6
client.dns.lookup=use_all_dns_ips

# Best practice for higher availability in Apache Kafka clients prior to 3.0
session.timeout.ms=45000

# Best practice for Kafka producer to prevent data loss
acks=all

# Required connection configs for Confluent Cloud Schema Registry
schema.registry.url=https://registry.example
basic.auth.credentials.source=USER_INFO
basic.auth.user.info=a:b
"""
TUTORIAL = f"""
[default]
bootstrap.servers=broker.example:9092
security.protocol=SASL_SSL
sasl.mechanisms=PLAIN
sasl.username={USER}
sasl.password={PASSWORD}

[consumer]
group.id=python_example_group_1
auto.offset.reset=earliest
"""
EVENT_HUBS = f"""
bootstrap.servers=broker.example:9093
security.protocol=SASL_SSL
sasl.mechanism=PLAIN
sasl.jaas.config={PLAIN_MODULE} required username="$ConnectionString" password="Endpoint=sb://a.example/;SharedAccessKeyName=n;SharedAccessKey={PASSWORD}=";
"""
MSK_SCRAM = f"""
bootstrap.servers=one.example:9096,two.example:9096
security.protocol=SASL_SSL
sasl.mechanism=SCRAM-SHA-512
sasl.jaas.config={SCRAM_MODULE} required \\
  username="{USER}" \\
  password="{PASSWORD}";
"""
REDPANDA = f"""
bootstrap.servers=broker.example:9092
security.protocol=SASL_SSL
sasl.mechanism=SCRAM-SHA-256
sasl.jaas.config={SCRAM_MODULE} required username={USER} password={PASSWORD};
"""
GOOGLE_PLAIN = f"""
bootstrap.servers=broker.example:9092
security.protocol=SASL_SSL
sasl.mechanism=PLAIN
sasl.jaas.config={PLAIN_MODULE} required username="a@b.example" password="{PASSWORD}";
"""
AIVEN = f"""
bootstrap.servers=broker.example:12345
security.protocol=SSL
ssl.ca.location=ca.pem
ssl.keystore.type=PKCS12
ssl.keystore.location=client.keystore.p12
ssl.keystore.password={PASSWORD}
ssl.key.password={PASSWORD}
"""

MSK_IAM = """
bootstrap.servers=broker.example:9098
security.protocol=SASL_SSL
sasl.mechanism=AWS_MSK_IAM
sasl.jaas.config=software.amazon.msk.auth.iam.IAMLoginModule required;
sasl.client.callback.handler.class=software.amazon.msk.auth.iam.IAMClientCallbackHandler
"""
GOOGLE_TOKEN = """
bootstrap.servers=broker.example:9092
security.protocol=SASL_SSL
sasl.mechanism=OAUTHBEARER
sasl.login.callback.handler.class=com.google.cloud.hosted.kafka.auth.GcpLoginCallbackHandler
sasl.jaas.config=org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required;
"""
KERBEROS = """
bootstrap.servers=broker.example:9093
security.protocol=SASL_SSL
sasl.mechanism=GSSAPI
sasl.kerberos.service.name=kafka
sasl.jaas.config=com.sun.security.auth.module.Krb5LoginModule required useKeyTab=true keyTab="/etc/a.keytab" principal="a@B";
"""
JAVA_STORES = f"""
bootstrap.servers=broker.example:12345
security.protocol=SSL
ssl.truststore.location=client.truststore.jks
ssl.truststore.password={PASSWORD}
ssl.keystore.type=PKCS12
ssl.keystore.location=client.keystore.p12
ssl.keystore.password={PASSWORD}
ssl.key.password={PASSWORD}
"""


def load(folder: Path, text: str) -> KafkaSettings:
    """A file that only its owner may read, with the files that it names beside `conf/`."""
    path = folder / "conf" / "kafka.properties"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    path.chmod(0o600)
    for name in ("ca.pem", "client.keystore.p12"):
        (folder / name).touch()
    return load_kafka_settings(path, {"CLOUD_PASSWORD": PASSWORD})


def refusal(folder: Path, text: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load(folder, text)
    assert PASSWORD not in str(caught.value)
    return str(caught.value)


@pytest.mark.proves("F185")
@pytest.mark.parametrize(
    ("text", "mechanism", "user", "password"),
    [
        pytest.param(CONSOLE, "PLAIN", USER, PASSWORD, id="console"),
        pytest.param(CONSOLE_JAVA, "PLAIN", USER, PASSWORD, id="console, Java"),
        pytest.param(TUTORIAL, "PLAIN", USER, PASSWORD, id="tutorial"),
        pytest.param(
            EVENT_HUBS,
            "PLAIN",
            "$ConnectionString",
            f"Endpoint=sb://a.example/;SharedAccessKeyName=n;SharedAccessKey={PASSWORD}=",
            id="Event Hubs",
        ),
        pytest.param(MSK_SCRAM, "SCRAM-SHA-512", USER, PASSWORD, id="MSK, SCRAM"),
        pytest.param(REDPANDA, "SCRAM-SHA-256", USER, PASSWORD, id="Redpanda"),
        pytest.param(GOOGLE_PLAIN, "PLAIN", "a@b.example", PASSWORD, id="Google, PLAIN"),
    ],
)
def test_a_login_as_it_is_handed_out_reaches_both_clients(
    tmp_path: Path, text: str, mechanism: str, user: str, password: str
) -> None:
    settings = load(tmp_path, text)
    client = settings.librdkafka()
    assert (client["sasl.username"], client["sasl.password"]) == (user, password)
    assert (settings.mechanism, settings.principal) == (mechanism, f"User:{user}")
    assert settings.java(tmp_path / "secrets")["sasl.mechanism"] == mechanism
    assert settings.write_java_secrets(tmp_path / "secrets")
    assert client.keys() <= {"bootstrap.servers", "security.protocol", "client.id", "client.dns.lookup"} | {
        key for key in client if key.startswith("sasl.")
    }
    assert "sasl.jaas.config" not in client
    assert settings.warnings == ()


@pytest.mark.proves("F185")
def test_a_client_certificate_in_a_pkcs12_file_needs_no_second_password(tmp_path: Path) -> None:
    client = load(tmp_path, AIVEN).librdkafka()
    assert client["ssl.keystore.location"] == str(tmp_path / "client.keystore.p12")
    assert client["ssl.keystore.password"] == PASSWORD
    assert client.keys().isdisjoint({"ssl.key.password", "ssl.keystore.type"})


@pytest.mark.proves("F185")
@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        pytest.param(MSK_IAM, "write sasl.mechanism=SCRAM-SHA-512, sasl.username and sasl.password", id="MSK, IAM"),
        pytest.param(
            GOOGLE_TOKEN, "a token login is written sasl.mechanism=OAUTHBEARER, sasl.oauthbearer.method=oidc", id="token"
        ),
        pytest.param(KERBEROS, "Kerberos (GSSAPI) is not supported: the pinned librdkafka is built without it", id="Kerberos"),
        pytest.param(JAVA_STORES, "keytool -list -rfc -keystore FILE, and name that one in ssl.ca.location", id="Java's stores"),
    ],
)
def test_a_login_that_cannot_be_used_is_answered_in_one_sentence_with_what_to_write(
    tmp_path: Path, text: str, sentence: str
) -> None:
    said = refusal(tmp_path, text)
    assert sentence in said
    assert said.count("\n") == 1


@pytest.mark.parametrize("key", sorted(OWNED_KEYS - GUARANTEES.keys()))
def test_what_dayfold_sets_itself_has_no_effect_and_is_noted_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, key: str
) -> None:
    with caplog.at_level(logging.INFO):
        settings = load(tmp_path, f"bootstrap.servers=a:1\n{key}=x\nschema.registry.url=https://registry.example\n")
    assert settings.librdkafka() == {"bootstrap.servers": "a:1"}
    (note,) = (record.message for record in caplog.records)
    assert note.endswith(f"{key}, schema.registry.url")


@pytest.mark.group("SE")
@pytest.mark.proves("F05", "F09")
@pytest.mark.parametrize("key", sorted(GUARANTEES))
def test_what_carries_exactly_once_may_be_asked_for_and_never_less(tmp_path: Path, key: str) -> None:
    allowed, _ = GUARANTEES[key]
    for value in allowed:
        assert key not in load(tmp_path, f"bootstrap.servers=a:1\n{key}={value}\n").librdkafka()
    for value in ("0", "1", "false", "read_uncommitted"):
        assert f"{key} can be {' or '.join(allowed)} only" in refusal(tmp_path, f"bootstrap.servers=a:1\n{key}={value}\n")


def login_line(line: str, *more: str) -> str:
    return "\n".join(["bootstrap.servers=a:1", "security.protocol=SASL_SSL", f"sasl.jaas.config={line}", *more, ""])


@pytest.mark.group("SE")
@pytest.mark.proves("F114")
@pytest.mark.parametrize(
    "line",
    [
        'com.sun.security.auth.module.JndiLoginModule required user.provider.url="ldap://x";',
        f"{PLAIN_MODULE} required username=a password=b; com.sun.security.auth.module.JndiLoginModule required;",
        f"{PLAIN_MODULE} required username=a password=b com.sun.security.auth.module.JndiLoginModule required;",
        "nothing",
    ],
)
def test_no_other_module_comes_in_by_a_login_line(tmp_path: Path, line: str) -> None:
    assert "it names no login by user and password" in refusal(tmp_path, login_line(line, "sasl.mechanism=PLAIN"))


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (["sasl.username=b"], "sasl.username and the username of sasl.jaas.config differ; keep one"),
        (["sasl.mechanism=SCRAM-SHA-256"], "names a module for PLAIN, and sasl.mechanism is none of them"),
    ],
)
def test_a_login_line_that_contradicts_the_others_is_refused(tmp_path: Path, more: list[str], sentence: str) -> None:
    assert sentence in refusal(tmp_path, login_line(f'{PLAIN_MODULE} required username="a" password="{PASSWORD}";', *more))


def test_a_login_line_may_take_its_password_from_the_environment(tmp_path: Path) -> None:
    line = f'{PLAIN_MODULE} required username="a" password="${{env:CLOUD_PASSWORD}}";'
    assert load(tmp_path, login_line(line)).librdkafka()["sasl.password"] == PASSWORD


@pytest.mark.parametrize("written", ['a\\"b', "a'b", "a b;c", "a\\\\b", "{}[]#,"])
def test_the_quotes_of_a_login_line_are_read_as_java_reads_them(tmp_path: Path, written: str) -> None:
    password = written.replace('\\"', '"').replace("\\\\", "\\")
    line = f'{PLAIN_MODULE} required username="a" password="{written}";'
    assert load(tmp_path, login_line(line)).librdkafka()["sasl.password"] == password


def test_a_login_without_a_mechanism_is_asked_for_it(tmp_path: Path) -> None:
    said = refusal(tmp_path, "bootstrap.servers=a:1\nsecurity.protocol=SASL_SSL\n")
    assert "security.protocol SASL_SSL needs sasl.mechanism: one of PLAIN, SCRAM-SHA-256" in said


def test_a_password_may_end_in_a_backslash(tmp_path: Path) -> None:
    text = CONSOLE.replace(PASSWORD, f"{PASSWORD}\\")
    assert load(tmp_path, text).librdkafka()["sasl.password"] == f"{PASSWORD}\\"
