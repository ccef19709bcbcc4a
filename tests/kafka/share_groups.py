"""A member of a share group, which no client here can be: the one request that makes it one, as its bytes."""

import secrets
import socket
import struct
import time

SHARE_GROUP_HEARTBEAT, VERSION, JOINS = 76, 1, 0
NOT_COORDINATOR, COORDINATOR_LOADING = 16, 14


def join_share_group(bootstrap: str, group: str, topic: str) -> None:
    """Have the group be there with one member, which lives until the broker misses it."""
    deadline = time.monotonic() + 20
    while (error := _heartbeat(bootstrap, group, topic)) in (NOT_COORDINATOR, COORDINATOR_LOADING):
        assert time.monotonic() < deadline
    assert error == 0


def _heartbeat(bootstrap: str, group: str, topic: str) -> int:
    """The error of the answer (KIP-932): behind the correlation, an empty tagged section and the throttle time."""
    nothing, one_topic = b"\0", b"\2"
    body = _text(group) + _text(secrets.token_hex(11)) + struct.pack(">i", JOINS) + nothing + one_topic + _text(topic) + nothing
    head = struct.pack(">hhih", SHARE_GROUP_HEARTBEAT, VERSION, 1, 1) + b"x" + nothing
    host, _, port = bootstrap.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection, connection.makefile("rb") as answers:
        connection.sendall(struct.pack(">i", len(head + body)) + head + body)
        (length,) = struct.unpack(">i", answers.read(4))
        (error,) = struct.unpack_from(">h", answers.read(length), 9)
    return int(error)


def _text(text: str) -> bytes:
    return bytes([len(text) + 1]) + text.encode()
