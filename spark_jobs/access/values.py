"""What a value of a Kafka key may be, and the one form in which both clients read it alike.

librdkafka and the Java client differ in what they let pass: a server without a port, `1` for true, `010` for eight or ten, a
comment after a number. The first client is asked before a batch is planned and the second one after it, so a value that only one
of them takes is brought into a form that both take, or refused here. Knows the values that both clients get; what keys mean
together is in `rules.py`.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping

from spark_jobs.access.keys import FILE_KEYS, PEM_KEYS, SECRET_KEYS

NUMBERS: Mapping[str, tuple[int, int]] = {
    "connections.max.idle.ms": (0, 2_147_483_647),
    "fetch.max.bytes": (0, 2_147_483_135),
    "fetch.message.max.bytes": (1, 1_000_000_000),
    "fetch.min.bytes": (1, 100_000_000),
    "fetch.wait.max.ms": (0, 300_000),
    "max.partition.fetch.bytes": (1, 1_000_000_000),
    "metadata.max.age.ms": (1, 86_400_000),
    "reconnect.backoff.max.ms": (0, 3_600_000),
    "reconnect.backoff.ms": (0, 3_600_000),
    "retry.backoff.max.ms": (1, 300_000),
    "retry.backoff.ms": (1, 300_000),
    "socket.connection.setup.timeout.ms": (1000, 2_147_483_647),
    "socket.receive.buffer.bytes": (0, 100_000_000),
    "socket.send.buffer.bytes": (0, 100_000_000),
    "socket.timeout.ms": (10, 300_000),
    "transaction.timeout.ms": (1000, 2_147_483_647),
}
"""Least and greatest, by librdkafka's CONFIGURATION.md; the Java client takes all of them."""

TRUTHS = {"true": "true", "t": "true", "1": "true", "false": "false", "f": "false", "0": "false"}
"""What librdkafka takes; the Java client takes the two words only."""

SERVERS = "bootstrap.servers"
BOOLEANS = frozenset({"check.crcs"})
WORDS = {"client.dns.lookup": ("use_all_dns_ips", "resolve_canonical_bootstrap_servers_only")}

_SERVER = re.compile(
    r"(?:(?P<protocol>[A-Za-z_]+)://)?(?P<host>\[[0-9A-Fa-f:.]+(?:%[0-9A-Za-z_.-]+)?\]|[0-9A-Za-z._-]+)(?::(?P<port>[0-9]{1,5}))?"
)
_EXAMPLE = "expected host:port, several with commas between them"
_OWN_LINE = "; a comment needs a line of its own"


def same_for_both(values: Mapping[str, str]) -> dict[str, str]:
    """The values in the form that both clients read alike; what has none stays as it is, and is one of `value_problems`."""
    protocol = values.get("security.protocol", "PLAINTEXT").upper()
    return {key: _servers_form(value, protocol) if key == SERVERS else _form(key, value) for key, value in values.items()}


def value_problems(values: Mapping[str, str]) -> Iterator[str]:
    """One sentence for each value that not both clients take. Values are shown where they hold no secret."""
    for key, value in values.items():
        hidden = invisible(value) if key not in SECRET_KEYS | PEM_KEYS | FILE_KEYS else None
        if hidden:
            yield f"{key} holds the invisible character {hidden}; write the value again by hand"
        elif problem := _problem(key, value):
            yield problem + (_OWN_LINE if "#" in value else "")


def invisible(text: str) -> str | None:
    """The code of the first character of a text that nobody sees there, none if all are seen.

    >>> invisible("one:9092\\u200b"), invisible("one:\\u00a09092"), invisible("a = b")
    ('U+200B', 'U+00A0', None)
    """
    for character in text:
        category = unicodedata.category(character)
        if character != " " and category in ("Cc", "Cf", "Cs", "Co", "Cn", "Zs", "Zl", "Zp"):
            return f"U+{ord(character):04X}"
    return None


def _form(key: str, value: str) -> str:
    if key in NUMBERS and _is_number(value):
        # librdkafka takes 010 for eight, the Java client for ten.
        return str(int(value))
    return TRUTHS.get(value.lower(), value) if key in BOOLEANS else value


def _servers_form(value: str, protocol: str) -> str:
    """Without empty places, as behind a last comma, and without the protocol that consoles show before a server."""
    servers = [one.strip() for one in value.split(",") if one.strip()]
    return ",".join(one[len(protocol) + 3 :] if one.upper().startswith(f"{protocol}://") else one for one in servers)


def _problem(key: str, value: str) -> str | None:
    if key in NUMBERS:
        return _number_problem(key, value)
    if key in BOOLEANS and value not in TRUTHS.values():
        return f"{key} must be true or false"
    if key in WORDS and value not in WORDS[key]:
        return f"{key} must be one of {', '.join(WORDS[key])}"
    return next(filter(None, map(_server_problem, value.split(","))), None) if key == SERVERS and value else None


def _is_number(value: str) -> bool:
    return re.fullmatch("[0-9]{1,20}", value) is not None


def _number_problem(key: str, value: str) -> str | None:
    least, greatest = NUMBERS[key]
    if not _is_number(value):
        return f"{key} must be a whole number"
    return None if least <= int(value) <= greatest else f"{key} must be between {least} and {greatest}"


def _server_problem(server: str) -> str | None:
    if "@" in server:
        # What stands before it may be a password.
        return f"{SERVERS}: a server has a login before the @; logins are sasl.username and sasl.password"
    if re.fullmatch("[0-9A-Fa-f]*:[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*", server):
        return f"{SERVERS}: {server} is an IPv6 address, which needs brackets and a port behind them, as [::1]:9092"
    found = _SERVER.fullmatch(server)
    if found is None:
        return f"{SERVERS}: {server!r} is no server; {_EXAMPLE}"
    if found["protocol"]:
        return f"{SERVERS}: {server} names another protocol than security.protocol; write {found['host']}:{found['port'] or 9092}"
    if found["port"] is None:
        return f"{SERVERS}: {server} has no port; write {server}:9092, or which port it is"
    return None if 0 < int(found["port"]) < 65_536 else f"{SERVERS}: {server} has no port between 1 and 65535"
