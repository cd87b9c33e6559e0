"""What goes out to the peer: encoded, and without what the peer's version cannot read.

It must never know why something is said, nor in which state.
"""

from typing import Any

import msgspec

from chappe.model.errors import MisuseError
from chappe.wire.smpp.codec import DECODERS, encode
from chappe.wire.smpp.compiler import HEADER
from chappe.wire.smpp.constants import RESPONSE_BIT, VERSION_3_4, VERSION_5_0, CommandId
from chappe.wire.smpp.pdus import Pdu
from chappe.wire.smpp.tlvs import Tag, find


class Outbox:
    """Octets in the order in which they are to be written, until somebody takes them."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        #: Keeps what is encoded.
        self.add = self._pieces.append
        self.peer_version = VERSION_3_4
        #: Whether the peer's version knows TLVs.  SMPP 3.4 §3.4.
        self.may_carry_tlvs = True

    def take(self) -> bytes:
        """Everything since the last call."""
        pieces = self._pieces
        if not pieces:
            return b""
        octets = b"".join(pieces)
        pieces.clear()
        return octets

    def learn_version(self, interface_version: int) -> None:
        """The peer told its version; one that is higher than any we know counts as the highest we know."""
        self.peer_version = min(interface_version, VERSION_5_0)
        self.may_carry_tlvs = self.peer_version >= VERSION_3_4

    def put_pdu(self, pdu: Pdu, sequence_number: int) -> None:
        """Keep a PDU of the session itself."""
        self._pieces.append(encode(pdu, sequence_number))

    def put_status(self, command_id: int, sequence_number: int, command_status: int) -> None:
        """Answer a `command_id` with a status and no body: its own response, or generic_nack if it has none."""
        response_id = command_id | RESPONSE_BIT
        if response_id not in DECODERS:
            response_id = CommandId.GENERIC_NACK
        self._pieces.append(HEADER.pack(16, response_id, command_status, sequence_number))

    def without_tlvs(self, pdu: Any) -> Any:
        """What a peer that knows no TLVs can read of `pdu`.

        Raises:
            MisuseError: the peer cannot read message_payload, and without it the text would be lost.
        """
        if not getattr(pdu, "tlvs", None):
            return pdu
        if find(pdu.tlvs, Tag.MESSAGE_PAYLOAD) is not None:
            raise MisuseError(f"a peer of version 0x{self.peer_version:02X} cannot read message_payload")
        return msgspec.structs.replace(pdu, tlvs=())
