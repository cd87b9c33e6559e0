"""The GSM default alphabet and its extension: characters to septets, septets to packed octets.  3GPP TS 23.038 §6.

SMPP and UCP carry septets unpacked, one an octet; the radio, and UCP's alphanumeric sender, packed.  This file must
never know which protocol carries them, nor how long a message may be.
"""

import re
from codecs import charmap_decode, charmap_encode
from collections.abc import Mapping
from typing import Final

ESCAPE: Final = 0x1B

#: 3GPP TS 23.038 §6.2.1, by code.  0x1B stands for the escape to the extension table.
BASIC: Final = (
    "@£$¥èéùìòÇ\nØø\rÅå"
    "Δ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ"
    " !\"#¤%&'()*+,-./"
    "0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNO"
    "PQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmno"
    "pqrstuvwxyzäöñüà"
)

#: 3GPP TS 23.038 §6.2.1.1, by the code behind the escape.
EXTENSION: Final[Mapping[int, str]] = {
    0x0A: "\f",
    0x14: "^",
    0x28: "{",
    0x29: "}",
    0x2F: "\\",
    0x3C: "[",
    0x3D: "~",
    0x3E: "]",
    0x40: "|",
    0x65: "€",
}

_SEPTETS_BY_CODE_POINT: Final[Mapping[int, bytes]] = {
    ord(character): bytes([code]) for code, character in enumerate(BASIC) if code != ESCAPE
} | {ord(character): bytes([ESCAPE, code]) for code, character in EXTENSION.items()}

#: Marks in the table below what is not one septet: extended, or not in the alphabet at all.
_NOT_ONE_SEPTET: Final = 0xFF

#: From Latin-1 to septets.  Most texts are plain Latin-1, and translating octets is ten times as fast as characters.
_FROM_LATIN_1: Final = bytes(
    code[0] if len(code := _SEPTETS_BY_CODE_POINT.get(octet, b"")) == 1 else _NOT_ONE_SEPTET for octet in range(256)
)
_FITTING_LATIN_1: Final = bytes(code_point for code_point in _SEPTETS_BY_CODE_POINT if code_point < 256)
_MISFIT: Final = re.compile(f"[^{re.escape(''.join(map(chr, _SEPTETS_BY_CODE_POINT)))}]")

#: What an octet shows; those above 0x7F are no septets.
_SHOWN: Final = BASIC + "\ufffd" * 128
_ESCAPED: Final = re.compile("\x1b(.?)", re.DOTALL)

#: What a character of the basic table shows behind an escape.  1B 1B is reserved: a space; so is a lone 1B at the end.
_SHOWN_ESCAPED: Final[Mapping[str, str]] = {BASIC[code]: character for code, character in EXTENSION.items()} | {
    "\x1b": " ",
    "": " ",
}


class NotInAlphabet(ValueError):
    """A text holds a `character`, at `index`, that the alphabet cannot write."""

    def __init__(self, character: str, index: int) -> None:
        super().__init__(f"U+{ord(character):04X} at index {index} is not in the alphabet")
        self.character = character
        self.index = index


def encode(text: str) -> bytes:
    """Return the septets of `text`, one an octet; extended characters take two.

    Raises:
        NotInAlphabet: a character is in neither table.
    """
    try:
        septets = text.encode("latin-1").translate(_FROM_LATIN_1)
    except UnicodeEncodeError:  # Greek capitals and the euro sign lie outside Latin-1
        return _encode_by_character(text)
    return _encode_by_character(text) if _NOT_ONE_SEPTET in septets else septets


def decode(octets: bytes) -> str:
    """Return the text of unpacked septets.  Never fails.

    Behind an escape an unknown code shows its character of the basic table, a second escape or nothing shows a
    space (§6.2.1.1); an octet above 0x7F shows U+FFFD.
    """
    text: str = charmap_decode(octets, "strict", _SHOWN)[0]
    if ESCAPE in octets:
        text = _ESCAPED.sub(lambda match: _SHOWN_ESCAPED.get(match[1], match[1]), text)
    return text


def fits(text: str) -> bool:
    """Say whether the alphabet can write the whole text."""
    try:
        return not text.encode("latin-1").translate(None, _FITTING_LATIN_1)
    except UnicodeEncodeError:
        return _MISFIT.search(text) is None


def first_misfit(text: str) -> str | None:
    """Return the first character that the alphabet cannot write, if any: what forces a text into UCS2."""
    match = _MISFIT.search(text)
    return match[0] if match else None


def septets(text: str) -> int:
    """Return how many septets a text takes.

    Raises:
        NotInAlphabet: a character is in neither table.
    """
    return len(encode(text))


def pack(octets: bytes, fill_bits: int = 0) -> bytes:
    """Pack unpacked septets, the first in the lowest bits, behind 0-6 zero bits.  §6.1.2.1.

    Meant for the user data of one message: the time grows with the square of its length.

    Raises:
        ValueError: an octet is above 0x7F.
    """
    if max(octets, default=0) > 0x7F:
        raise ValueError("cannot pack an octet above 0x7F: it is no septet")
    bits = 0
    for septet in reversed(octets):
        bits = bits << 7 | septet
    return (bits << fill_bits).to_bytes((len(octets) * 7 + fill_bits + 7) // 8, "little")


def unpack(octets: bytes, count: int | None = None, fill_bits: int = 0) -> bytes:
    """Unpack septets, one an octet, from behind 0-6 bits that are skipped.  §6.1.2.1.  Never fails.

    `count` is how many septets there are; only it tells a last `@` from seven spare bits.  Without it, or where the
    octets do not hold so many, all that they hold are returned.
    """
    held = max(0, (len(octets) * 8 - fill_bits) // 7)
    bits = int.from_bytes(octets, "little") >> fill_bits
    wanted = held if count is None else min(count, held)
    return bytes(bits >> 7 * at & 0x7F for at in range(wanted))


def fill_bits_after(header_octets: int) -> int:
    """Return how many zero bits lead from a UDH, its length octet included, to a septet boundary.

    3GPP TS 23.040 §9.2.3.24.
    """
    return -8 * header_octets % 7


def _encode_by_character(text: str) -> bytes:
    """Encode any text: slower, but it knows the extension and names a misfit."""
    try:
        return charmap_encode(text, "strict", _SEPTETS_BY_CODE_POINT)[0]
    except UnicodeEncodeError as error:
        raise NotInAlphabet(text[error.start], error.start) from None
