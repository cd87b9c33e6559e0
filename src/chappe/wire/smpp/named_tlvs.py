"""TLVs of vendors, by names that an administrator gives them: values as text, octets as the TLV has them.

It must never know whose they are, nor what they mean.  Tags 0x1400 to 0x3FFF are the vendors'.  SMPP 3.4 §5.3.2.
"""

import re
from dataclasses import dataclass
from enum import Enum
from typing import Final

_DECIMAL: Final = re.compile(r"\s*[+-]?[0-9]{1,18}", re.ASCII)


class TlvType(Enum):
    """What the octets of a TLV are."""

    STRING = "string"
    C_STRING = "c_string"
    INTEGER = "integer"
    OCTETS = "octets"


@dataclass(frozen=True, slots=True)
class NamedTlv:
    """A TLV by its name: `size` is the octets of an integer."""

    tag: int
    type: TlvType
    size: int = 1

    def write(self, value: str) -> tuple[int, bytes]:
        """A value as the TLV has it.  Raises: ValueError."""
        match self.type:
            case TlvType.INTEGER:
                try:
                    return self.tag, int(value, 0).to_bytes(self.size, "big")
                except OverflowError:
                    raise ValueError(f"{value} does not fit into {self.size} octets") from None
            case TlvType.OCTETS:
                return self.tag, bytes.fromhex(value)
            case TlvType.C_STRING:
                return self.tag, value.encode("latin-1") + b"\0"
            case TlvType.STRING:
                return self.tag, value.encode("latin-1")

    def write_loosely(self, value: str) -> tuple[int, bytes]:
        """A value as Kannel takes it from a request: a character is an octet, whatever it says.

        An integer is the decimal number that the value begins with, 0 without one, and has its last octets.
        """
        if self.type is TlvType.INTEGER:
            found = _DECIMAL.match(value)
            number = int(found[0]) if found else 0
            return self.tag, (number % (1 << 8 * self.size)).to_bytes(self.size, "big")
        return self.tag, value.encode("latin-1", "replace") + (b"\0" if self.type is TlvType.C_STRING else b"")

    def read(self, octets: bytes) -> str:
        """What the octets of such a TLV say."""
        match self.type:
            case TlvType.INTEGER:
                return str(int.from_bytes(octets, "big"))
            case TlvType.OCTETS:
                return octets.hex()
            case TlvType.C_STRING | TlvType.STRING:
                return octets.removesuffix(b"\0").decode("latin-1")
