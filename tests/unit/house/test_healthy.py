"""The health check of containers, against a real page on loopback."""

import http.server
import json
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from spark_jobs.base.project import PROJECT

PAGE = {"scheduler": {"status": "healthy"}, "triggerer": {"status": "unhealthy"}, "dag_processor": {"status": None}}


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/health" else 503)
        self.end_headers()
        self.wfile.write(json.dumps(PAGE).encode())

    def log_message(self, *_: object) -> None:
        """Nothing: pytest's output is not its place."""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("path", "part", "healthy"),
    [
        ("/health", [], True),
        ("/health", ["scheduler"], True),
        ("/health", ["triggerer"], False),
        ("/health", ["dag_processor"], False),
        ("/health", ["nobody"], False),
        ("/unwell", [], False),
    ],
)
def test_a_container_is_as_healthy_as_its_page_says(address: str, path: str, part: list[str], healthy: bool) -> None:
    command = [sys.executable, "-I", str(PROJECT / "docker" / "healthy.py"), f"{address}{path}", *part]
    assert subprocess.run(command, check=False).returncode == (0 if healthy else 1)


def test_a_page_that_does_not_answer_is_unhealthy() -> None:
    command = [sys.executable, "-I", str(PROJECT / "docker" / "healthy.py"), "http://127.0.0.1:1/health"]
    assert subprocess.run(command, check=False).returncode == 1
