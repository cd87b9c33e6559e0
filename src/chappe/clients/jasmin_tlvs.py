"""`custom_tlvs` of Jasmin's `/send`: parameters of an operator's own, which travel with the message as they are.

It must never know what a parameter means.
"""

import json
from typing import Final

from chappe.clients.jasmin_answers import Refused

Tlv = tuple[int, bytes]

#: Those that belong to vendors; SMPP 3.4 §5.3.  All others say what a message is, and are made by the gateway.
_VENDORS: Final = range(0x1400, 0x4000)
_INTEGERS: Final = {"Int1": 1, "Int2": 2, "Int4": 4}
MAX_TLVS: Final = 32
MAX_OCTETS: Final = 1_024


def tlvs_of(given: bytes) -> tuple[Tlv, ...]:
    """Read `[[tag, length or null, type, value], …]`.  Raises: Refused."""
    if not given.strip():
        return ()
    try:
        found = json.loads(given)
    except (ValueError, RecursionError):
        raise _refused("it is not JSON") from None
    if not isinstance(found, list) or len(found) > MAX_TLVS:
        raise _refused(f"expected a list of at most {MAX_TLVS}")
    tlvs = tuple(_tlv(each) for each in found)
    if sum(len(value) for _, value in tlvs) > MAX_OCTETS:
        raise _refused(f"together they have at most {MAX_OCTETS} octets")
    return tlvs


def _tlv(given: object) -> Tlv:
    if not isinstance(given, list) or len(given) != 4:
        raise _refused("each is [tag, length or null, type, value]")
    tag, length, kind, value = given
    if not isinstance(tag, int) or tag not in _VENDORS:
        raise _refused(f"a tag is a number from {_VENDORS.start} (0x1400) to {_VENDORS.stop - 1} (0x3FFF)")
    octets = _octets(kind, value)
    if length is not None and length != len(octets):
        raise _refused(f"{tag} has {len(octets)} octets, and not {length}")
    return tag, octets


def _octets(kind: object, value: object) -> bytes:
    size = _INTEGERS.get(kind) if isinstance(kind, str) else None
    if size is not None:
        return _integer(value).to_bytes(size, "big") if _integer(value) < 1 << 8 * size else _too_great(kind)
    if kind not in ("OctetString", "COctetString"):
        raise _refused(f"a type is one of {', '.join(_INTEGERS)}, OctetString, COctetString")
    if not isinstance(value, str):
        raise _refused(f"the value of {kind} is a string")
    octets = value.encode("utf-8", "replace")
    return octets + b"\0" if kind == "COctetString" else octets


def _integer(value: object) -> int:
    try:
        number = int(value, 0) if isinstance(value, str) and len(value) <= 12 else value
    except ValueError:
        number = None
    if isinstance(number, bool) or not isinstance(number, int) or number < 0:
        raise _refused("the value of an integer is a number, or one in a string as in 0x04D2")
    return number


def _too_great(kind: object) -> bytes:
    raise _refused(f"the value is too great for {kind}")


def _refused(why: str) -> Refused:
    return Refused(400, f"Argument [custom_tlvs] has an invalid value: {why}.")
