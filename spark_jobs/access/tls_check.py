"""What is wrong with a broker's certificate, found by shaking hands once more with the standard library.

librdkafka reports an unknown CA, another host name and an expired certificate with the same words; OpenSSL knows which it was.
What it shows can also be looked at without judging it. Nothing is sent after the handshake, so no secret leaves. Knows no Kafka.
"""

import socket
import ssl
from collections.abc import Mapping
from contextlib import suppress

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

SECONDS = 2.0

ODD_CERTIFICATE = (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion)
"""What `cryptography` raises of a certificate that it cannot read,
as soon as it is loaded or only when it is asked for a part of it.
"""


def shown_certificate(server: str, files: Mapping[str, str]) -> x509.Certificate | None:
    """The certificate that `host:port` shows, believed or not; None if it shows none."""
    host, _, port = server.rpartition("://")[2].rpartition(":")
    host = host.strip("[]")
    with (
        suppress(OSError, *ODD_CERTIFICATE),
        socket.create_connection((host, int(port)), SECONDS) as plain,
        unbelieving(files).wrap_socket(plain, server_hostname=host) as encrypted,
    ):
        return x509.load_der_x509_certificate(encrypted.getpeercert(binary_form=True) or b"")
    return None


def unbelieving(files: Mapping[str, str]) -> ssl.SSLContext:
    """For looking at who is there, never for trusting them; shows the certificate that `files` name, if a server asks for one."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if "ssl.certificate.location" in files and "ssl.key.location" in files:
        with suppress(OSError):
            context.load_cert_chain(
                files["ssl.certificate.location"], files["ssl.key.location"], lambda: files.get("ssl.key.password", "")
            )
    return context


def certificate_fault(server: str, ca_file: str | None, ca_pem: str | None) -> str | None:
    """What fails in verifying the certificate of `host:port` against the CA, as half a sentence; None if that is not known."""
    host, _, port = server.rpartition(":")
    host = host.strip("[]")
    try:
        context = ssl.create_default_context(cafile=ca_file, cadata=ca_pem)
        with socket.create_connection((host, int(port)), SECONDS) as plain, context.wrap_socket(plain, server_hostname=host):
            return None
    except ssl.SSLCertVerificationError as error:
        return f"{error.verify_message.rstrip('.')} (check ssl.ca.location and the host name in bootstrap.servers)"
    except (OSError, ValueError):
        return None
