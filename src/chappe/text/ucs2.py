"""UCS2 as phones speak it: UTF-16, big endian.  3GPP TS 23.038 §6.2.3.

The specification knows no surrogate pairs, every phone does.  This file must never know how long a message may be.
"""

import re
from typing import Final

_LONE_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_REPLACEMENT: Final = "\ufffd"
_BIG_ENDIAN_MARK: Final = b"\xfe\xff"
_LITTLE_ENDIAN_MARK: Final = b"\xff\xfe"


def encode(text: str) -> bytes:
    """Return a text as UTF-16BE without a mark.  Never fails: half a surrogate pair becomes U+FFFD."""
    try:
        return text.encode("utf-16-be")
    except UnicodeEncodeError:
        return _LONE_SURROGATE.sub(_REPLACEMENT, text).encode("utf-16-be")


def decode(octets: bytes) -> str:
    """Return the text of UTF-16BE octets.  Never fails: half a pair, or an odd last octet, shows U+FFFD.

    A byte order mark is dropped, and obeyed where it says little endian: some handsets write one.
    """
    if octets[:2] == _LITTLE_ENDIAN_MARK:
        return octets[2:].decode("utf-16-le", "replace")
    return octets.removeprefix(_BIG_ENDIAN_MARK).decode("utf-16-be", "replace")


def units(text: str) -> int:
    """Return how many 16-bit units a text takes: 2 for a character outside the basic plane, such as an emoji."""
    return len(encode(text)) // 2
