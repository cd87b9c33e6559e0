"""From octets to PDUs and back.  Framing is `framer`'s, what may be said when is `session`'s.

Every declared PDU is compiled here, once, at import.
"""

from typing import Final, cast

from chappe.wire.smpp import pdus
from chappe.wire.smpp.compiler import Decode, Encode, compile_decoder, compile_encoder
from chappe.wire.smpp.declaration import PDUS
from chappe.wire.smpp.errors import PduError
from chappe.wire.smpp.pdus import Pdu
from chappe.wire.smpp.statuses import CommandStatus

#: The compiled functions, for loops that look them up themselves.
DECODERS: Final[dict[int, Decode]] = {command_id: compile_decoder(declared) for command_id, declared in PDUS.items()}
ENCODERS: Final[dict[type, Encode]] = {declared.struct: compile_encoder(declared) for declared in PDUS.values()}

#: Under which command_id each PDU is declared.
COMMAND_ID_BY_STRUCT: Final[dict[type, int]] = {declared.struct: command_id for command_id, declared in PDUS.items()}


def encode(pdu: Pdu, sequence_number: int, command_status: int = 0) -> bytes:
    """The whole PDU with its header.

    Raises:
        FieldError: a field does not fit the wire; the text names it and its limit.
    """
    return ENCODERS[type(pdu)](pdu, sequence_number, command_status)


def decode(command_id: int, body: bytes) -> Pdu:
    """The PDU whose header said `command_id` and was followed by `body`.

    A response may lack its body (SMPP 3.4 §4.4.2) and then has empty fields; its broken TLVs are left out, since
    nobody can be told.  What follows the last field of a PDU without TLVs is skipped (SMPP 3.4 §3.3).

    Raises:
        PduError: the body cannot be read; its `status` is what the response should say.
    """
    decoder = DECODERS.get(command_id)
    if decoder is None:
        raise PduError(f"command_id {command_id:08X} is unknown", status=CommandStatus.ESME_RINVCMDID)
    return cast(Pdu, decoder(body))


def command_id_of(pdu: Pdu) -> int:
    """The command_id under which `pdu` is declared."""
    return COMMAND_ID_BY_STRUCT[type(pdu)]


__all__ = ["COMMAND_ID_BY_STRUCT", "DECODERS", "ENCODERS", "Pdu", "command_id_of", "decode", "encode", "pdus"]
