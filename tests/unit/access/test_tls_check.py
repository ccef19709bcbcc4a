"""What is said of a certificate that cannot be trusted."""

import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from spark_jobs.access.tls_check import certificate_fault
from tests.kafka.secured import Authority
from tests.tls_server import HOSTS, tls_server


@pytest.mark.parametrize(
    ("certificate", "fault"),
    [
        (lambda authority: authority.server_pem(HOSTS), None),
        (lambda authority: authority.server_pem(HOSTS, days=-1), "certificate has expired"),
        (lambda authority: authority.server_pem(("broker.example.org",)), "certificate is not valid for '127.0.0.1'"),
        (lambda _: Authority().server_pem(HOSTS), "self-signed certificate in certificate chain"),
    ],
    ids=["right", "expired", "another host", "another authority"],
)
@pytest.mark.parametrize("from_file", [True, False])
@pytest.mark.group("SE")
@pytest.mark.proves("F115")
def test_the_fault_of_a_certificate_is_named(
    tmp_path: Path, certificate: Callable[[Authority], str], fault: str | None, from_file: bool
) -> None:
    authority = Authority()
    (tmp_path / "ca.pem").write_text(authority.pem)
    trust = (str(tmp_path / "ca.pem"), None) if from_file else (None, authority.pem)
    with tls_server(tmp_path, certificate(authority)) as address:
        found = certificate_fault(address, *trust)
    assert found == fault if fault is None else fault in str(found)


def test_where_nobody_listens_nothing_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closing:
        port = closing.getsockname()[1]
    assert certificate_fault(f"127.0.0.1:{port}", None, None) is None
