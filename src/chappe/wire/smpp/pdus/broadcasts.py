"""Cell broadcast, which is of SMPP 5.0 alone.  SMPP 5.0 §4.4, §4.6."""

from chappe.wire.smpp.constants import CommandId, Npi, Ton
from chappe.wire.smpp.declaration import pdu
from chappe.wire.smpp.fields import Tlvs, c_string, integer, time_string, tlv_stream


@pdu(command_id=CommandId.BROADCAST_SM)
class BroadcastSm:
    """Send a message to an area; where, what and how often stand in its TLVs.  SMPP 5.0 §4.4.1.1."""

    service_type: str = c_string(max_octets=6, default="")
    source_addr_ton: int = integer(octets=1, default=Ton.UNKNOWN)
    source_addr_npi: int = integer(octets=1, default=Npi.UNKNOWN)
    source_addr: str = c_string(max_octets=21, default="")
    message_id: str = c_string(max_octets=65, default="")
    priority_flag: int = integer(octets=1, default=0)
    schedule_delivery_time: str = time_string(default="")
    validity_period: str = time_string(default="")
    replace_if_present_flag: int = integer(octets=1, default=0)
    data_coding: int = integer(octets=1, default=0)
    sm_default_msg_id: int = integer(octets=1, default=0)
    tlvs: Tlvs = tlv_stream(default=())


@pdu(command_id=CommandId.BROADCAST_SM_RESP)
class BroadcastSmResp:
    """SMPP 5.0 §4.4.1.2."""

    message_id: str = c_string(max_octets=65, default="")
    tlvs: Tlvs = tlv_stream(default=())


@pdu(command_id=CommandId.QUERY_BROADCAST_SM)
class QueryBroadcastSm:
    """What became of a broadcast?  SMPP 5.0 §4.6.1.1."""

    message_id: str = c_string(max_octets=65, default="")
    source_addr_ton: int = integer(octets=1, default=Ton.UNKNOWN)
    source_addr_npi: int = integer(octets=1, default=Npi.UNKNOWN)
    source_addr: str = c_string(max_octets=21, default="")
    tlvs: Tlvs = tlv_stream(default=())


@pdu(command_id=CommandId.QUERY_BROADCAST_SM_RESP)
class QueryBroadcastSmResp:
    """State and success by area stand in its TLVs.  SMPP 5.0 §4.6.1.3."""

    message_id: str = c_string(max_octets=65, default="")
    tlvs: Tlvs = tlv_stream(default=())


@pdu(command_id=CommandId.CANCEL_BROADCAST_SM)
class CancelBroadcastSm:
    """Cancel a broadcast.  SMPP 5.0 §4.6.2.1."""

    service_type: str = c_string(max_octets=6, default="")
    message_id: str = c_string(max_octets=65, default="")
    source_addr_ton: int = integer(octets=1, default=Ton.UNKNOWN)
    source_addr_npi: int = integer(octets=1, default=Npi.UNKNOWN)
    source_addr: str = c_string(max_octets=21, default="")
    tlvs: Tlvs = tlv_stream(default=())


@pdu(command_id=CommandId.CANCEL_BROADCAST_SM_RESP)
class CancelBroadcastSmResp:
    """SMPP 5.0 §4.6.2.3."""

    tlvs: Tlvs = tlv_stream(default=())
