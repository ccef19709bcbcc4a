"""librdkafka settings in the Java client's words, with every secret left in a file that only its owner can read.

The Java client names trust, keys and logins differently, reads private keys as unencrypted PKCS8 only and takes logins as a JAAS
line. `plain_settings` gives what may be seen by anybody; `secret_settings` what may not, which `KafkaSettings` stores in a file
and refers to through Kafka's own `FileConfigProvider`. Settings are valid here, `kafka_settings` has seen to that. Knows no
client.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from spark_jobs.access.keys import JAVA_NAMES, JAVA_VALUES
from spark_jobs.base.errors import ConfigurationError
from spark_jobs.base.uris import login_in

Values = Mapping[str, str]

PROVIDER = "org.apache.kafka.common.config.provider.FileConfigProvider"
JAVA_API_TIMEOUT_MS = 60_000
"""`default.api.timeout.ms` of the Java client, which must not be below `request.timeout.ms`."""

LOGIN_MODULES = {
    "PLAIN": "org.apache.kafka.common.security.plain.PlainLoginModule",
    "SCRAM-SHA-256": "org.apache.kafka.common.security.scram.ScramLoginModule",
    "SCRAM-SHA-512": "org.apache.kafka.common.security.scram.ScramLoginModule",
    "OAUTHBEARER": "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule",
}
"""The only login modules that a JAAS line of ours ever names."""

OIDC_HANDLER = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginCallbackHandler"
"""Its name in kafka-clients 3.9, which Spark 4.2 brings, and in 4.x."""


def plain_settings(values: Values) -> dict[str, str]:
    """Java client settings that hold no secret, without Spark's `kafka.` prefix."""
    settings = {JAVA_NAMES[key]: JAVA_VALUES.get((key, value), value) for key, value in values.items() if key in JAVA_NAMES}
    if int(values.get("socket.timeout.ms", 0)) > JAVA_API_TIMEOUT_MS:
        settings["default.api.timeout.ms"] = values["socket.timeout.ms"]
    if "security.protocol" in values:
        settings["security.protocol"] = protocol(values)
    return settings | _trust(values) | _client_certificate(values) | _login(values)


def secret_settings(values: Values) -> dict[str, Callable[[], str]]:
    """Java client settings that hold a secret, each with the function that works it out (it may read key files)."""
    secrets: dict[str, Callable[[], str]] = {}
    if uses_sasl(values):
        secrets["sasl.jaas.config"] = lambda: jaas(values)
    if "ssl.keystore.password" in values:
        secrets["ssl.keystore.password"] = lambda: values["ssl.keystore.password"]
    if "ssl.key.pem" in values or "ssl.key.location" in values:
        secrets["ssl.keystore.key"] = lambda: unencrypted_key(values)
        secrets["ssl.keystore.certificate.chain"] = lambda: _pem(values, "ssl.certificate")
    return secrets


def protocol(values: Values) -> str:
    """Security protocol in capitals, which both clients read; PLAINTEXT unless set."""
    return values.get("security.protocol", "PLAINTEXT").upper()


def mechanism(values: Values) -> str:
    """SASL mechanism, under either of librdkafka's two names."""
    return values.get("sasl.mechanism") or values["sasl.mechanisms"]


def uses_sasl(values: Values) -> bool:
    return protocol(values).startswith("SASL_")


def uses_tls(values: Values) -> bool:
    return protocol(values).endswith("SSL")


def oidc_client(values: Values, part: str) -> str:
    """`part` (id or secret) of the OIDC client, under either of librdkafka's two names."""
    return values.get(f"sasl.oauthbearer.client.{part}") or values[f"sasl.oauthbearer.client.credentials.client.{part}"]


def jaas(values: Values) -> str:
    """The JAAS line of the login, its module from our list and each field quoted."""
    name = mechanism(values)
    fields = " ".join(f"{key}={quoted(value)}" for key, value in _login_fields(values, name).items())
    return f"{LOGIN_MODULES[name]} required {fields};"


def quoted(text: str) -> str:
    r"""A JAAS string: in double quotes, with `\` and `"` escaped; nothing else has a meaning inside.

    >>> print(quoted('say "\\"; x=1'))
    "say \"\\\"; x=1"
    """
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def properties_text(values: Values) -> str:
    r"""A Java properties file, ASCII only: `Properties.load` eats one backslash and reads \n and \uXXXX.

    >>> properties_text({"a": "x\\y\nz é"})
    'a=x\\\\y\\nz \\u00e9\n'
    """
    return "".join(f"{key}={_escaped(value)}\n" for key, value in values.items())


def unencrypted_key(values: Values) -> str:
    """The private key as unencrypted PKCS8 PEM: all that Java 17 reads of what OpenSSL writes."""
    password = values["ssl.key.password"].encode() if "ssl.key.password" in values else None
    pem = _pem(values, "ssl.key").encode()
    try:
        # A password for a key that needs none is ignored by librdkafka, but an error to cryptography.
        key = load_pem_private_key(pem, password if b"ENCRYPTED" in pem else None)
    except TypeError as error:
        raise ConfigurationError("the private key is encrypted and ssl.key.password is missing") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ConfigurationError("the private key cannot be read: no PEM key, or ssl.key.password does not open it") from error
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def _trust(values: Values) -> dict[str, str]:
    settings: dict[str, str] = {}
    if "ssl.ca.location" in values:
        settings |= {"ssl.truststore.type": "PEM", "ssl.truststore.location": values["ssl.ca.location"]}
    if "ssl.ca.pem" in values:
        settings |= {"ssl.truststore.type": "PEM", "ssl.truststore.certificates": values["ssl.ca.pem"]}
    if "ssl.endpoint.identification.algorithm" in values:
        name = values["ssl.endpoint.identification.algorithm"]
        settings["ssl.endpoint.identification.algorithm"] = "" if name == "none" else name
    return settings


def _client_certificate(values: Values) -> dict[str, str]:
    if "ssl.keystore.location" in values:
        return {"ssl.keystore.type": "PKCS12", "ssl.keystore.location": values["ssl.keystore.location"]}
    return {"ssl.keystore.type": "PEM"} if "ssl.key.pem" in values or "ssl.key.location" in values else {}


def _login(values: Values) -> dict[str, str]:
    if not uses_sasl(values):
        return {}
    settings = {"sasl.mechanism": mechanism(values)}
    if mechanism(values) == "OAUTHBEARER":
        settings["sasl.oauthbearer.token.endpoint.url"] = values["sasl.oauthbearer.token.endpoint.url"]
        settings["sasl.login.callback.handler.class"] = OIDC_HANDLER
    return settings


def _login_fields(values: Values, name: str) -> dict[str, str]:
    if name == "OAUTHBEARER":
        fields = {"clientId": oidc_client(values, "id"), "clientSecret": oidc_client(values, "secret")}
        fields |= {"scope": values["sasl.oauthbearer.scope"]} if "sasl.oauthbearer.scope" in values else {}
        return fields | {f"extension_{key}": value for key, value in _extensions(values)}
    return {"username": values["sasl.username"], "password": values["sasl.password"]}


def _extensions(values: Values) -> list[tuple[str, str]]:
    pairs = [pair.partition("=") for pair in values.get("sasl.oauthbearer.extensions", "").split(",") if pair]
    return [(key.strip(), value.strip()) for key, _, value in pairs]


def _pem(values: Values, what: str) -> str:
    if f"{what}.pem" in values:
        return values[f"{what}.pem"]
    path = Path(values[f"{what}.location"])
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{what}.location: {path} cannot be read as a PEM file") from error


def _escaped(value: str) -> str:
    text = value.replace("\\", "\\\\").replace("\r", "\\r").replace("\n", "\\n").replace("\t", "\\t").replace("\f", "\\f")
    # UTF-16 units, because that is what one \u escape of Java is.
    units = text.encode("utf-16-be")
    text = "".join(_ascii(int.from_bytes(units[i : i + 2])) for i in range(0, len(units), 2))
    return f"\\{text}" if text.startswith(" ") else text


def _ascii(unit: int) -> str:
    return chr(unit) if 0x20 <= unit < 0x7F else f"\\u{unit:04x}"


def url_problem(url: str) -> str | None:
    """Why `url` is no token endpoint, or None: it carries the client secret,
    so it must be encrypted unless it stays on this host.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return "sasl.oauthbearer.token.endpoint.url is no address"
    if login := login_in(url):
        return f"sasl.oauthbearer.token.endpoint.url holds {login}; id and secret are settings of their own"
    if parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in ("localhost", "127.0.0.1", "::1")):
        return None
    return "sasl.oauthbearer.token.endpoint.url must be an https address, because the client secret is sent to it"
