"""Jasmin's words over HTTP: its ids, and what its calls carry.

This file must never know how a message came in, nor who is called.
"""

from datetime import UTC, datetime
from typing import Final

#: What a web server says when it has taken a call.
ACKNOWLEDGED: Final = b"ACK/Jasmin"


def uuid_of(message_id: int) -> str:
    """A message's id in the form of a UUID: its 16 last digits are the id, hexadecimal."""
    digits = f"{message_id:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def minute_of(unix_ms: int) -> str:
    """YYMMDDhhmm, UTC, as operators' receipts have it."""
    return f"{datetime.fromtimestamp(unix_ms / 1000, UTC):%y%m%d%H%M}"
