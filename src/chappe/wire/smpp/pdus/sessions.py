"""The PDUs that open, keep and close a session.  SMPP 3.4 §4.1, §4.2, §4.3, §4.11."""

from chappe.wire.smpp.constants import VERSION_3_4, CommandId, Npi, Ton
from chappe.wire.smpp.declaration import pdu
from chappe.wire.smpp.fields import Tlvs, c_string, integer, tlv_stream


@pdu(command_id=CommandId.BIND_RECEIVER)
class BindReceiver:
    """Open a session in which the ESME only receives.  SMPP 3.4 §4.1.3."""

    system_id: str = c_string(max_octets=16)
    password: str = c_string(max_octets=9, secret=True)
    system_type: str = c_string(max_octets=13, default="")
    interface_version: int = integer(octets=1, default=VERSION_3_4)
    addr_ton: int = integer(octets=1, default=Ton.UNKNOWN)
    addr_npi: int = integer(octets=1, default=Npi.UNKNOWN)
    address_range: str = c_string(max_octets=41, default="")


@pdu(command_id=CommandId.BIND_RECEIVER_RESP)
class BindReceiverResp:
    """SMPP 3.4 §4.1.4."""

    system_id: str = c_string(max_octets=16, default="")
    tlvs: Tlvs = tlv_stream(default=())


@pdu(command_id=CommandId.BIND_TRANSMITTER)
class BindTransmitter:
    """Open a session in which the ESME only submits.  SMPP 3.4 §4.1.1."""

    system_id: str = c_string(max_octets=16)
    password: str = c_string(max_octets=9, secret=True)
    system_type: str = c_string(max_octets=13, default="")
    interface_version: int = integer(octets=1, default=VERSION_3_4)
    addr_ton: int = integer(octets=1, default=Ton.UNKNOWN)
    addr_npi: int = integer(octets=1, default=Npi.UNKNOWN)
    address_range: str = c_string(max_octets=41, default="")


@pdu(command_id=CommandId.BIND_TRANSMITTER_RESP)
class BindTransmitterResp:
    """SMPP 3.4 §4.1.2."""

    system_id: str = c_string(max_octets=16, default="")
    tlvs: Tlvs = tlv_stream(default=())


@pdu(command_id=CommandId.BIND_TRANSCEIVER)
class BindTransceiver:
    """Open one session for both directions.  SMPP 3.4 §4.1.5."""

    system_id: str = c_string(max_octets=16)
    password: str = c_string(max_octets=9, secret=True)
    system_type: str = c_string(max_octets=13, default="")
    interface_version: int = integer(octets=1, default=VERSION_3_4)
    addr_ton: int = integer(octets=1, default=Ton.UNKNOWN)
    addr_npi: int = integer(octets=1, default=Npi.UNKNOWN)
    address_range: str = c_string(max_octets=41, default="")


@pdu(command_id=CommandId.BIND_TRANSCEIVER_RESP)
class BindTransceiverResp:
    """SMPP 3.4 §4.1.6."""

    system_id: str = c_string(max_octets=16, default="")
    tlvs: Tlvs = tlv_stream(default=())


@pdu(command_id=CommandId.OUTBIND)
class Outbind:
    """The MC asks an ESME to bind; there is no response, only the bind.  SMPP 3.4 §4.1.7."""

    system_id: str = c_string(max_octets=16)
    password: str = c_string(max_octets=9, secret=True)


@pdu(command_id=CommandId.UNBIND)
class Unbind:
    """End the session.  SMPP 3.4 §4.2."""


@pdu(command_id=CommandId.UNBIND_RESP)
class UnbindResp:
    """SMPP 3.4 §4.2.2."""


@pdu(command_id=CommandId.ENQUIRE_LINK)
class EnquireLink:
    """Ask whether the peer is alive.  SMPP 3.4 §4.11."""


@pdu(command_id=CommandId.ENQUIRE_LINK_RESP)
class EnquireLinkResp:
    """SMPP 3.4 §4.11.2."""


@pdu(command_id=CommandId.GENERIC_NACK)
class GenericNack:
    """The answer to what has no response of its own; all it says is its status.  SMPP 3.4 §4.3."""
