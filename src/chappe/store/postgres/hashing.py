"""The numbers that stand for references, and the octets in which a row of `refs` keeps parts and reports."""

import struct
from collections.abc import Iterable
from hashlib import blake2b
from zlib import crc32

from chappe.store.applying import Hit

_PART = struct.Struct(">qhq")
_REPORT = struct.Struct(">q")


class Hashing:
    """Hashes of one store: its key makes them unguessable to whoever chooses references."""

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        self._key = key

    def hash(self, operator: str, reference: str) -> int:
        """64 bits, signed.  Raises: UnicodeEncodeError for what is no text."""
        octets = f"{operator}\0{reference}".encode()
        return int.from_bytes(blake2b(octets, digest_size=8, key=self._key).digest(), "big", signed=True)


def pack_part(message_id: int, part: int, handset: int) -> bytes:
    """One part as a row keeps it."""
    return _PART.pack(message_id, part, handset)


def unpack_parts(octets: bytes) -> list[Hit]:
    """The parts of a row, each once."""
    if len(octets) == _PART.size:
        return [_PART.unpack(octets)]
    return list(dict.fromkeys(_PART.iter_unpack(octets)))


def pack_report(report_id: int) -> bytes:
    """One waiting report as a row keeps it."""
    return _REPORT.pack(report_id)


def unpack_reports(octets: bytes | None) -> list[int]:
    """The waiting reports of rows, each once."""
    return sorted({each for (each,) in _REPORT.iter_unpack(octets or b"")})


def gathered(pairs: Iterable[tuple[int, bytes]]) -> tuple[list[int], list[bytes]]:
    """Each hash once, in order, with all that belongs to it."""
    by_hash: dict[int, bytes] = {}
    for number, octets in pairs:
        by_hash[number] = by_hash.get(number, b"") + octets
    return sorted(by_hash), [by_hash[number] for number in sorted(by_hash)]


def ref_key(reference: str) -> int:
    """32 bits, signed, that stand for a reference in the indexes of history: whoever asks compares."""
    number = crc32(reference.encode("utf-8", "surrogatepass"))
    return number - (1 << 32) if number >= 1 << 31 else number
