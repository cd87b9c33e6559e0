"""What user data says: header aside, in the alphabet and the tables that it names.  3GPP TS 23.040 §9.2.3.24.

This file must never know who sent it, nor what becomes of the text.
"""

from chappe.text import national, udh
from chappe.text.encoding import Encoding, decode_text, encoding_of
from chappe.text.national import DEFAULT


def read(octets: bytes, data_coding: int, *, has_udh: bool, default: Encoding = Encoding.GSM7) -> str:
    """Return the text of user data; empty where it is binary.  Never fails; what cannot be read shows U+FFFD.

    `default` is what data_coding 0 means to the peer.
    """
    encoding = encoding_of(data_coding, default)
    if encoding_of(data_coding) is Encoding.BINARY:
        return ""
    if not has_udh:
        return decode_text(octets, data_coding, default)
    header, text = udh.strip(octets)
    shift = national.shift_of(header)
    if encoding is Encoding.GSM7 and shift != DEFAULT:
        return national.decode(text, shift)
    return decode_text(text, data_coding, default)
