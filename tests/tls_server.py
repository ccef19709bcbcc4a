"""A server that shows a certificate to one client."""

import socket
import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

HOSTS = ("127.0.0.1",)


@contextmanager
def tls_server(folder: Path, pem: str) -> Iterator[str]:
    """`host:port` of a server that shakes hands with this certificate, once."""
    (folder / "server.pem").write_text(pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    with socket.create_server(("127.0.0.1", 0)) as listening, ThreadPoolExecutor() as pool:
        pool.submit(_shake_hands, listening, context)
        yield f"127.0.0.1:{listening.getsockname()[1]}"


def _shake_hands(listening: socket.socket, context: ssl.SSLContext) -> None:
    listening.settimeout(10)
    plain, _ = listening.accept()
    # A client that does not trust us hangs up: that is what the test is about.
    with suppress(OSError), plain, context.wrap_socket(plain, server_side=True):
        pass
