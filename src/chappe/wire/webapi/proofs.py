"""How whoever calls us proves that it is the operator: a word that only both know, or a signature made with one.

Every comparison takes the same time, whatever is wrong.  It must never know what the call says.
"""

import binascii
import hmac
from base64 import b64decode
from collections.abc import Mapping
from enum import Enum
from typing import Final

import msgspec

from chappe.wire.webapi.readers import Reader, Said, Source
from chappe.wire.webapi.template import Text, Values


class Proof(Enum):
    """What a call must bring."""

    #: The secret as a parameter of the URL that the operator was given.
    TOKEN = "token"
    #: Name and password, RFC 7617.
    BASIC = "basic"
    #: The secret as a bearer token, RFC 6750.
    BEARER = "bearer"
    #: A signature made with the secret.
    HMAC = "hmac"


#: The query parameter of a URL that carries the secret.
TOKEN: Final = "token"


class ProofRule(msgspec.Struct, frozen=True):
    """What is asked of a caller.  Without a secret nobody gets in."""

    proof: Proof
    secret: str
    username: str = ""
    #: Of a signature: where it is, how it is made, and over what.
    signature: Reader | None = None
    algorithm: str = "sha256"
    signed: Text | None = None


def is_proved(rule: ProofRule, said: Said, values: Values) -> bool:
    """Say whether a call comes from whom it should; `values` are what a signature may be made over."""
    if not rule.secret:
        return False
    if rule.proof is Proof.TOKEN:
        return _is_same(dict(said.pairs(Source.QUERY)).get(TOKEN, ""), rule.secret)
    scheme, _, credentials = said.headers.get("authorization", "").partition(" ")
    if rule.proof is Proof.BEARER:
        return scheme.lower() == "bearer" and _is_same(credentials.strip(), rule.secret)
    if rule.proof is Proof.BASIC:
        return scheme.lower() == "basic" and _is_same(_decoded(credentials), f"{rule.username}:{rule.secret}")
    if rule.signature is None or rule.signed is None:
        return False
    made = hmac.digest(rule.secret.encode(), rule.signed.write_octets(values), rule.algorithm)
    return hmac.compare_digest(_signature(said.read(rule.signature)), made)


def signed_values(said: Said, method: str, url: str) -> Mapping[str, str | bytes]:
    """What a signature may be made over: `fields` are those of a form by name, each name and value without a break."""
    fields = "".join(name + value for name, value in sorted(said.pairs(Source.FORM)))
    return {"method": method, "url": url, "body": said.body, "fields": fields}


def _is_same(shown: str, secret: str) -> bool:
    return hmac.compare_digest(shown.encode(), secret.encode())


def _decoded(credentials: str) -> str:
    try:
        return b64decode(credentials.strip(), validate=True).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return ""


def _signature(shown: str) -> bytes:
    """Octets of a signature in hexadecimal or base64, perhaps with `sha256=` before it."""
    shown = shown.rpartition("sha256=")[2].rpartition("sha1=")[2].strip()
    try:
        return bytes.fromhex(shown)
    except ValueError:
        pass
    try:
        return b64decode(shown, validate=True)
    except (binascii.Error, ValueError):
        return b""
