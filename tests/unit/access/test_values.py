"""Values that both Kafka clients get: in one form that both read alike, or refused before anything is planned."""

import logging

import pytest
from confluent_kafka import Consumer, KafkaException, Producer

from spark_jobs.access.keys import JAVA_NAMES
from spark_jobs.access.values import BOOLEANS, NUMBERS, SERVERS, WORDS
from spark_jobs.base.errors import ConfigurationError
from tests.properties_folder import Folder

SILENT = logging.getLogger("silent")
TEXTS = {"client.id", "client.rack", "sasl.oauthbearer.sub.claim.name"}
ONE = {"bootstrap.servers": "one:9092"}


def refusal_of(folder: Folder, servers: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        folder.load(servers=servers)
    return str(caught.value)


@pytest.mark.proves("F171")
@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("one:9092", "one:9092"),
        ("one:9092,", "one:9092"),
        (" one:9092 ,, two:9093 ", "one:9092,two:9093"),
        ("one:9092\u00a0", "one:9092"),
        ("PLAINTEXT://one:9092,plaintext://two:9092", "one:9092,two:9092"),
        ("[::1]:9092,[fe80::1%eth0]:9092,127.0.0.1:1", "[::1]:9092,[fe80::1%eth0]:9092,127.0.0.1:1"),
        ("a_b-c.example.org.:65535", "a_b-c.example.org.:65535"),
    ],
)
def test_servers_are_given_to_both_clients_in_one_form(folder: Folder, written: str, read: str) -> None:
    settings = folder.load(servers=written)
    assert settings.servers == read
    assert settings.java(folder.secrets)["bootstrap.servers"] == read


def test_the_protocol_that_a_console_shows_before_a_server_is_that_of_the_settings(folder: Folder) -> None:
    assert folder.load("security.protocol=SSL", servers="ssl://one:9093").servers == "one:9093"


@pytest.mark.proves("F171")
@pytest.mark.parametrize(
    ("servers", "sentence"),
    [
        (
            "one:9092   # prod",
            "'one:9092   # prod' is no server; expected host:port, several with commas between them; a comment",
        ),
        ("one:9092 # a, two:9092", "a comment needs a line of its own"),
        ("one:9092\u200b", "bootstrap.servers holds the invisible character U+200B"),
        ("one:9092\ufeff", "U+FEFF"),
        ("one\u00a0:9092", "U+00A0"),
        ("one", "one has no port; write one:9092"),
        ("one:9092,two", "two has no port; write two:9092"),
        ("one:", "'one:' is no server"),
        (":9092", "':9092' is no server"),
        ("one:0", "no port between 1 and 65535"),
        ("one:65536", "no port between 1 and 65535"),
        ("one:port", "is no server"),
        ("one:9092;two:9092", "is no server; expected host:port, several with commas between them"),
        ("one:9092 two:9092", "is no server"),
        ("::1", "is an IPv6 address, which needs brackets"),
        ("::1:9092", "is an IPv6 address, which needs brackets"),
        ("[::1]", "[::1] has no port; write [::1]:9092"),
        ("\u0662one:9092", "is no server"),
        ("SASL_SSL://one:9092", "names another protocol than security.protocol; write one:9092"),
        ("http://one:9092/", "is no server"),
        (",", "bootstrap.servers is empty"),
    ],
)
def test_a_server_that_only_one_client_takes_is_refused(folder: Folder, servers: str, sentence: str) -> None:
    said = refusal_of(folder, servers)
    assert sentence in said
    assert len(said.splitlines()) == 2


@pytest.mark.proves("F173")
def test_a_login_before_a_server_is_refused_and_not_repeated(folder: Folder) -> None:
    said = refusal_of(folder, "SASL_SSL://alice:geheim@one:9092")
    assert "a server has a login before the @" in said
    assert "geheim" not in said
    oidc = ["security.protocol=SASL_SSL", "sasl.mechanism=OAUTHBEARER", "sasl.oauthbearer.method=oidc"]
    for url in (
        "https://me:geheim@idp.example.org/token",
        "https://idp.example.org/token?client_secret=geheim",
        "https://[geheim",
    ):
        said = folder.refusal(*oidc, f"sasl.oauthbearer.token.endpoint.url={url}")
        assert "sasl.oauthbearer.token.endpoint.url" in said
        assert "geheim" not in said


@pytest.mark.proves("F171")
@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("check.crcs=yes", "check.crcs must be true or false"),
        ("check.crcs=true # slow", "check.crcs must be true or false; a comment needs a line of its own"),
        ("check.crcs=true\u200b", "check.crcs holds the invisible character U+200B"),
        ("fetch.min.bytes=10 # x", "fetch.min.bytes must be a whole number; a comment needs a line of its own"),
        ("fetch.min.bytes=\u0661", "fetch.min.bytes must be a whole number"),
        ("fetch.min.bytes=0x10", "fetch.min.bytes must be a whole number"),
        ("fetch.min.bytes=1_000", "fetch.min.bytes must be a whole number"),
        ("fetch.min.bytes=1e3", "fetch.min.bytes must be a whole number"),
        ("fetch.min.bytes=99999999999", "fetch.min.bytes must be between 1 and 100000000"),
        ("fetch.min.bytes=" + "9" * 5000, "fetch.min.bytes must be a whole number"),
        ("client.dns.lookup=default", "client.dns.lookup must be one of use_all_dns_ips"),
        ("client.id=a\u200bb", "client.id holds the invisible character U+200B"),
        ("\u200bclient.id=x", "the key client.id holds the invisible character U+200B"),
        ("reconnect.backoff.ms=20000", "reconnect.backoff.ms must not be greater than reconnect.backoff.max.ms (10000)"),
        ("fetch.max.bytes=1000\nmessage.max.bytes=2000", "message.max.bytes must not be greater than fetch.max.bytes (1000)"),
        (
            "transaction.timeout.ms=5000\nsocket.timeout.ms=20000",
            "socket.timeout.ms must not be greater than transaction.timeout.ms (5000)",
        ),
    ],
)
def test_a_value_that_only_one_client_takes_is_refused(folder: Folder, line: str, sentence: str) -> None:
    said = folder.refusal(line)
    assert sentence in said
    assert len(said) < 400


@pytest.mark.proves("F171")
@pytest.mark.parametrize(("written", "read"), [("1", "true"), ("T", "true"), ("TRUE", "true"), ("0", "false"), ("f", "false")])
def test_a_truth_is_the_java_clients_word_for_both(folder: Folder, written: str, read: str) -> None:
    assert folder.java(f"check.crcs={written}") == ONE | {"check.crcs": read}


def test_leading_zeros_mean_the_same_to_both(folder: Folder) -> None:
    assert folder.load("fetch.min.bytes=010").librdkafka()["fetch.min.bytes"] == "10"


def test_every_value_that_both_clients_get_is_looked_at() -> None:
    assert set(JAVA_NAMES) == (NUMBERS.keys() - {"transaction.timeout.ms"}) | BOOLEANS | WORDS.keys() | TEXTS | {SERVERS}


def _takes(key: str, value: int) -> bool:
    settings = ONE | {"group.id": "g", "reconnect.backoff.max.ms": "3600000", key: str(value)}
    if key == "reconnect.backoff.max.ms":
        settings["reconnect.backoff.ms"] = "0"
    if key == "fetch.max.bytes":
        settings["message.max.bytes"] = "1000"
    try:
        if key == "transaction.timeout.ms":
            Producer({name: text for name, text in settings.items() if name != "group.id"}, logger=SILENT)
        else:
            Consumer(settings, logger=SILENT).close()
    except KafkaException:
        return False
    return True


@pytest.mark.parametrize("key", sorted(NUMBERS))
def test_the_bounds_of_a_number_are_librdkafkas(key: str) -> None:
    least, greatest = NUMBERS[key]
    if key == "fetch.max.bytes":
        least = 1000
        assert not _takes(key, -1)
    else:
        assert not _takes(key, least - 1)
    assert [_takes(key, least), _takes(key, greatest), _takes(key, greatest + 1)] == [True, True, False]


@pytest.mark.parametrize("value", WORDS["client.dns.lookup"])
def test_librdkafka_takes_each_word(value: str) -> None:
    Consumer({**ONE, "group.id": "g", "client.dns.lookup": value}, logger=SILENT).close()
