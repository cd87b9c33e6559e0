"""Which client a certificate stands for: by its fingerprint, or by what its subject says.

It must never know how a certificate is read, nor whether it is to be trusted: who shows one here was verified.
"""

import re
from typing import Final

import msgspec

#: `sha256:` and 64 hexadecimal digits, colons between octets as openssl prints them or none.
FINGERPRINT_PATTERN: Final = r"sha256:[0-9A-Fa-f]{2}(?::?[0-9A-Fa-f]{2}){31}"
#: `CN=acme,O=Acme Ltd`; a comma within a value has a backslash before it.
SUBJECT_PATTERN: Final = r"[A-Za-z][A-Za-z0-9.]*=(?:[^,\\]|\\.)+(?:,[A-Za-z][A-Za-z0-9.]*=(?:[^,\\]|\\.)+)*"
PATTERN: Final = f"^(?:{FINGERPRINT_PATTERN}|{SUBJECT_PATTERN})$"

_PAIR: Final = re.compile(r"([A-Za-z][A-Za-z0-9.]*)=((?:[^,\\]|\\.)+)")
_ESCAPED: Final = re.compile(r"\\(.)")

#: Attribute and value, as in ("CN", "acme").
Pair = tuple[str, str]


class Shown(msgspec.Struct, frozen=True):
    """A certificate that a peer has shown and that a trusted authority vouches for."""

    #: SHA-256 of the whole certificate, lower-case hexadecimal.
    fingerprint: str
    subject: frozenset[Pair]


class CertificateRule(msgspec.Struct, frozen=True):
    """A certificate that may stand for a client: this very one, or any whose subject has all these pairs."""

    fingerprint: str = ""
    subject: frozenset[Pair] = frozenset()

    def fits(self, shown: Shown) -> bool:
        """Say whether this certificate is meant."""
        if self.fingerprint:
            return self.fingerprint == shown.fingerprint
        return self.subject <= shown.subject


def rule_of(text: str) -> CertificateRule:
    """Read a checked setting: a fingerprint or pairs of a subject."""
    if text.lower().startswith("sha256:"):
        return CertificateRule(fingerprint=text[7:].replace(":", "").lower())
    pairs = ((found[1].upper(), _ESCAPED.sub(r"\1", found[2]).strip()) for found in _PAIR.finditer(text))
    return CertificateRule(subject=frozenset(pairs))


def stands_for(rules: tuple[CertificateRule, ...], shown: Shown | None) -> bool:
    """Say whether a peer showed one of the certificates that may stand for a client."""
    return shown is not None and any(rule.fits(shown) for rule in rules)
