"""A broker as in production: TLS, two kinds of login, nothing allowed that was not granted; all secrets made for this run."""

import ipaddress
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat, pkcs12
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from spark_jobs.access.java_client import properties_text, quoted
from spark_jobs.local.kafka.server import BrokerOptions

MODULES = "org.apache.kafka.common.security"
AWKWARD = "\"'\\${x}é;=,# "
"""Signs that passwords may hold and that every layer of quoting treats in its own way."""


@dataclass(frozen=True)
class Authority:
    """A certificate authority of its own."""

    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()), repr=False)
    name: x509.Name = field(default_factory=lambda: common_name(f"test CA {secrets.token_hex(4)}"))

    @property
    def pem(self) -> str:
        return (
            self._signed(self.name, self.key, x509.BasicConstraints(ca=True, path_length=None))
            .public_bytes(Encoding.PEM)
            .decode()
        )

    def server_pem(self, hosts: tuple[str, ...], *, days: float = 1) -> str:
        """Key, certificate for these names and addresses, and the authority, in one text; `days` below 0 has expired."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([alternative_name(host) for host in hosts])
        # A broker is a client too, of other brokers; Kafka tries that with itself at its start.
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
        certificate = self._signed(common_name("broker"), key, names, usage, days=days)
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        return private + certificate.public_bytes(Encoding.PEM).decode() + self.pem

    def client_files(self, folder: Path, name: str, password: str) -> tuple[list[str], list[str]]:
        """A client's certificate and encrypted key as settings of a PEM pair and of a PKCS12 keystore, their files in
        `folder`.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._signed(common_name(name), key, x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]))
        locked = BestAvailableEncryption(password.encode())
        (folder / f"{name}.key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked))
        (folder / f"{name}.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
        (folder / f"{name}.p12").write_bytes(pkcs12.serialize_key_and_certificates(name.encode(), key, certificate, None, locked))
        pem = [f"ssl.certificate.location={name}.pem", f"ssl.key.location={name}.key", f"ssl.key.password={password}"]
        return pem, [f"ssl.keystore.location={name}.p12", f"ssl.keystore.password={password}"]

    def _signed(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, *extensions: x509.ExtensionType, days: float = 1
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        builder = x509.CertificateBuilder(self.name, subject, key.public_key(), x509.random_serial_number())
        builder = builder.not_valid_before(now - timedelta(days=9)).not_valid_after(now + timedelta(days=days))
        for extension in extensions:
            builder = builder.add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
        return builder.sign(self.key, hashes.SHA256())


def common_name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def alternative_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def secured_options(
    folder: Path,
    authority: Authority,
    plain: Mapping[str, str],
    scram: Mapping[str, str],
    *,
    valid: timedelta = timedelta(days=1),
) -> BrokerOptions:
    """SASL_SSL with these names and passwords; the PLAIN user `broker` may do everything, the others nothing yet."""
    keystore, truststore = folder / "broker.pem", folder / "ca.pem"
    keystore.write_text(authority.server_pem(("localhost", "127.0.0.1"), days=valid / timedelta(days=1)))
    truststore.write_text(authority.pem)
    users = " ".join(f"user_{name}={quoted(password)}" for name, password in plain.items())
    own = f"username=broker password={quoted(plain['broker'])}"
    settings = {
        "listener.security.protocol.map": "CLIENT:SASL_SSL,CONTROLLER:PLAINTEXT",
        "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-512",
        "sasl.mechanism.inter.broker.protocol": "PLAIN",
        "listener.name.client.plain.sasl.jaas.config": f"{MODULES}.plain.PlainLoginModule required {own} {users};",
        "listener.name.client.scram-sha-512.sasl.jaas.config": f"{MODULES}.scram.ScramLoginModule required;",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(keystore),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(truststore),
        # Heeded beside SASL only with the listener's name.
        "listener.name.client.ssl.client.auth": "required",
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        # The controller's own listener knows no names; from outside nobody is ANONYMOUS.
        "super.users": "User:broker;User:ANONYMOUS",
    }
    escaped = dict(line.split("=", 1) for line in properties_text(settings).splitlines())
    arguments = [part for name, word in scram.items() for part in ("--add-scram", f"SCRAM-SHA-512=[name={name},password={word}]")]
    return BrokerOptions(
        settings=escaped, format_arguments=arguments, client=librdkafka_login(authority, folder, plain["broker"])
    )


def librdkafka_login(authority: Authority, folder: Path, password: str) -> dict[str, str]:
    """Settings of the user `broker`, its certificate stored in `folder`."""
    login = {"sasl.mechanism": "PLAIN", "sasl.username": "broker", "sasl.password": password}
    pem, _ = authority.client_files(folder, "admin", secrets.token_urlsafe(8))
    files = dict(line.split("=", 1) for line in pem)
    files |= {key: str(folder / files[key]) for key in ("ssl.certificate.location", "ssl.key.location")}
    return {"security.protocol": "SASL_SSL", "ssl.ca.pem": authority.pem} | login | files


def grant(admin: AdminClient, user: str, resource: ResourceType, name: str, *operations: AclOperation) -> None:
    """Allow exactly these operations on exactly this resource."""
    pattern, allow = ResourcePatternType.LITERAL, AclPermissionType.ALLOW
    bindings = [AclBinding(resource, name, pattern, f"User:{user}", "*", operation, allow) for operation in operations]
    for done in admin.create_acls(bindings).values():
        done.result()
