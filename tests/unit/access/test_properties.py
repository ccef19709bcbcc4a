"""One properties file, two clients: what is read, refused, translated and kept out of sight."""

import logging
import re
import secrets
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from spark_jobs.access.keys import (
    JAVA_NAMES,
    KNOWN_KEYS,
    LIBRDKAFKA_ONLY,
    OWNED_KEYS,
    REFUSED_KEYS,
    SECRET_KEYS,
    SECURITY_KEYS,
    WRITE_INSTEAD,
)
from spark_jobs.access.properties import load_kafka_settings
from spark_jobs.base.errors import ConfigurationError
from tests.properties_folder import Folder

AWKWARD = "a\"b'c\\d\\\\${x} é€😀 ;=,#\\n end"
"""What a password may hold: quotes, backslashes, a placeholder's look, letters outside ASCII, signs with a meaning elsewhere."""

RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PLAIN = ["security.protocol=SASL_SSL", "sasl.mechanism=PLAIN", "sasl.username=alice"]


def private_pem(
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey,
    form: PrivateFormat = PrivateFormat.PKCS8,
    encryption: KeySerializationEncryption | None = None,
) -> str:
    return key.private_bytes(Encoding.PEM, form, encryption or NoEncryption()).decode()


def test_a_line_is_key_and_value_taken_literally_to_its_end(folder: Folder) -> None:
    settings = folder.load("# a comment", "", "  client.id = a = b # no comment  ")
    assert settings.librdkafka() == {"bootstrap.servers": "one:9092", "client.id": "a = b # no comment"}


def test_a_byte_order_mark_and_windows_line_ends_are_no_part_of_the_text(folder: Folder) -> None:
    folder.path.write_bytes(b"\xef\xbb\xbfbootstrap.servers=one:9092\r\nclient.id=x\r\n")
    assert load_kafka_settings(folder.path, {}).librdkafka() == {"bootstrap.servers": "one:9092", "client.id": "x"}


def test_the_environment_is_read_inside_values(folder: Folder) -> None:
    assert folder.load("client.id=a-${env:WHO}-${other:x}", WHO="me").librdkafka()["client.id"] == "a-me-${other:x}"


def test_a_missing_environment_variable_is_named(folder: Folder) -> None:
    assert "client.id needs the environment variable NOBODY, which is not set" in folder.refusal("client.id=${env:NOBODY}")


def test_what_the_environment_holds_is_not_looked_into_again(folder: Folder) -> None:
    assert folder.load("client.id=${env:A}", A="${env:B}").librdkafka()["client.id"] == "${env:B}"


@pytest.mark.parametrize("line", ["hunter", "=hunter", "sasl.password=", "sasl.password"])
def test_a_line_that_is_no_setting_is_named_by_its_number_and_not_shown(folder: Folder, line: str) -> None:
    sentence = folder.refusal("client.id=x", line)
    assert sentence == f"{folder.path}, line 3: expected key=value"


def test_a_key_set_twice_is_refused_even_with_the_same_value(folder: Folder) -> None:
    assert folder.refusal("client.id=x", "client.id=x").endswith("line 3: client.id is set twice, first in line 2")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigurationError, match=re.escape(f"cannot read the Kafka properties file {tmp_path / 'none'}: No such file")
    ):
        load_kafka_settings(tmp_path / "none", {})


def test_without_servers_there_is_nothing_to_connect_to(folder: Folder) -> None:
    folder.path.write_text("client.id=x\n")
    with pytest.raises(ConfigurationError, match=r"bootstrap\.servers is missing"):
        load_kafka_settings(folder.path, {})


def test_an_unknown_key_is_answered_with_the_nearest_known_one(folder: Folder) -> None:
    assert "sasl.user.name is unknown; did you mean sasl.username?" in folder.refusal("sasl.user.name=x")


def test_all_refused_keys_are_told_at_once(folder: Folder) -> None:
    sentence = folder.refusal("acks=0", "ssl.crl.location=x", "zzz=1")
    assert [line.split()[0] for line in sentence.splitlines()[1:]] == ["acks", "ssl.crl.location", "zzz"]


@pytest.mark.group("SE")
@pytest.mark.proves("F111")
@pytest.mark.parametrize("key", sorted(REFUSED_KEYS))
def test_what_only_one_client_would_obey_is_refused_with_the_reason(folder: Folder, key: str) -> None:
    assert f"{key} is not supported: {REFUSED_KEYS[key]}" in folder.refusal(f"{key}=false")


@pytest.mark.parametrize("key", sorted(WRITE_INSTEAD.keys() - {"ssl.truststore.location"}))
def test_names_of_the_java_client_are_refused_with_what_to_write(folder: Folder, key: str) -> None:
    assert f"{key} is not read; write {WRITE_INSTEAD[key]} instead" in folder.refusal(f"{key}=x")


def test_every_key_belongs_to_exactly_one_table() -> None:
    tables = [SECURITY_KEYS, JAVA_NAMES.keys(), LIBRDKAFKA_ONLY, OWNED_KEYS, REFUSED_KEYS.keys(), WRITE_INSTEAD.keys()]
    assert sum(map(len, tables)) == len(set().union(*tables))


@pytest.mark.parametrize(
    ("line", "java"),
    [
        ("client.id=me", {"client.id": "me"}),
        ("client.rack=a", {"client.rack": "a"}),
        ("client.dns.lookup=use_all_dns_ips", {"client.dns.lookup": "use_all_dns_ips"}),
        ("check.crcs=true", {"check.crcs": "true"}),
        ("connections.max.idle.ms=5000", {"connections.max.idle.ms": "5000"}),
        ("connections.max.idle.ms=0", {"connections.max.idle.ms": "-1"}),
        ("fetch.max.bytes=1000", {"fetch.max.bytes": "1000"}),
        ("fetch.message.max.bytes=1000", {"max.partition.fetch.bytes": "1000"}),
        ("max.partition.fetch.bytes=1000", {"max.partition.fetch.bytes": "1000"}),
        ("fetch.min.bytes=7", {"fetch.min.bytes": "7"}),
        ("fetch.wait.max.ms=70", {"fetch.max.wait.ms": "70"}),
        ("metadata.max.age.ms=9000", {"metadata.max.age.ms": "9000"}),
        ("reconnect.backoff.ms=10", {"reconnect.backoff.ms": "10"}),
        ("reconnect.backoff.max.ms=10", {"reconnect.backoff.max.ms": "10"}),
        ("retry.backoff.ms=10", {"retry.backoff.ms": "10"}),
        ("retry.backoff.max.ms=10", {"retry.backoff.max.ms": "10"}),
        ("socket.connection.setup.timeout.ms=3000", {"socket.connection.setup.timeout.ms": "3000"}),
        ("socket.receive.buffer.bytes=65536", {"receive.buffer.bytes": "65536"}),
        ("socket.receive.buffer.bytes=0", {"receive.buffer.bytes": "-1"}),
        ("socket.send.buffer.bytes=65536", {"send.buffer.bytes": "65536"}),
        ("socket.send.buffer.bytes=0", {"send.buffer.bytes": "-1"}),
        ("socket.timeout.ms=20000", {"request.timeout.ms": "20000"}),
        ("socket.timeout.ms=90000", {"request.timeout.ms": "90000", "default.api.timeout.ms": "90000"}),
        ("security.protocol=plaintext", {"security.protocol": "PLAINTEXT"}),
        ("security.protocol=ssl", {"security.protocol": "SSL"}),
    ],
)
def test_a_setting_of_its_own_gets_the_java_name(folder: Folder, line: str, java: dict[str, str]) -> None:
    assert folder.java(line) == {"bootstrap.servers": "one:9092"} | java


@pytest.mark.parametrize("key", sorted(LIBRDKAFKA_ONLY))
def test_tuning_that_only_librdkafka_knows_stays_with_it(folder: Folder, key: str) -> None:
    value = "60000" if key == "transaction.timeout.ms" else "1"
    settings = folder.load(f"{key}={value}")
    assert settings.librdkafka()[key] == value
    assert settings.java(folder.secrets) == {"bootstrap.servers": "one:9092"}


@pytest.mark.parametrize("key", ["socket.timeout.ms", "fetch.max.bytes"])
def test_a_number_that_is_none_is_refused(folder: Folder, key: str) -> None:
    assert f"{key} must be a whole number" in folder.refusal(f"{key}=10 s")


def test_without_secrets_there_is_no_file_and_no_provider(folder: Folder) -> None:
    settings = folder.load("client.id=x")
    assert not settings.has_java_secrets
    assert settings.write_java_secrets(folder.secrets) is False
    assert not folder.secrets.exists()
    assert settings.java(folder.secrets) == {"bootstrap.servers": "one:9092", "client.id": "x"}


def test_a_login_is_a_reference_that_kafkas_file_provider_resolves(folder: Folder) -> None:
    assert folder.java(*PLAIN, f"sasl.password={AWKWARD}") == {
        "bootstrap.servers": "one:9092",
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "PLAIN",
        "sasl.jaas.config": f"${{file:{folder.secrets}:sasl.jaas.config}}",
        "config.providers": "file",
        "config.providers.file.class": "org.apache.kafka.common.config.provider.FileConfigProvider",
        "config.providers.file.param.allowed.paths": str(folder.secrets.parent),
    }


@pytest.mark.group("SE")
@pytest.mark.proves("F114")
def test_a_password_is_quoted_for_jaas_and_again_for_the_properties_file(folder: Folder) -> None:
    assert folder.java_secrets(*PLAIN, f"sasl.password={AWKWARD}") == {
        "sasl.jaas.config": "org.apache.kafka.common.security.plain.PlainLoginModule required "
        'username="alice" password="a\\"b\'c\\\\d\\\\\\\\${x} é€😀 ;=,#\\\\n end";'
    }


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-256", "SCRAM-SHA-512"])
@pytest.mark.parametrize("key", ["sasl.mechanism", "sasl.mechanisms"])
def test_scram_logs_in_under_either_name_of_the_mechanism(folder: Folder, key: str, mechanism: str) -> None:
    lines = ["security.protocol=SASL_SSL", f"{key}={mechanism}", "sasl.username=a", "sasl.password=b"]
    assert folder.java(*lines)["sasl.mechanism"] == mechanism
    module = "org.apache.kafka.common.security.scram.ScramLoginModule"
    assert folder.java_secrets(*lines) == {"sasl.jaas.config": f'{module} required username="a" password="b";'}


def test_two_mechanisms_are_refused_unless_they_agree(folder: Folder) -> None:
    both = ["sasl.mechanisms=PLAIN", "sasl.password=x", *PLAIN]
    assert folder.load(*both).mechanism == "PLAIN"
    assert "sasl.mechanism and sasl.mechanisms are two names of one setting and differ" in folder.refusal(
        *both[1:], "sasl.mechanisms=SCRAM-SHA-512"
    )


def test_a_control_character_in_a_login_is_refused(folder: Folder) -> None:
    assert "sasl.password holds a control character" in folder.refusal(*PLAIN, "sasl.password=${env:P}", P="a\nb")


def test_a_secret_file_is_the_owners_alone_and_replaced_as_a_whole(folder: Folder) -> None:
    folder.java_secrets(*PLAIN, "sasl.password=old")
    folder.secrets.chmod(0o644)
    assert "new" in folder.java_secrets(*PLAIN, "sasl.password=new")["sasl.jaas.config"]
    assert stat.S_IMODE(folder.secrets.stat().st_mode) == 0o600
    assert list(folder.secrets.parent.iterdir()) == [folder.secrets]


@pytest.mark.parametrize("name", ["a:b", "a}b", "a,b", "a b"])
def test_a_path_that_a_reference_cannot_carry_is_refused(folder: Folder, name: str) -> None:
    settings = folder.load(*PLAIN, "sasl.password=x")
    with pytest.raises(ConfigurationError, match="cannot hold the Java client's secrets"):
        settings.java(folder.root / name / "x.properties")


def test_a_ca_file_is_the_trust_of_both_clients(folder: Folder) -> None:
    folder.file("conf/ca.pem", "PEM")
    settings = folder.load("security.protocol=SSL", "ssl.ca.location=conf/ca.pem")
    assert settings.librdkafka()["ssl.ca.location"] == f"{folder.root}/conf/ca.pem"
    java = settings.java(folder.secrets)
    assert (java["ssl.truststore.type"], java["ssl.truststore.location"]) == ("PEM", f"{folder.root}/conf/ca.pem")


def test_a_ca_can_be_written_in_one_line(folder: Folder) -> None:
    settings = folder.load("security.protocol=SSL", r"ssl.ca.pem=-----BEGIN-----\nabc\n-----END-----")
    pem = "-----BEGIN-----\nabc\n-----END-----"
    assert settings.librdkafka()["ssl.ca.pem"] == pem
    java = settings.java(folder.secrets)
    assert (java["ssl.truststore.type"], java["ssl.truststore.certificates"]) == ("PEM", pem)


@pytest.mark.parametrize(("written", "java"), [("https", "https"), ("none", "")])
def test_host_name_verification_is_said_in_each_clients_way(folder: Folder, written: str, java: str) -> None:
    lines = ["security.protocol=SSL", f"ssl.endpoint.identification.algorithm={written}"]
    assert folder.java(*lines)["ssl.endpoint.identification.algorithm"] == java


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
@pytest.mark.parametrize("password", [None, "top ünlock"])
@pytest.mark.parametrize("key", [RSA_KEY, ec.generate_private_key(ec.SECP256R1())], ids=["rsa", "ec"])
def test_any_private_key_becomes_the_unencrypted_pkcs8_that_java_reads(
    folder: Folder, key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, password: str | None, form: PrivateFormat
) -> None:
    encryption = BestAvailableEncryption(password.encode()) if password else NoEncryption()
    folder.file("key.pem", private_pem(key, form, encryption))
    folder.file("certificate.pem", "-----CERTIFICATE-----\n")
    lines = ["security.protocol=SSL", "ssl.key.location=key.pem", "ssl.certificate.location=certificate.pem"]
    found = folder.java_secrets(*lines, *([f"ssl.key.password={password}"] if password else []))
    assert found["ssl.keystore.certificate.chain"] == "-----CERTIFICATE-----\n"
    assert found["ssl.keystore.key"] == private_pem(key)
    assert load_pem_private_key(found["ssl.keystore.key"].encode(), None)


def test_a_client_certificate_is_referred_to_and_never_shown(folder: Folder) -> None:
    lines = ["security.protocol=SSL", f"ssl.key.pem={private_pem(RSA_KEY).replace(chr(10), chr(92) + 'n')}"]
    java = folder.java(*lines, r"ssl.certificate.pem=-----CERTIFICATE-----\n")
    assert java["ssl.keystore.type"] == "PEM"
    assert java["ssl.keystore.key"] == f"${{file:{folder.secrets}:ssl.keystore.key}}"
    assert java["ssl.keystore.certificate.chain"] == f"${{file:{folder.secrets}:ssl.keystore.certificate.chain}}"
    found = folder.java_secrets(*lines, r"ssl.certificate.pem=-----CERTIFICATE-----\n")
    assert found["ssl.keystore.key"] == private_pem(RSA_KEY)


def test_a_password_for_a_key_that_needs_none_is_no_error(folder: Folder) -> None:
    folder.file("key.pem", private_pem(RSA_KEY))
    folder.file("c.pem", "c")
    lines = ["security.protocol=SSL", "ssl.key.location=key.pem", "ssl.certificate.location=c.pem", "ssl.key.password=x"]
    assert folder.java_secrets(*lines)["ssl.keystore.key"] == private_pem(RSA_KEY)


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [(["ssl.key.password=wrong"], "does not open it"), ([], "encrypted and ssl.key.password is missing")],
)
def test_a_key_that_cannot_be_opened_is_told_without_its_password(folder: Folder, lines: list[str], sentence: str) -> None:
    folder.file("key.pem", private_pem(RSA_KEY, encryption=BestAvailableEncryption(b"right")))
    folder.file("c.pem", "c")
    settings = folder.load("security.protocol=SSL", "ssl.key.location=key.pem", "ssl.certificate.location=c.pem", *lines)
    with pytest.raises(ConfigurationError, match=sentence):
        settings.write_java_secrets(folder.secrets)
    assert not folder.secrets.exists()


def test_a_pkcs12_keystore_serves_both_clients(folder: Folder) -> None:
    folder.file("store.p12", b"\x00")
    lines = ["security.protocol=SSL", "ssl.keystore.location=store.p12", "ssl.keystore.password=x y"]
    java = folder.java(*lines)
    assert (java["ssl.keystore.type"], java["ssl.keystore.location"]) == ("PKCS12", f"{folder.root}/store.p12")
    assert java["ssl.keystore.password"] == f"${{file:{folder.secrets}:ssl.keystore.password}}"
    assert folder.java_secrets(*lines) == {"ssl.keystore.password": "x y"}


OIDC = [
    "security.protocol=SASL_SSL",
    "sasl.mechanism=OAUTHBEARER",
    "sasl.oauthbearer.method=oidc",
    "sasl.oauthbearer.token.endpoint.url=https://login.example.org/token",
    "sasl.oauthbearer.scope=read write",
    "sasl.oauthbearer.extensions=logicalCluster=lkc-1,pool=p 1",
    "sasl.oauthbearer.sub.claim.name=name",
]


@pytest.mark.parametrize("name", ["sasl.oauthbearer.client", "sasl.oauthbearer.client.credentials.client"])
def test_a_token_is_fetched_with_client_id_and_secret_under_either_name(folder: Folder, name: str) -> None:
    lines = [*OIDC, f"{name}.id=dayfold", f'{name}.secret=s"x']
    settings = folder.load(*lines)
    java = settings.java(folder.secrets)
    assert (
        java["sasl.login.callback.handler.class"]
        == "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginCallbackHandler"
    )
    assert java["sasl.oauthbearer.token.endpoint.url"] == "https://login.example.org/token"
    assert java["sasl.oauthbearer.sub.claim.name"] == "name"
    assert folder.java_secrets(*lines) == {
        "sasl.jaas.config": "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required "
        'clientId="dayfold" clientSecret="s\\"x" scope="read write" extension_logicalCluster="lkc-1" extension_pool="p 1";'
    }
    assert settings.principal == "User:dayfold"


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        (["security.protocol=TLS"], "security.protocol must be one of PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL"),
        (["sasl.username=x"], "sasl.username is set but security.protocol is PLAINTEXT, so it would be ignored; use SASL_SSL"),
        (["ssl.ca.pem=x"], "ssl.ca.pem is set but security.protocol is PLAINTEXT, so it would be ignored; use SSL"),
        (["security.protocol=SSL", "sasl.password=x"], "sasl.password is set but security.protocol is SSL"),
        (
            ["security.protocol=SASL_PLAINTEXT", "sasl.mechanism=PLAIN", "ssl.ca.pem=x"],
            "ssl.ca.pem is set but security.protocol is SASL_PLAINTEXT, so it would be ignored; use SASL_SSL",
        ),
        (["security.protocol=SASL_SSL", "sasl.mechanism=DIGEST"], "sasl.mechanism must be one of PLAIN"),
        (PLAIN, "sasl.mechanism PLAIN needs sasl.password"),
        (["security.protocol=SASL_SSL"], "security.protocol SASL_SSL needs sasl.mechanism"),
        (["security.protocol=SASL_SSL", "sasl.mechanism=OAUTHBEARER"], "needs sasl.oauthbearer.method=oidc"),
        (OIDC, "needs sasl.oauthbearer.client.secret"),
        ([*OIDC, "sasl.oauthbearer.grant.type=jwt"], "sasl.oauthbearer.grant.type must be client_credentials"),
        ([*OIDC[:3], "sasl.oauthbearer.token.endpoint.url=http://far.example.org/"], "must be an https address"),
        (["security.protocol=SSL", "ssl.ca.location=nowhere.pem"], "ssl.ca.location: there is no file"),
        (["security.protocol=SSL", "ssl.key.pem=x"], "a client certificate needs both"),
        (["security.protocol=SSL", "ssl.keystore.password=x"], "ssl.keystore.location and ssl.keystore.password need each other"),
        (["security.protocol=SSL", "ssl.key.password=x"], "ssl.key.password is set without ssl.key.location"),
        (["security.protocol=SSL", "ssl.endpoint.identification.algorithm=off"], "must be https or none"),
        (["security.protocol=SSL", "ssl.ca.pem=x", "ssl.ca.location=y"], "ssl.ca.location and ssl.ca.pem are both set"),
        (["fetch.message.max.bytes=1", "max.partition.fetch.bytes=2"], "are two names of one setting and differ"),
        (["sasl.password=${env:P}", *PLAIN], "sasl.password is empty"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(folder: Folder, lines: list[str], sentence: str) -> None:
    assert sentence in folder.refusal(*lines, P="")


@pytest.mark.parametrize(
    ("lines", "warning"),
    [
        (["security.protocol=SASL_PLAINTEXT", "sasl.mechanism=PLAIN", "sasl.username=a", "sasl.password=b"], "unencrypted"),
        (["security.protocol=SSL", "ssl.endpoint.identification.algorithm=none"], "can pose as the broker"),
    ],
)
def test_legal_but_unsafe_settings_are_warned_about_once(
    folder: Folder, caplog: pytest.LogCaptureFixture, lines: list[str], warning: str
) -> None:
    with caplog.at_level(logging.WARNING):
        settings = folder.load(*lines)
    assert [warning in text for text in settings.warnings] == [True]
    assert [warning in record.message for record in caplog.records] == [True]


@pytest.mark.group("SE")
@pytest.mark.proves("F186")
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o666])
def test_a_file_with_secrets_that_others_can_read_is_refused_unless_it_says_so(folder: Folder, mode: int) -> None:
    folder.load(*PLAIN, "sasl.password=x")
    folder.path.chmod(mode)
    with pytest.raises(
        ConfigurationError, match=f"sasl.password stands in a file that other users may read: chmod 600 {folder.path}"
    ):
        load_kafka_settings(folder.path, {})
    folder.load(*PLAIN, "sasl.password=x", "dayfold.file.may.be.open=true")
    folder.path.chmod(mode)
    assert "dayfold.file.may.be.open" not in load_kafka_settings(folder.path, {}).librdkafka()


def test_a_file_that_takes_its_secrets_from_the_environment_may_be_read_by_all(folder: Folder) -> None:
    folder.load(*PLAIN, "sasl.password=${env:P}", P="x")
    folder.path.chmod(0o644)
    assert load_kafka_settings(folder.path, {"P": "x"}).warnings == ()


def test_no_text_of_the_settings_shows_a_value(folder: Folder) -> None:
    password = secrets.token_urlsafe(12)
    settings = folder.load(*PLAIN, f"sasl.password={password}")
    shown = f"{settings} {settings!r} {[settings]} {settings.java(folder.secrets)} {settings.principal} {settings.warnings}"
    assert password not in shown
    assert "sasl.password" in repr(settings)
    assert settings.librdkafka()["sasl.password"] == password


def test_no_refusal_shows_a_secret(folder: Folder) -> None:
    password = secrets.token_urlsafe(12)
    lines = [f"{key}={password}" for key in sorted(SECRET_KEYS)]
    assert password not in folder.refusal(*lines)
    assert password not in folder.refusal(f"sasl.pasword={password}")


def test_secrets_are_masked_in_what_others_wrote(folder: Folder) -> None:
    settings = folder.load(*PLAIN, "sasl.password=abc123")
    assert settings.redacted("login abc123 of alice failed") == "login *** of alice failed"


def test_the_settings_cannot_be_changed(folder: Folder) -> None:
    settings = folder.load("client.id=x")
    settings.librdkafka()["client.id"] = "y"
    assert settings.librdkafka()["client.id"] == "x"
    with pytest.raises(AttributeError):
        settings.path = Path("/")  # type: ignore[misc]


@pytest.mark.parametrize(
    ("lines", "principal", "mechanism"),
    [([], "User:ANONYMOUS", "none"), ([*PLAIN, "sasl.password=x"], "User:alice", "PLAIN")],
)
def test_messages_can_name_who_asks_and_how(folder: Folder, lines: list[str], principal: str, mechanism: str) -> None:
    settings = folder.load(*lines)
    assert (settings.principal, settings.mechanism) == (principal, mechanism)


def test_every_known_key_exists_in_the_pinned_librdkafka() -> None:
    from confluent_kafka import Consumer, KafkaException

    unknown = []
    for key in sorted(KNOWN_KEYS):
        try:
            Consumer({"group.id": "x", "log_level": 0, key: "~"}).close()
        except KafkaException as error:
            unknown += [key] if "No such configuration property" in error.args[0].str() else []
        except (TypeError, ValueError):
            # Checked by confluent-kafka before librdkafka sees it, so it is known.
            continue
    assert unknown == []
