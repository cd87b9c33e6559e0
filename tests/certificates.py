"""Makes certificates for tests: an authority, and what it vouches for, as PEM files."""

from __future__ import annotations

import datetime
import hashlib
import ipaddress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = datetime.timedelta(days=1)


class Authority:
    """Vouches for certificates, and keeps everything in one folder."""

    def __init__(self, folder: Path, name: str = "Test CA") -> None:
        self.folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _named(name)
        self._certificate = _builder(self._name, self._name, self._key.public_key(), 365).add_extension(
            x509.BasicConstraints(ca=True, path_length=None), critical=True
        )
        self._signed = self._certificate.sign(self._key, hashes.SHA256())
        self.path = folder / f"{name.replace(' ', '-').lower()}.pem"
        self.path.write_bytes(_pem(self._signed))

    def vouch_for(
        self, name: str, *, file: str = "", organisation: str = "", days: float = 90, host: str = ""
    ) -> Certified:
        """Make a key and a certificate for a name, good for the loopback interface or for one `host` alone."""
        key = ec.generate_private_key(ec.SECP256R1())
        hosts: list[x509.GeneralName] = [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("localhost")]
        if host:
            hosts = [x509.DNSName(host)]
        made = (
            _builder(_named(name, organisation), self._name, key.public_key(), days)
            .add_extension(x509.SubjectAlternativeName(hosts), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        stem = file or name
        certified = Certified(self.folder / f"{stem}.pem", self.folder / f"{stem}.key", made)
        certified.certificate.write_bytes(_pem(made))
        certified.key.write_bytes(_key_pem(key))
        return certified


class Certified:
    """A certificate and its key, in files."""

    def __init__(self, certificate: Path, key: Path, made: x509.Certificate) -> None:
        self.certificate = certificate
        self.key = key
        self.made = made

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate, as a setting has it."""
        return "sha256:" + hashlib.sha256(self.made.public_bytes(serialization.Encoding.DER)).hexdigest()


def locked(key: Path, into: Path) -> Path:
    """A copy of a key that has a passphrase."""
    read = serialization.load_pem_private_key(key.read_bytes(), None)
    encryption = serialization.BestAvailableEncryption(b"secret")
    into.write_bytes(read.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption))
    return into


def _named(name: str, organisation: str = "") -> x509.Name:
    parts = [x509.NameAttribute(NameOID.COMMON_NAME, name)]
    if organisation:
        parts.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation))
    return x509.Name(parts)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, days: float
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - 2 * DAY)
        .not_valid_after(now + days * DAY)
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
