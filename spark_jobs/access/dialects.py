"""Properties files as other clients have them: what a cloud's console hands out works here as it was pasted.

Such files hold lines that have no effect here, because Dayfold sets the same itself or uses no Schema Registry, and logins in the
Java client's words. The first are counted and left out, a login by user and password is translated, and what weakens exactly-once
is refused. Knows no file and no client; values may still hold references to the environment.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from spark_jobs.access.keys import GUARANTEES, OWNED_KEYS

JAAS = "sasl.jaas.config"
LOGINS = {
    "org.apache.kafka.common.security.plain.PlainLoginModule": ("PLAIN",),
    "org.apache.kafka.common.security.scram.ScramLoginModule": ("SCRAM-SHA-256", "SCRAM-SHA-512"),
}
"""The login modules that are translated, with the mechanisms they serve."""

OTHER_LOGINS = (
    (
        "IAMLoginModule|AWS_MSK_IAM|IAMClientCallbackHandler",
        "AWS_MSK_IAM is a mechanism of a Java plugin, which librdkafka does not have; give the cluster SASL/SCRAM (a secret "
        "of AWS Secrets Manager) and write sasl.mechanism=SCRAM-SHA-512, sasl.username and sasl.password, or use a client "
        "certificate (security.protocol=SSL)",
    ),
    (
        "Krb5LoginModule|GSSAPI",
        "Kerberos (GSSAPI) is not supported: the pinned librdkafka is built without it; the cluster needs another listener, "
        "with SCRAM, OAUTHBEARER or client certificates",
    ),
    (
        "OAuthBearer",
        "a token login is written sasl.mechanism=OAUTHBEARER, sasl.oauthbearer.method=oidc, sasl.oauthbearer.client.id, "
        "sasl.oauthbearer.client.secret and sasl.oauthbearer.token.endpoint.url, without sasl.jaas.config and without "
        "handler classes",
    ),
)
"""What to write instead of a login that is not translated, by words of its lines."""

LOGIN_LINES = frozenset(
    {JAAS, "sasl.mechanism", "sasl.mechanisms", "sasl.login.callback.handler.class", "sasl.client.callback.handler.class"}
)
FOREIGN = re.compile(
    r"schema\.registry\..*|(?:basic|bearer)\.auth\..*|(?:key|value)\.(?:de)?serializer(?:\..*)?|(?:auto\.register\.schemas|use\.latest\.version)"
    r"|buffer\.memory|max\.block\.ms|max\.poll\.records|max\.request\.size|exclude\.internal\.topics|specific\.avro\.reader"
)
"""Keys of serializers, of the Schema Registry and of the Java client's memory."""

_MODULE = re.compile(r"\s*(?P<module>[\w.$]+)\s+(?:required|requisite|sufficient|optional)\b(?P<options>.*?);?\s*", re.DOTALL)
_OPTION = re.compile(
    r"""\s*(?P<key>[\w.]+)\s*=\s*(?:"(?P<double>(?:[^"\\]|\\.)*)"|'(?P<single>(?:[^'\\]|\\.)*)'|(?P<bare>[^\s;"']+))"""
)
_STORES = {
    "ssl.truststore": "write its certificates as PEM into a file of their own, by keytool -list -rfc -keystore FILE, and "
    "name that one in ssl.ca.location",
    "ssl.keystore": "make a PKCS12 file of it, by keytool -importkeystore -srckeystore FILE -destkeystore client.p12 "
    "-deststoretype PKCS12, and name that one in ssl.keystore.location",
}


@dataclass(frozen=True)
class Translation:
    """`values` in librdkafka's names; `idle` are keys without effect; `problems` say what has to be written otherwise."""

    values: Mapping[str, str] = field(repr=False)
    idle: tuple[str, ...]
    problems: tuple[str, ...]


def translated(written: Mapping[str, str]) -> Translation:
    """What a file's lines mean here. No sentence shows a value."""
    if advice := _other_login(written):
        return Translation({}, (), (advice,))
    values = dict(written)
    problems = [*_weaker(values), *_login(values), *_stores(values)]
    idle = tuple(key for key in values if key in OWNED_KEYS or FOREIGN.fullmatch(key))
    return Translation({key: value for key, value in values.items() if key not in idle}, idle, tuple(problems))


def _weaker(values: dict[str, str]) -> Iterator[str]:
    for key, (allowed, why) in GUARANTEES.items():
        if key in values and values[key].lower() not in allowed:
            yield f"{key} can be {' or '.join(allowed)} only: {why}; remove the line"
            del values[key]


def _other_login(written: Mapping[str, str]) -> str | None:
    """The way to log in that replaces the one of these lines, None if it is none of those that are known not to work."""
    # A line of librdkafka's own names is right as it is.
    lines = " ".join(
        value for key, value in written.items() if key in LOGIN_LINES and (key, value) != ("sasl.mechanism", "OAUTHBEARER")
    )
    return next((advice for words, advice in OTHER_LOGINS if re.search(words, lines)), None)


def _login(values: dict[str, str]) -> Iterator[str]:
    """Put user and password of a JAAS line into settings of their own; it yields why it cannot."""
    if JAAS not in values:
        return
    login = parse_jaas(values.pop(JAAS))
    if login is None or login.module not in LOGINS:
        yield (
            f"{JAAS} is not read: it names no login by user and password; write sasl.mechanism, sasl.username and "
            "sasl.password instead"
        )
        return
    mechanisms = LOGINS[login.module]
    if not values.keys() & {"sasl.mechanism", "sasl.mechanisms"} and len(mechanisms) == 1:
        values["sasl.mechanism"] = mechanisms[0]
    if values.get("sasl.mechanism", values.get("sasl.mechanisms")) not in mechanisms:
        yield f"{JAAS} names a module for {' and '.join(mechanisms)}, and sasl.mechanism is none of them"
    for name in ("username", "password"):
        given, own = login.options.get(name), values.get(f"sasl.{name}")
        if given is None and own is None:
            yield f"{JAAS} has no {name}"
        elif given is not None and own not in (None, given):
            yield f"sasl.{name} and the {name} of {JAAS} differ; keep one"
        elif given is not None:
            values[f"sasl.{name}"] = given


@dataclass(frozen=True)
class Login:
    """A login line of the Java client."""

    module: str
    options: Mapping[str, str] = field(repr=False)


def parse_jaas(line: str) -> Login | None:
    r"""The module and the options of one JAAS line, None if it is not one.

    >>> parse_jaas("a.B required user='x y' pass=\"q\\\"\";").options
    {'user': 'x y', 'pass': 'q"'}
    >>> parse_jaas("a.B required x y;")
    """
    found = _MODULE.fullmatch(line)
    if found is None:
        return None
    options, rest, end = {}, found["options"], 0
    while option := _OPTION.match(rest, end):
        quoted = option["double"] if option["double"] is not None else option["single"]
        options[option["key"]] = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else option["bare"]
        end = option.end()
    return Login(found["module"], options) if not rest[end:].strip() else None


def _stores(values: dict[str, str]) -> Iterator[str]:
    """The Java client's stores of keys: PKCS12 with a client's key is what librdkafka reads too."""
    for store, way in _STORES.items():
        kind = values.get(f"{store}.type", "").upper()
        location = values.get(f"{store}.location", "")
        readable = store == "ssl.keystore" and (kind == "PKCS12" or (not kind and not location.lower().endswith(".jks")))
        if readable:
            values.pop(f"{store}.type", None)
        elif location and kind != "PEM":
            yield f"{store}.location is a store that librdkafka cannot read; {way}"
            for part in ("location", "password", "type"):
                values.pop(f"{store}.{part}", None)
    if values.get("ssl.key.password") == values.get("ssl.keystore.password") and "ssl.keystore.location" in values:
        # The Java client asks for both; a PKCS12 file has one password.
        values.pop("ssl.key.password", None)
