"""The credentials of a TLS door: files become a context, and a new one when the files change.

It must never know what is spoken inside.  What we dial has its own in `tls_dial`.
"""

import asyncio
import hashlib
import os
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec
from cryptography import x509

from chappe.model.errors import SettingsError
from chappe.rules.certificates import Shown

VERSIONS: Final = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}

#: What tells whether a file has changed: its inode, size and time of change.
Stamp = tuple[int, int, int]


class TlsTerms(msgspec.Struct, frozen=True):
    """What a door shows of itself and asks of others.  `name` is that of its table in the settings."""

    name: str
    certificate: Path
    key: Path
    client_ca: Path | None = None
    #: Who shows no certificate of `client_ca` is not let in.
    requires_certificate: bool = True
    min_version: str = "1.2"


class Credentials:
    """A door's certificate as it is now."""

    def __init__(self, terms: TlsTerms) -> None:
        """Raises: SettingsError, which names the file and what is wrong with it."""
        self.terms = terms
        self._stamps = self._look()
        self.context, self.certificate = _load(terms)

    def shown(self) -> Mapping[str, x509.Certificate]:
        """What it shows, by what to add to the door's name."""
        return {"": self.certificate}

    def renew(self, *, is_asked: bool = False) -> bool:
        """Load the files again if they have changed or somebody `is_asked`; True when they were loaded.

        Connections that are open keep what they have.  Raises: SettingsError; then the old ones stay, and the files
        are tried again when they change again.
        """
        stamps = self._look()
        if stamps == self._stamps and not is_asked:
            return False
        self._stamps = stamps
        self.context, self.certificate = _load(self.terms)
        return True

    def _look(self) -> list[Stamp | None]:
        return [stamp(path) for path in (self.terms.certificate, self.terms.key, self.terms.client_ca) if path]


def stamp(path: Path) -> Stamp | None:
    """What tells whether a file has changed; None while there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def _load(terms: TlsTerms) -> tuple[ssl.SSLContext, x509.Certificate]:
    """Raises: SettingsError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = VERSIONS[terms.min_version]
    certificate = load_pair(context, terms.name, terms.certificate, terms.key)
    if terms.client_ca is not None:
        load_authorities(context, f"{terms.name}.client_ca", terms.client_ca)
        context.verify_mode = ssl.CERT_REQUIRED if terms.requires_certificate else ssl.CERT_OPTIONAL
    return context, certificate


def load_pair(context: ssl.SSLContext, table: str, certificate: Path, key: Path) -> x509.Certificate:
    """Have a context show a certificate, and return it without its chain.

    Raises: SettingsError, naming the file and its key in the settings' `table`.
    """
    try:
        read = x509.load_pem_x509_certificate(_read(f"{table}.certificate", certificate))
    except ValueError as error:
        what = f"{table}.certificate: {certificate}: expected a PEM certificate, its chain behind it"
        raise SettingsError(what) from error
    _read(f"{table}.key", key)
    try:
        # Without a callback OpenSSL would ask for the passphrase at the terminal.
        context.load_cert_chain(certificate, key, password=lambda: b"")
    except ssl.SSLError as error:
        reason = "key and certificate do not belong together" if "MISMATCH" in str(error) else _reason(error)
        raise SettingsError(f"{table}.key: {key}: {reason}; expected a PEM key without passphrase") from error
    return read


def load_authorities(context: ssl.SSLContext, setting: str, path: Path) -> None:
    """Have a context trust the authorities of a file.  Raises: SettingsError."""
    try:
        context.load_verify_locations(cadata=_read(setting, path).decode("ascii", "replace"))
    except ssl.SSLError as error:
        raise SettingsError(f"{setting}: {path}: {_reason(error)}; expected PEM certificates") from error


def _read(setting: str, path: Path) -> bytes:
    """Raises: SettingsError."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise SettingsError(f"{setting}: {path}: {error.strerror}") from error


def _reason(error: ssl.SSLError) -> str:
    return (error.reason or str(error)).lower().replace("_", " ")


def shown_by(transport: asyncio.BaseTransport | None) -> Shown | None:
    """The certificate that a peer has shown; None without one, or without TLS."""
    ssl_object = transport.get_extra_info("ssl_object") if transport is not None else None
    octets = ssl_object.getpeercert(binary_form=True) if ssl_object is not None else None
    if not octets:
        return None
    try:
        subject = x509.load_der_x509_certificate(octets).subject
    except ValueError:
        return None
    pairs = frozenset((each.rfc4514_attribute_name.upper(), str(each.value)) for each in subject)
    return Shown(hashlib.sha256(octets).hexdigest(), pairs)


def seconds_left(certificate: x509.Certificate, now_us: int) -> float:
    """How long a certificate is still good for; below 0 it has expired."""
    return (certificate.not_valid_after_utc - datetime.fromtimestamp(now_us / 1_000_000, UTC)).total_seconds()


def subject_of(certificate: x509.Certificate) -> str:
    """Whose it is, as in `CN=sms.example.com`."""
    return certificate.subject.rfc4514_string()
