"""What is wrong with a broker's certificate, found by shaking hands once more with the standard library.

librdkafka reports an unknown CA, another host name and an expired certificate with the same words; OpenSSL knows which it was.
Nothing is sent after the handshake, so no secret leaves. Knows no Kafka.
"""

import socket
import ssl

SECONDS = 2.0


def certificate_fault(server: str, ca_file: str | None, ca_pem: str | None) -> str | None:
    """What fails in verifying the certificate of `host:port` against the CA, as half a sentence; None if it cannot be told."""
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
