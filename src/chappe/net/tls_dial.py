"""TLS where we dial: whom we trust, what we show of ourselves, and what a failed handshake means in plain words.

Whoever is dialled is verified, its name included, unless the settings say otherwise.  It must never know what is
spoken inside.
"""

import asyncio
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec
from cryptography import x509

from chappe.net.tls import VERSIONS, Stamp, load_authorities, load_pair, stamp

#: What to add to an operator's name for the certificate that it shows us.
THEIRS: Final = " (theirs)"

#: Reasons of OpenSSL's X509_V_ERR_…, by number: openssl-verification-options(1).
_UNTRUSTED: Final = frozenset({2, 18, 19, 20, 21, 24, 26, 27})
_NOT_YET_VALID: Final = 9
_EXPIRED: Final = 10
_OTHER_NAME: Final = frozenset({62, 63, 64})

#: Alerts by which a peer says what it does not like about us, by a part of their names.  RFC 8446 §6.2.
_ALERTS: Final = {
    "CERTIFICATE_REQUIRED": "it asks for a certificate of ours; set certificate and key",
    "HANDSHAKE_FAILURE": "it refused the handshake; perhaps it asks for a certificate of ours",
    "UNKNOWN_CA": "it does not trust our certificate",
    "BAD_CERTIFICATE": "it refused our certificate",
    "CERTIFICATE_UNKNOWN": "it refused our certificate",
    "UNSUPPORTED_CERTIFICATE": "it refused our certificate",
    "CERTIFICATE_REVOKED": "it says that our certificate is revoked",
    "CERTIFICATE_EXPIRED": "it says that our certificate has expired",
    "ACCESS_DENIED": "it refused us by our certificate",
    "PROTOCOL_VERSION": "it speaks no version of TLS that min_version allows",
    "UNSUPPORTED_PROTOCOL": "it speaks no version of TLS that min_version allows",
    "UNRECOGNIZED_NAME": "it does not know itself by the name that we dialled; set server_name",
    "WRONG_VERSION_NUMBER": "it does not speak TLS there",
    "RECORD_LAYER_FAILURE": "it does not speak TLS there",
    "PACKET_LENGTH_TOO_LONG": "it does not speak TLS there",
    "UNEXPECTED_EOF": "it closed the connection during the handshake",
}


class DialTerms(msgspec.Struct, frozen=True):
    """Whom we trust and what we show.  `name` is that of the table in the settings; no `ca`: whom the system trusts."""

    name: str
    server_name: str
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    verifies: bool = True
    min_version: str = "1.2"


class DialCredentials:
    """What connections are dialled with now, and the certificate that the last peer showed."""

    def __init__(self, terms: DialTerms) -> None:
        """Raises: SettingsError, which names the file and what is wrong with it."""
        self.terms = terms
        self._stamps = self._look()
        self.context, self._own = _load(terms)
        self._theirs: x509.Certificate | None = None

    def renew(self, *, is_asked: bool = False) -> bool:
        """Load the files again if they have changed or somebody `is_asked`; True when they were loaded.

        Connections that are open keep what they have.  Raises: SettingsError; then the old ones stay.
        """
        stamps = self._look()
        if stamps == self._stamps and not is_asked:
            return False
        self._stamps = stamps
        self.context, self._own = _load(self.terms)
        return True

    def saw(self, transport: asyncio.BaseTransport) -> None:
        """A handshake has succeeded: remember what the peer has shown."""
        ssl_object = transport.get_extra_info("ssl_object")
        octets = ssl_object.getpeercert(binary_form=True) if ssl_object is not None else None
        if octets:
            try:
                self._theirs = x509.load_der_x509_certificate(octets)
            except ValueError:
                # OpenSSL reads more than others do; when it ends is all that is lost.
                self._theirs = None

    def shown(self) -> Mapping[str, x509.Certificate]:
        """Ours and theirs, as far as there are any."""
        both = {"": self._own, THEIRS: self._theirs}
        return {suffix: each for suffix, each in both.items() if each is not None}

    def _look(self) -> list[Stamp | None]:
        return [stamp(path) for path in (self.terms.ca, self.terms.certificate, self.terms.key) if path]


def _load(terms: DialTerms) -> tuple[ssl.SSLContext, x509.Certificate | None]:
    """Raises: SettingsError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = VERSIONS[terms.min_version]
    if not terms.verifies:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif terms.ca is None:
        context.load_default_certs()
    else:
        load_authorities(context, f"{terms.name}.ca", terms.ca)
    if terms.certificate is None or terms.key is None:
        return context, None
    return context, load_pair(context, terms.name, terms.certificate, terms.key)


def why_lost(fault: Exception, server_name: str = "") -> str:
    """What ended a connection, in an administrator's words."""
    if isinstance(fault, ssl.SSLCertVerificationError):
        return _why_not_trusted(fault, server_name)
    if isinstance(fault, ssl.SSLError):
        reason = (fault.reason or str(fault)).upper().replace(" ", "_")
        known = next((words for part, words in _ALERTS.items() if part in reason), None)
        return f"TLS: {known or reason.lower().replace('_', ' ')}"
    return (fault.strerror if isinstance(fault, OSError) else None) or str(fault) or type(fault).__name__


def _why_not_trusted(fault: ssl.SSLCertVerificationError, server_name: str) -> str:
    if fault.verify_code == _EXPIRED:
        what = "its certificate has expired"
    elif fault.verify_code == _NOT_YET_VALID:
        what = "its certificate is not valid yet"
    elif fault.verify_code in _OTHER_NAME:
        what = f"its certificate is for another host than {server_name!r}; server_name says whom to expect"
    elif fault.verify_code in _UNTRUSTED:
        what = f"nobody whom we trust vouches for its certificate ({fault.verify_message}); ca names whom to trust"
    else:
        what = f"its certificate is not good: {fault.verify_message}"
    return f"TLS: {what}"
