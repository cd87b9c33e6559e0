"""Texts of alphabets that UCP does not have become GSM 7 bit, or UCS-2 where that lacks a character.

This file must never know who sends them, nor in which field they will stand.
"""

from typing import Final

from chappe.text import gsm7, ucs2, udh
from chappe.text.encoding import Encoding, decode_text, encoding_of
from chappe.wire.ucp.errors import FieldError
from chappe.wire.ucp.user_data import UserData

_UCS2: Final = 0x08
_PICTOGRAMS: Final = 0x09


def fitting(
    data: UserData, default: Encoding = Encoding.GSM7, *, most_septets: int = 160, most_octets: int = 140
) -> UserData:
    """User data in an alphabet of UCP's; `default` is what data_coding 0 means to whoever wrote it.

    What is converted has room for `most_septets` in GSM 7 bit and `most_octets` in UCS-2, its UDH included.

    Raises:
        FieldError: it fits neither.
    """
    encoding, coding = encoding_of(data.data_coding, default), data.data_coding
    if _has_scheme(coding, encoding):
        return data
    header, text = b"", data.octets
    if data.has_udh:
        _, text = udh.strip(data.octets)
        header = data.octets[: len(data.octets) - len(text)]
    said = decode_text(text, coding, default)
    if gsm7.fits(said) and len(septets := gsm7.encode(said)) <= most_septets - -(-len(header) * 8 // 7):
        return UserData(header + septets, 0, data.has_udh)
    written = ucs2.encode(said)
    if len(written) > most_octets - len(header):
        raise FieldError(
            f"data_coding {coding:#04x} has no counterpart in UCP, and its {len(said)} characters fit neither "
            f"GSM 7 bit nor {most_octets - len(header)} octets of UCS-2"
        )
    return UserData(header + written, _UCS2, data.has_udh)


def _has_scheme(coding: int, encoding: Encoding) -> bool:
    """UCP has this alphabet: GSM 7 bit, octets, UCS-2, or whatever a GSM data coding scheme names.

    What is no text (pictograms) has none, and is refused where it is written.
    """
    is_named = coding >= 0x10 or coding in (0x02, 0x04, 0x08, _PICTOGRAMS)
    return is_named or (coding == 0 and encoding is Encoding.GSM7)
