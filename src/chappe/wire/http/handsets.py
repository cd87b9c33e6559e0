"""Numbers and messages of handsets, as JSON has them: callbacks and lists say the same.

It must never know who asks, nor what becomes of a message.
"""

from datetime import UTC, datetime
from typing import Final

from chappe.model.ids import made_at_ms
from chappe.model.message import Message
from chappe.text import udh
from chappe.text.encoding import Encoding, encoding_of
from chappe.text.reading import read
from chappe.wire.http.messages import InboundView

#: SMPP 3.4 §5.2.5: a number of a country.
_INTERNATIONAL: Final = 1
#: esm_class: user data begins with a header.  SMPP 3.4 §5.2.12.
_UDHI: Final = 0x40


def shown(ton: int, digits: str) -> str:
    """A number of a country as E.164 has it, anything else as it is."""
    return f"+{digits}" if ton == _INTERNATIONAL and digits.isdecimal() else digits


def inbound_of(message: Message, default: Encoding) -> InboundView:
    """A message from a handset; `default` is what data_coding 0 means to its operator."""
    octets, header, has_udh = message.octets, b"", bool(message.esm_class & _UDHI)
    is_binary = encoding_of(message.data_coding, default) is Encoding.BINARY
    text = None if is_binary else read(octets, message.data_coding, has_udh=has_udh, default=default)
    if has_udh:
        rest = udh.strip(octets)[1]
        header, octets = octets[: len(octets) - len(rest)], rest
    words = (text or "").split(None, 1)
    return InboundView(
        id=str(message.id),
        source=shown(message.source_ton, message.source),
        to=shown(message.dest_ton, message.dest),
        text=text,
        keyword=words[0].upper() if words else "",
        operator=message.operator,
        received_at=datetime.fromtimestamp(made_at_ms(message.id) / 1000, UTC),
        possible_duplicate=message.possible_duplicate,
        data_coding=message.data_coding,
        binary=octets.hex() if is_binary else None,
        udh=header.hex() or None,
    )
