"""Which alphabet a text needs, and which one a data_coding names.  3GPP TS 23.038 §4, SMPP 3.4 §5.2.19.

SMPP's data_coding and the GSM data coding scheme agree on 0x00, 0x08 and from 0x10 on; below that SMPP has a list of
its own.  This file must never know how a text is cut into parts.
"""

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Final

from chappe.text import gsm7, ucs2


class Encoding(Enum):
    """How user data is to be read, as far as lengths and cutting go."""

    GSM7 = "gsm7"
    LATIN1 = "latin1"
    UCS2 = "ucs2"
    BINARY = "binary"


class DefaultAlphabet(Enum):
    """What a peer means by data_coding 0.  SMPP 3.4 §5.2.19 calls it the SMSC's default alphabet."""

    GSM7 = "gsm7"
    LATIN1 = "latin1"
    ASCII = "ascii"

    @property
    def encoding(self) -> Encoding:
        """How its octets are to be read."""
        return Encoding.GSM7 if self is DefaultAlphabet.GSM7 else Encoding.LATIN1

    def write(self, text: str) -> bytes:
        """Return the text in this alphabet, unpacked.  Raises: NotInAlphabet."""
        if self is DefaultAlphabet.GSM7:
            return gsm7.encode(text)
        return _encode_by_codec(text, "latin-1" if self is DefaultAlphabet.LATIN1 else "ascii")


_DATA_CODING_BY_ENCODING: Final[Mapping[Encoding, int]] = {
    Encoding.GSM7: 0x00,
    Encoding.LATIN1: 0x03,
    Encoding.BINARY: 0x04,
    Encoding.UCS2: 0x08,
}

#: SMPP 3.4 §5.2.19 where it differs from the GSM scheme.  ASCII reads as the Latin-1 that contains it; what has
#: neither 7-bit nor 16-bit characters counts as octets.
_SMPP_ENCODINGS: Final[Mapping[int, Encoding]] = {
    0x01: Encoding.LATIN1,
    0x02: Encoding.BINARY,
    0x03: Encoding.LATIN1,
    0x04: Encoding.BINARY,
    0x05: Encoding.BINARY,
    0x06: Encoding.BINARY,
    0x07: Encoding.BINARY,
    0x09: Encoding.BINARY,
    0x0A: Encoding.BINARY,
    0x0D: Encoding.BINARY,
    0x0E: Encoding.BINARY,
}

#: Python's names of those alphabets of SMPP that count as octets and still are text.
_CODEC_BY_DATA_CODING: Final[Mapping[int, str]] = {
    0x05: "shift_jis",
    0x06: "iso8859-5",
    0x07: "iso8859-8",
    0x0A: "iso2022_jp",
    0x0D: "euc_jp",
    0x0E: "euc_kr",
}

#: Bits 3-2 of the general groups; reserved is read as GSM7, as 3GPP TS 23.038 §4 asks of receivers.
_GENERAL_ENCODINGS: Final = (Encoding.GSM7, Encoding.BINARY, Encoding.UCS2, Encoding.GSM7)
_COMPRESSED: Final = 0x20


def choose(text: str) -> Encoding:
    """Return the encoding that takes the fewest parts: GSM7 if the text fits, else UCS2."""
    return Encoding.GSM7 if gsm7.fits(text) else Encoding.UCS2


def encode_text(text: str, encoding: Encoding) -> bytes:
    """Return a text as user data: GSM7 as unpacked septets, UCS2 as UTF-16BE.

    Raises:
        NotInAlphabet: GSM7 or LATIN1 cannot write a character.
        ValueError: the encoding is BINARY, which writes no text.
    """
    match encoding:
        case Encoding.GSM7:
            return gsm7.encode(text)
        case Encoding.UCS2:
            return ucs2.encode(text)
        case Encoding.LATIN1:
            return _encode_by_codec(text, "latin-1")
        case Encoding.BINARY:
            raise ValueError("binary user data is octets: it has no text")


def encode_default(text: str, alphabets: Sequence[DefaultAlphabet]) -> bytes:
    """Return the octets that are this text under data_coding 0 to peers of all these alphabets.

    Raises:
        NotInAlphabet: one of them cannot write a character, or two write it differently.
    """
    written = {alphabet.write(text) for alphabet in alphabets}
    if len(written) == 1:
        return written.pop()
    for index, character in enumerate(text):
        if len({alphabet.write(character) for alphabet in alphabets}) > 1:
            raise gsm7.NotInAlphabet(character, index)
    raise ValueError("no alphabet was given")


def decode_text(octets: bytes, data_coding: int, default: Encoding = Encoding.GSM7) -> str:
    """Return the text of user data without its UDH.  Never fails; what cannot be read shows U+FFFD.

    `default` is what data_coding 0 means to this peer.  Binary octets come as characters of the same number.
    """
    codec = _CODEC_BY_DATA_CODING.get(data_coding)
    if codec is not None:
        return octets.decode(codec, "replace")
    match encoding_of(data_coding, default):
        case Encoding.GSM7:
            return gsm7.decode(octets)
        case Encoding.UCS2:
            return ucs2.decode(octets)
        case Encoding.LATIN1 | Encoding.BINARY:
            return octets.decode("latin-1")


def data_coding_of(encoding: Encoding) -> int:
    """Return the data_coding that names an encoding, without a message class."""
    return _DATA_CODING_BY_ENCODING[encoding]


def encoding_of(data_coding: int, default: Encoding = Encoding.GSM7) -> Encoding:
    """Return the encoding that a data_coding names; `default` is what 0 means to this peer.

    Raises:
        IndexError: `data_coding` is not 0-255.
    """
    return _ENCODINGS[data_coding] if data_coding else default


def _encode_by_codec(text: str, codec: str) -> bytes:
    try:
        return text.encode(codec)
    except UnicodeEncodeError as error:
        raise gsm7.NotInAlphabet(text[error.start], error.start) from None


def _encoding_by_gsm(scheme: int) -> Encoding:
    """Read a GSM data coding scheme.  3GPP TS 23.038 §4."""
    if scheme < 0x80:  # general groups, from 0x40 on with automatic deletion
        return Encoding.BINARY if scheme & _COMPRESSED else _GENERAL_ENCODINGS[scheme >> 2 & 0b11]
    if scheme >= 0xF0:  # message class
        return Encoding.BINARY if scheme & 0b100 else Encoding.GSM7
    return Encoding.UCS2 if scheme >= 0xE0 else Encoding.GSM7  # message waiting; 0x80-0xBF are reserved


_ENCODINGS: Final = tuple(_SMPP_ENCODINGS.get(value) or _encoding_by_gsm(value) for value in range(256))
