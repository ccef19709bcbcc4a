"""What the Kafka settings must hold together: required keys, keys that contradict each other, keys without effect.

Both clients ignore some contradictions silently (a password without SASL, a certificate without TLS), which would end in less
security than the file asks for; here they are errors. Names keys only, never a value that could be secret.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from spark_jobs.access import java_client
from spark_jobs.access.keys import FILE_KEYS, SECURITY_KEYS
from spark_jobs.access.values import value_problems

Values = Mapping[str, str]

PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
TWO_NAMES = {
    "sasl.mechanism": "sasl.mechanisms",
    "fetch.message.max.bytes": "max.partition.fetch.bytes",
    "sasl.oauthbearer.client.id": "sasl.oauthbearer.client.credentials.client.id",
    "sasl.oauthbearer.client.secret": "sasl.oauthbearer.client.credentials.client.secret",
}
ONE_OF = (
    ("ssl.ca.location", "ssl.ca.pem"),
    ("ssl.certificate.location", "ssl.certificate.pem"),
    ("ssl.key.location", "ssl.key.pem"),
    ("ssl.keystore.location", "ssl.key.location"),
    ("ssl.keystore.location", "ssl.key.pem"),
)
NOT_GREATER = (
    ("reconnect.backoff.ms", "reconnect.backoff.max.ms", "10000"),
    ("message.max.bytes", "fetch.max.bytes", "52428800"),
    ("socket.timeout.ms", "transaction.timeout.ms", "300000"),
)
"""A key, the one that it must not be greater than, and what that one is unless it is set."""
OIDC = "sasl.oauthbearer."


def problems_of(values: Values) -> Iterator[str]:
    """One sentence for each reason why these settings cannot be used; none if they can."""
    if "bootstrap.servers" not in values:
        yield "bootstrap.servers is missing: the host:port of one or more brokers"
    yield from _empty_values(values)
    yield from _contradictions(values)
    yield from value_problems(values)
    yield from _too_great(values)
    yield from _missing_files(values)
    if java_client.protocol(values) not in PROTOCOLS:
        yield f"security.protocol must be one of {', '.join(PROTOCOLS)}"
        return
    yield from _without_effect(values)
    yield from _tls(values)
    if java_client.uses_sasl(values):
        yield from _sasl(values)


def warnings_of(values: Values) -> Iterator[str]:
    """One sentence for each legal setting that an attacker on the network could use."""
    if java_client.protocol(values) == "SASL_PLAINTEXT":
        yield "security.protocol=SASL_PLAINTEXT sends login and data unencrypted; use SASL_SSL wherever others share the network"
    if values.get("ssl.endpoint.identification.algorithm") == "none" and java_client.uses_tls(values):
        yield "ssl.endpoint.identification.algorithm=none: any host with a certificate of the trusted CA can pose as the broker"


def _empty_values(values: Values) -> Iterator[str]:
    for key, value in values.items():
        if not value:
            yield f"{key} is empty"
        elif key in ("sasl.username", "sasl.password", *_oidc_keys(values)) and re.search(r"[\x00-\x1f\x7f]", value):
            yield f"{key} holds a control character, which the Java client's login line cannot carry"


def _oidc_keys(values: Values) -> list[str]:
    return [key for key in values if key.startswith(OIDC)]


def _contradictions(values: Values) -> Iterator[str]:
    for one, other in TWO_NAMES.items():
        if one in values and other in values and values[one] != values[other]:
            yield f"{one} and {other} are two names of one setting and differ; keep one"
    for one, other in ONE_OF:
        if one in values and other in values:
            yield f"{one} and {other} are both set; keep one"


def _too_great(values: Values) -> Iterator[str]:
    """What librdkafka refuses when it makes a client; the first one that a run makes publishes,
    the first one of others does not.
    """
    for small, great, default in NOT_GREATER:
        limit = values.get(great, default)
        if small in values and values[small].isdecimal() and limit.isdecimal() and int(values[small]) > int(limit):
            yield f"{small} must not be greater than {great} ({limit})"


def _missing_files(values: Values) -> Iterator[str]:
    for key in sorted(FILE_KEYS & values.keys()):
        if not Path(values[key]).is_file():
            yield f"{key}: there is no file {values[key]}"


def _without_effect(values: Values) -> Iterator[str]:
    protocol = java_client.protocol(values)
    for key in sorted(SECURITY_KEYS & values.keys() - {"security.protocol"}):
        if key.startswith("sasl.") and not java_client.uses_sasl(values):
            yield f"{key} is set but security.protocol is {protocol}, so it would be ignored; use SASL_SSL"
        if key.startswith("ssl.") and not java_client.uses_tls(values):
            yield f"{key} is set but security.protocol is {protocol}, so it would be ignored; use {_with_tls(protocol)}"


def _with_tls(protocol: str) -> str:
    return "SASL_SSL" if protocol.startswith("SASL") else "SSL"


def _tls(values: Values) -> Iterator[str]:
    if values.get("ssl.endpoint.identification.algorithm", "https") not in ("https", "none"):
        yield "ssl.endpoint.identification.algorithm must be https or none"
    has_key = bool(values.keys() & {"ssl.key.location", "ssl.key.pem"})
    has_certificate = bool(values.keys() & {"ssl.certificate.location", "ssl.certificate.pem"})
    if has_key != has_certificate:
        yield "a client certificate needs both ssl.certificate.location (or .pem) and ssl.key.location (or .pem)"
    if ("ssl.keystore.location" in values) != ("ssl.keystore.password" in values):
        yield "ssl.keystore.location and ssl.keystore.password need each other"
    if "ssl.key.password" in values and not has_key:
        yield "ssl.key.password is set without ssl.key.location or ssl.key.pem"


def _sasl(values: Values) -> Iterator[str]:
    if not values.keys() & {"sasl.mechanism", "sasl.mechanisms"}:
        yield (
            f"security.protocol {java_client.protocol(values)} needs sasl.mechanism: one of "
            f"{', '.join(java_client.LOGIN_MODULES)}"
        )
        return
    mechanism = java_client.mechanism(values)
    if mechanism not in java_client.LOGIN_MODULES:
        yield f"sasl.mechanism must be one of {', '.join(java_client.LOGIN_MODULES)}"
    elif mechanism == "OAUTHBEARER":
        yield from _oidc(values)
    else:
        yield from (f"sasl.mechanism {mechanism} needs {key}" for key in ("sasl.username", "sasl.password") if key not in values)


def _oidc(values: Values) -> Iterator[str]:
    if values.get(f"{OIDC}method") != "oidc":
        yield "sasl.mechanism OAUTHBEARER needs sasl.oauthbearer.method=oidc, the only way to a token that both clients share"
    if values.get(f"{OIDC}grant.type", "client_credentials") != "client_credentials":
        yield "sasl.oauthbearer.grant.type must be client_credentials, the only one that both clients share"
    for part in ("id", "secret"):
        if not values.keys() & {f"{OIDC}client.{part}", f"{OIDC}client.credentials.client.{part}"}:
            yield f"sasl.mechanism OAUTHBEARER needs sasl.oauthbearer.client.{part}"
    url = values.get(f"{OIDC}token.endpoint.url")
    problem = java_client.url_problem(url) if url else "sasl.mechanism OAUTHBEARER needs sasl.oauthbearer.token.endpoint.url"
    if problem:
        yield problem
