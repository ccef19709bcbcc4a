"""Who listens on loopback to what an Airflow sends: a mail server, a web server, a StatsD."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import AF_INET, SOCK_DGRAM, socket
from threading import Thread
from typing import Any

from aiosmtpd.controller import Controller

from spark_jobs.local.free_ports import free_ports

HOST = "127.0.0.1"


@dataclass
class MailServer:
    """`mails` are all that came, `recipients` whom each was for. Its methods have the names that aiosmtpd calls."""

    port: int
    mails: list[EmailMessage] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: ARG002, N802 - aiosmtpd's
        message = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        self.recipients.append(list(envelope.rcpt_tos))
        self.mails.append(message)
        return "250 OK"

    @property
    def connection(self) -> str:
        """The Airflow connection to it."""
        plain = {"from_email": "dayfold@example.org", "disable_ssl": True, "disable_tls": True}
        return json.dumps({"conn_type": "smtp", "host": HOST, "port": self.port, "extra": plain})


@contextmanager
def mail_server() -> Iterator[MailServer]:
    (port,) = free_ports([None])
    server = MailServer(port)
    controller = Controller(server, hostname=HOST, port=port)
    controller.start()
    try:
        yield server
    finally:
        controller.stop()


@dataclass
class WebServer:
    """`posts` are path, headers and JSON of all that came."""

    port: int
    posts: list[tuple[str, dict[str, str], Any]] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def bodies(self) -> list[Any]:
        return [body for _, _, body in self.posts]


@contextmanager
def web_server() -> Iterator[WebServer]:
    (port,) = free_ports([None])
    found = WebServer(port)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found.posts.append((self.path, dict(self.headers), json.loads(body)))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the names of the standard library
            """Nothing on the screen."""

    server = ThreadingHTTPServer((HOST, port), Handler)
    server.daemon_threads = True
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()


@dataclass
class StatsD:
    """`lines` are all metrics that came, in StatsD's own words: `name:value|kind`."""

    port: int
    lines: list[str] = field(default_factory=list)

    def values(self, name: str) -> list[tuple[float, str]]:
        """Value and kind of each time the metric came."""
        found = [line.partition(":")[2].split("|") for line in self.lines if line.partition(":")[0] == name]
        return [(float(value), kind) for value, kind, *_ in found]

    @property
    def environment(self) -> dict[str, str]:
        """Airflow's settings that send everything here."""
        settings = {"STATSD_ON": "True", "STATSD_HOST": HOST, "STATSD_PORT": str(self.port)}
        return {f"AIRFLOW__METRICS__{name}": value for name, value in settings.items()}


@contextmanager
def statsd() -> Iterator[StatsD]:
    with socket(AF_INET, SOCK_DGRAM) as listener:
        listener.bind((HOST, 0))
        found = StatsD(listener.getsockname()[1])

        def listen() -> None:
            while packet := listener.recv(65535):
                found.lines.extend(packet.decode().splitlines())

        thread = Thread(target=listen, daemon=True)
        thread.start()
        try:
            yield found
        finally:
            with socket(AF_INET, SOCK_DGRAM) as end:
                end.sendto(b"", (HOST, found.port))
            thread.join()
