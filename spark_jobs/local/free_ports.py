"""Free ports on the loopback address, below the range from which the system takes ports for outgoing connections.

From that range a client that retries on loopback can connect to itself, and then holds the port of the server it waits for.
A port that was found free is kept from all others who ask here until its server has it: two that start at the same moment would
else get the same one.
"""

import contextlib
import random
import socket
from collections.abc import Iterable, Iterator

LOWEST, HIGHEST = 20000, 32767


def free_ports(wanted: Iterable[int | None]) -> list[int]:
    """One free port for each entry: the wanted one if it is free, else any. Nobody keeps them: for who binds at once."""
    with reserved_ports(wanted) as ports:
        return ports


@contextlib.contextmanager
def reserved_ports(wanted: Iterable[int | None]) -> Iterator[list[int]]:
    """The same, and until the end of the block nobody else is given one of them: by then the server must have it."""
    with contextlib.ExitStack() as reserved:
        yield [next(port for port in _choices(one) if _reserve(reserved, port)) for one in wanted]


def _choices(wanted: int | None) -> Iterator[int]:
    if wanted is not None:
        yield wanted
    yield from random.sample(range(LOWEST, HIGHEST + 1), k=1000)


def _reserve(reserved: contextlib.ExitStack, port: int) -> bool:
    """Reserve the port by a name that one process of the machine can have at a time, and look whether a server has it.

    The name is a socket's in Linux's abstract namespace: no file, gone with its process, and as far-reaching as the ports are.
    """
    name = socket.socket(socket.AF_UNIX)
    try:
        name.bind(f"\0dayfold-port-{port}")
        _require_no_server(port)
    except OSError:
        name.close()
        return False
    reserved.enter_context(name)
    return True


def _require_no_server(port: int) -> None:
    """Bind it for a moment, the way a Java server does: connections that are just closing do not matter."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))
        probe.listen()
