"""What is said of a client's key and certificates before anything is planned."""

import secrets
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from spark_jobs.access.properties import KafkaSettings, load_kafka_settings
from spark_jobs.access.tls_files import expiring, key_fault
from spark_jobs.base.errors import ConfigurationError
from spark_jobs.outlook.preflight import require_java_client
from tests.kafka.secured import Authority, common_name
from tests.tls_server import HOSTS, tls_server

PASSWORD = secrets.token_urlsafe(8)


def locked_files(folder: Path) -> tuple[dict[str, str], dict[str, str]]:
    """An encrypted key as settings of a PEM pair and of a keystore, with absolute paths."""
    pem, keystore = Authority().client_files(folder, "me", PASSWORD)
    pairs = [dict(line.split("=", 1) for line in lines) for lines in (pem, keystore)]
    found = [{key: str(folder / value) if key.endswith("location") else value for key, value in one.items()} for one in pairs]
    return found[0], found[1]


def settings(folder: Path, *lines: str, protocol: str = "SSL", servers: str = "127.0.0.1:9") -> KafkaSettings:
    path = folder / "kafka.properties"
    path.touch(mode=0o600)
    path.write_text("\n".join([f"bootstrap.servers={servers}", f"security.protocol={protocol}", *lines]))
    return load_kafka_settings(path, {})


@pytest.mark.proves("F182")
@pytest.mark.group("SE")
def test_a_password_that_does_not_open_the_key_is_told_with_the_file(tmp_path: Path) -> None:
    pem, keystore = locked_files(tmp_path)
    assert key_fault(pem) is None
    assert key_fault(keystore) is None
    assert key_fault({**pem, "ssl.key.password": "another"}) == f"ssl.key.password does not open {tmp_path / 'me.key'}"
    assert key_fault({**keystore, "ssl.keystore.password": "another"}) == (
        f"ssl.keystore.password does not open {tmp_path / 'me.p12'}, or that is no PKCS12 file"
    )
    del pem["ssl.key.password"]
    assert key_fault(pem) == f"the private key {tmp_path / 'me.key'} is encrypted and ssl.key.password is missing"
    (tmp_path / "me.key").write_text("nothing")
    assert key_fault(pem) == f"{tmp_path / 'me.key'} is no private key in PEM form"


def own_certificate(folder: Path, key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey, valid: timedelta) -> list[str]:
    now, name = datetime.now(UTC), common_name("me")
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(days=99)).not_valid_after(now + valid)
    certificate = builder.sign(key, None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256())
    (folder / "own.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    (folder / "own.key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return [f"ssl.certificate.location={folder / 'own.pem'}", f"ssl.key.location={folder / 'own.key'}"]


@pytest.mark.proves("F183")
@pytest.mark.group("SE")
def test_a_key_that_only_sparks_client_cannot_read_is_told_before_anything_is_planned(tmp_path: Path) -> None:
    lines = own_certificate(tmp_path, ed25519.Ed25519PrivateKey.generate(), timedelta(days=99))
    with pytest.raises(ConfigurationError, match=r"own\.pem has an Ed25519 key, which Spark's Kafka client cannot read"):
        require_java_client(settings(tmp_path, *lines))
    require_java_client(
        settings(tmp_path, *own_certificate(tmp_path, ec.generate_private_key(ec.SECP256R1()), timedelta(days=99)))
    )


@pytest.mark.proves("F184")
@pytest.mark.group("SE")
@pytest.mark.parametrize(("hours", "told"), [(14 * 24 - 1, "in 13 days"), (3, "in 0 days"), (-1, "already"), (14 * 24 + 1, None)])
def test_a_client_certificate_with_less_than_two_weeks_left_is_told(tmp_path: Path, hours: int, told: str | None) -> None:
    lines = own_certificate(tmp_path, ec.generate_private_key(ec.SECP256R1()), timedelta(hours=hours))
    found = list(expiring(settings(tmp_path, *lines), datetime.now(UTC)))
    assert [sentence.partition(" (")[0] for sentence in found] == (
        [f"the client certificate {tmp_path / 'own.pem'} expires {told}"] if told else []
    )


@pytest.mark.proves("F184")
@pytest.mark.group("SE")
@pytest.mark.parametrize("days", [13, 15])
def test_the_brokers_certificate_is_looked_at_too(tmp_path: Path, days: int) -> None:
    with tls_server(tmp_path, Authority().server_pem(HOSTS, days=days)) as address:
        found = list(expiring(settings(tmp_path, servers=address), datetime.now(UTC)))
    assert [sentence.partition(" expires")[0] for sentence in found] == (
        [f"the certificate of the Kafka broker {address}"] if days == 13 else []
    )


ODD = {
    "a later version of X.509": (bytes.fromhex("a003020102"), bytes.fromhex("a003020104")),
    "another kind of key": (bytes.fromhex("06072a8648ce3d0201"), bytes.fromhex("06072a8648ce3d0299")),
    "a name that is no text": (b"common name of mine", b"\xff\xfe\xfdmon name of mine"),
    "a date that is none": (b"\x17\x0d", b"\x17\x0c"),
}


@pytest.mark.proves("F215")
@pytest.mark.group("SE")
@pytest.mark.parametrize("odd", ODD)
def test_an_odd_certificate_hinders_no_sentence(tmp_path: Path, odd: str) -> None:
    key, now, name = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC), common_name("common name of mine")
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    whole = builder.not_valid_before(now).not_valid_after(now + timedelta(days=99)).sign(key, hashes.SHA256())
    der = whole.public_bytes(Encoding.DER)
    before, after = ODD[odd]
    assert before in der
    place = tmp_path / "own.pem"
    place.write_bytes(ssl.DER_cert_to_PEM_cert(der.replace(before, after)).encode())
    (tmp_path / "own.key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    found = settings(tmp_path, f"ssl.certificate.location={place}", f"ssl.key.location={tmp_path / 'own.key'}")
    assert found.principal == f"the owner of {place}"
    require_java_client(found)
    assert all("client certificate" not in one for one in expiring(found, now))


@pytest.mark.proves("F215")
@pytest.mark.group("SE")
def test_what_stands_around_a_certificate_in_its_file_need_not_be_utf_8(tmp_path: Path) -> None:
    lines = own_certificate(tmp_path, ec.generate_private_key(ec.SECP256R1()), timedelta(days=99))
    place = tmp_path / "own.pem"
    place.write_bytes("Käufer: me\n".encode("latin-1") + place.read_bytes())
    found = settings(tmp_path, *lines)
    assert found.principal == "User:CN=me"
    place.unlink()
    assert found.principal == f"the owner of {place}"
