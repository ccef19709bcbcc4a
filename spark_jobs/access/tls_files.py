"""What the files of a TLS login hold: whether a key opens, what only the Java client cannot read, until when certificates are
valid.

librdkafka says of all of it what OpenSSL says, and the Java client says nothing before a batch is planned. Opens files, no
connection except to look at the broker's certificate; knows the settings by librdkafka's names.
"""

import logging
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key, pkcs12

from spark_jobs.access import tls_check
from spark_jobs.access.properties import KafkaSettings
from spark_jobs.access.tls_check import ODD_CERTIFICATE
from spark_jobs.base.wording import counted

log = logging.getLogger(__name__)

Values = Mapping[str, str]

WARN_DAYS = 14


def key_fault(values: Values) -> str | None:
    """Why the client's private key cannot be opened, as a sentence; None if that is not what is wrong."""
    if "ssl.keystore.location" in values:
        return _keystore_fault(values)
    pem, name = _pem(values, "ssl.key"), values.get("ssl.key.location", "ssl.key.pem")
    if pem is None:
        return None
    is_locked, password = b"ENCRYPTED" in pem, values.get("ssl.key.password", "").encode()
    if is_locked and not password:
        return f"the private key {name} is encrypted and ssl.key.password is missing"
    try:
        load_pem_private_key(pem, password if is_locked else None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return f"ssl.key.password does not open {name}" if is_locked else f"{name} is no private key in PEM form"
    return None


def java_fault(values: Values) -> str | None:
    """Why the Java client cannot show the client certificate, which librdkafka can; None if it can, or if there is none."""
    own = client_certificate(values)
    try:
        kind = type(own.public_key()).__name__ if own is not None else ""
    except ODD_CERTIFICATE:
        return None
    if "Ed25519" not in kind and "Ed448" not in kind:
        return None
    return (
        f"the client certificate {_certificate_name(values)} has an {'Ed448' if 'Ed448' in kind else 'Ed25519'} key, which "
        "Spark's Kafka client cannot read: use one with an RSA or EC key"
    )


def expiring(kafka: KafkaSettings, now: datetime) -> Iterator[str]:
    """A sentence for the client's and the broker's certificate if it is valid for less than two weeks.

    The broker's is the one that its first server shows; of a server that does not answer nothing is said here.
    """
    own = client_certificate(kafka.values)
    if own is not None:
        yield from _expiring(f"the client certificate {_certificate_name(kafka.values)}", own, now)
    if kafka.values.get("security.protocol", "").upper() in ("SSL", "SASL_SSL"):
        server = kafka.servers.split(",")[0].strip()
        shown = tls_check.shown_certificate(server, kafka.values)
        if shown is not None:
            yield from _expiring(f"the certificate of the Kafka broker {server}", shown, now)


def warn_of_expiry(kafka: KafkaSettings, now: datetime) -> None:
    """Log a certificate that has to be renewed soon."""
    for sentence in expiring(kafka, now):
        log.warning("%s", sentence)


def _expiring(what: str, certificate: x509.Certificate, now: datetime) -> Iterator[str]:
    left = certificate.not_valid_after_utc - now
    if left < timedelta(days=WARN_DAYS):
        until = certificate.not_valid_after_utc.isoformat(sep=" ", timespec="minutes").replace("+00:00", " UTC")
        days = f"in {counted(left.days, 'day')}" if left > timedelta() else "already"
        yield f"{what} expires {days} ({until}); nothing can be read or published after that: have it renewed"


def client_certificate(values: Values) -> x509.Certificate | None:
    """The one that the client shows, if there is one that can be read."""
    try:
        if "ssl.keystore.location" in values:
            data, password = Path(values["ssl.keystore.location"]).read_bytes(), values.get("ssl.keystore.password", "")
            return pkcs12.load_key_and_certificates(data, password.encode())[1]
        pem = _pem(values, "ssl.certificate")
        return x509.load_pem_x509_certificate(pem) if pem else None
    except (OSError, *ODD_CERTIFICATE):
        return None


def _certificate_name(values: Values) -> str:
    return values.get("ssl.keystore.location") or values.get("ssl.certificate.location", "ssl.certificate.pem")


def _keystore_fault(values: Values) -> str | None:
    path = values["ssl.keystore.location"]
    try:
        pkcs12.load_key_and_certificates(Path(path).read_bytes(), values["ssl.keystore.password"].encode())
    except (OSError, ValueError, UnsupportedAlgorithm):
        return f"ssl.keystore.password does not open {path}, or that is no PKCS12 file"
    return None


def _pem(values: Values, what: str) -> bytes | None:
    if f"{what}.pem" in values:
        return values[f"{what}.pem"].encode()
    path = values.get(f"{what}.location")
    try:
        return Path(path).read_bytes() if path else None
    except OSError:
        return None
