"""Signatures of callbacks, as Standard Webhooks 1.0 has them.

It must never know what a callback tells.
"""

import base64
import binascii
import hmac
from collections.abc import Sequence
from typing import Final

_PREFIX: Final = "whsec_"


def read_secret(text: str) -> bytes:
    """The key in a secret: `whsec_` and base64; the prefix may be missing.  Raises: ValueError."""
    try:
        key = base64.b64decode(text.removeprefix(_PREFIX), validate=True)
    except binascii.Error as error:
        raise ValueError("expected whsec_ and base64") from error
    if not key:
        raise ValueError("expected whsec_ and base64")
    return key


def sign(keys: Sequence[bytes], webhook_id: str, unix_s: int, body: bytes) -> str:
    """The value of `webhook-signature`: one signature for each key, so that a receiver may still know an older one."""
    signed = b"%s.%d.%s" % (webhook_id.encode(), unix_s, body)
    return " ".join([f"v1,{base64.b64encode(hmac.digest(key, signed, 'sha256')).decode()}" for key in keys])
