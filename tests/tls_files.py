"""Certificates for tests, made when they are needed."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from quorate.runtime.transport import Tls, load_tls

PEM = serialization.Encoding.PEM


@dataclass(frozen=True, slots=True)
class Files:
    """Where a node's files are."""

    certificate: Path
    key: Path
    ca: Path

    def load(self, node_id: int) -> Tls:
        """As that node would."""
        return load_tls(self.certificate, self.key, self.ca, node_id)


def subject(name: str) -> x509.Name:
    """A distinguished name that is only a common one."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def unsigned(name: str, issuer: str, key: ec.EllipticCurvePrivateKey, days: int) -> x509.CertificateBuilder:
    """What every certificate has."""
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject(name))
        .issuer_name(subject(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=abs(days) + 1))
        .not_valid_after(now + timedelta(days=days))
    )


class Authority:
    """A CA with its files below `folder`."""

    def __init__(self, folder: Path, name: str = "ca") -> None:
        self.folder = folder
        self.name = name
        self.path = folder / f"{name}.pem"
        self._key = ec.generate_private_key(ec.SECP256R1())
        certificate = (
            unsigned(name, name, self._key, 1)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.path.write_bytes(certificate.public_bytes(PEM))

    def issue(self, name: str, *, days: int = 1, only_server: bool = False, password: bytes | None = None) -> Files:
        """A certificate with that DNS name and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = unsigned("quorate", self.name, key, days).add_extension(
            x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False
        )
        if only_server:
            usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
            builder = builder.add_extension(usage, critical=False)
        stem = f"{self.name}-{name}-{len(list(self.folder.iterdir()))}"
        files = Files(self.folder / f"{stem}.pem", self.folder / f"{stem}.key", self.path)
        files.certificate.write_bytes(builder.sign(self._key, hashes.SHA256()).public_bytes(PEM))
        encryption = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
        files.key.write_bytes(key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, encryption))
        return files
