"""Free ports on the loopback address, below the range from which the system takes ports for outgoing connections.

From that range a client that retries on loopback can connect to itself, and then holds the port of the server it waits for.
"""

import contextlib
import random
import socket
from collections.abc import Iterable, Iterator

LOWEST, HIGHEST = 20000, 32767


def free_ports(wanted: Iterable[int | None]) -> list[int]:
    """One free port for each entry: the wanted one if it is free, else any."""
    with contextlib.ExitStack() as held:
        return [next(port for port in _choices(one) if _hold(held, port)) for one in wanted]


def _choices(wanted: int | None) -> Iterator[int]:
    if wanted is not None:
        yield wanted
    yield from random.sample(range(LOWEST, HIGHEST + 1), k=1000)


def _hold(held: contextlib.ExitStack, port: int) -> bool:
    """Bind `port` until `held` is closed, the way a Java server does: connections that are just closing do not matter."""
    probe = socket.socket()
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        probe.bind(("127.0.0.1", port))
        probe.listen()
    except OSError:
        probe.close()
        return False
    held.enter_context(probe)
    return True
