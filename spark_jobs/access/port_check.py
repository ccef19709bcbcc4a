"""Which security protocol a broker's port speaks, found by trying: for when nothing that was sent to it was answered.

A client that speaks plain text to a TLS port, or TLS to a plain one, gets no answer that says so: to it the broker looks dead.
One connection without and one with TLS ask what every Kafka answers without a login, and whether it takes logins. Nothing secret
is sent, and no certificate is believed. Asks the servers of the settings only, for seconds at most.
"""

import socket
import ssl
import struct
from collections.abc import Mapping
from contextlib import suppress

from spark_jobs.access.tls_check import unbelieving

SECONDS = 1.5
MOST_SERVERS = 3
API_VERSIONS, SASL_HANDSHAKE = 18, 17
UNSUPPORTED_MECHANISM = 33
"""What a port that takes logins answers to a mechanism without a name; others say that it is not the time for it."""

Files = Mapping[str, str]


def wrong_protocol(servers: str, protocol: str, files: Files) -> str | None:
    """Half a sentence on the first server that speaks another protocol than `protocol`; None if one speaks it, or neither is
    known.

    `files` are the settings that name the client's certificate, for servers that talk to nobody without one.
    """
    for server in servers.split(",")[:MOST_SERVERS]:
        spoken = spoken_protocols(server.strip(), files)
        if spoken:
            return None if protocol in spoken else f"the Kafka broker {server.strip()} speaks {' or '.join(spoken)} on this port"
    return None


def spoken_protocols(server: str, files: Files) -> tuple[str, ...]:
    """What the port may speak; empty if nobody is there, or somebody who is no Kafka."""
    with suppress(OSError, ValueError):
        takes_logins = _takes_logins(_connection(server))
        if takes_logins is not None:
            return ("SASL_PLAINTEXT",) if takes_logins else ("PLAINTEXT",)
    with suppress(OSError, ValueError):
        return _over_tls(server, files)
    return ()


def _over_tls(server: str, files: Files) -> tuple[str, ...]:
    """The handshake alone shows that it is TLS; also one that ends because the server wants a certificate."""
    try:
        encrypted = unbelieving(files).wrap_socket(_connection(server))
    except ssl.SSLError as error:
        return ("SSL", "SASL_SSL") if "alert" in str(error).lower() else ()
    with suppress(OSError):
        takes_logins = _takes_logins(encrypted)
        if takes_logins is not None:
            return ("SASL_SSL",) if takes_logins else ("SSL",)
    return ("SSL", "SASL_SSL")


def _connection(server: str) -> socket.socket:
    host, _, port = server.rpartition("://")[2].rpartition(":")
    return socket.create_connection((host.strip("[]"), int(port)), SECONDS)


def _takes_logins(connection: socket.socket) -> bool | None:
    """Whether the Kafka at the other end takes logins; None if it is none."""
    with connection:
        connection.settimeout(SECONDS)
        if _answer(connection, API_VERSIONS, 0, b"") is None:
            return None
        refused = _answer(connection, SASL_HANDSHAKE, 1, b"\x00\x00")
        return refused is not None and struct.unpack_from(">h", refused)[0] == UNSUPPORTED_MECHANISM


def _answer(connection: socket.socket, request: int, version: int, body: bytes) -> bytes | None:
    """The answer to one of Kafka's requests, without what comes before it in each; None if it is none."""
    correlation = 1000 + request
    sent = struct.pack(">hhih", request, version, correlation, -1) + body
    connection.sendall(struct.pack(">i", len(sent)) + sent)
    with connection.makefile("rb") as stream:
        header = stream.read(8)
        if len(header) < 8:
            return None
        size, answered = struct.unpack(">ii", header)
        return stream.read(size - 4) if answered == correlation and 4 < size < 100_000 else None
