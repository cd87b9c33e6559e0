"""The PDUs that ask about a message which was submitted, or change it.  SMPP 3.4 §4.8 to §4.10, §4.12."""

from chappe.wire.smpp.constants import CommandId, Npi, Ton
from chappe.wire.smpp.declaration import pdu
from chappe.wire.smpp.fields import Tlvs, c_string, integer, octet_string, time_string, tlv_stream


@pdu(command_id=CommandId.QUERY_SM)
class QuerySm:
    """What became of a message?  `source_addr` is that of its submit_sm.  SMPP 3.4 §4.8.1."""

    message_id: str = c_string(max_octets=65, default="")
    source_addr_ton: int = integer(octets=1, default=Ton.UNKNOWN)
    source_addr_npi: int = integer(octets=1, default=Npi.UNKNOWN)
    source_addr: str = c_string(max_octets=21, default="")
    tlvs: Tlvs = tlv_stream(default=())


@pdu(command_id=CommandId.QUERY_SM_RESP)
class QuerySmResp:
    """`final_date` is empty while `message_state` is not final.  SMPP 3.4 §4.8.2."""

    message_id: str = c_string(max_octets=65, default="")
    final_date: str = time_string(default="")
    message_state: int = integer(octets=1, default=0)
    error_code: int = integer(octets=1, default=0)
    tlvs: Tlvs = tlv_stream(default=())


@pdu(command_id=CommandId.CANCEL_SM)
class CancelSm:
    """Cancel a message, or with an empty `message_id` all that match the rest.  SMPP 3.4 §4.9.1."""

    service_type: str = c_string(max_octets=6, default="")
    message_id: str = c_string(max_octets=65, default="")
    source_addr_ton: int = integer(octets=1, default=Ton.UNKNOWN)
    source_addr_npi: int = integer(octets=1, default=Npi.UNKNOWN)
    source_addr: str = c_string(max_octets=21, default="")
    dest_addr_ton: int = integer(octets=1, default=Ton.UNKNOWN)
    dest_addr_npi: int = integer(octets=1, default=Npi.UNKNOWN)
    destination_addr: str = c_string(max_octets=21, default="")
    tlvs: Tlvs = tlv_stream(default=())


@pdu(command_id=CommandId.CANCEL_SM_RESP)
class CancelSmResp:
    """SMPP 3.4 §4.9.2."""

    tlvs: Tlvs = tlv_stream(default=())


@pdu(command_id=CommandId.REPLACE_SM)
class ReplaceSm:
    """Change a message that is still waiting; its data_coding stays.  SMPP 3.4 §4.10.1."""

    message_id: str = c_string(max_octets=65, default="")
    source_addr_ton: int = integer(octets=1, default=Ton.UNKNOWN)
    source_addr_npi: int = integer(octets=1, default=Npi.UNKNOWN)
    source_addr: str = c_string(max_octets=21, default="")
    schedule_delivery_time: str = time_string(default="")
    validity_period: str = time_string(default="")
    registered_delivery: int = integer(octets=1, default=0)
    sm_default_msg_id: int = integer(octets=1, default=0)
    short_message: bytes = octet_string(length_field="sm_length", max_octets=255, default=b"")
    tlvs: Tlvs = tlv_stream(default=())


@pdu(command_id=CommandId.REPLACE_SM_RESP)
class ReplaceSmResp:
    """SMPP 3.4 §4.10.2."""

    tlvs: Tlvs = tlv_stream(default=())


@pdu(command_id=CommandId.ALERT_NOTIFICATION)
class AlertNotification:
    """A handset can be reached again; there is no response.  SMPP 3.4 §4.12.1."""

    source_addr_ton: int = integer(octets=1, default=Ton.UNKNOWN)
    source_addr_npi: int = integer(octets=1, default=Npi.UNKNOWN)
    source_addr: str = c_string(max_octets=65, default="")
    esme_addr_ton: int = integer(octets=1, default=Ton.UNKNOWN)
    esme_addr_npi: int = integer(octets=1, default=Npi.UNKNOWN)
    esme_addr: str = c_string(max_octets=65, default="")
    tlvs: Tlvs = tlv_stream(default=())
