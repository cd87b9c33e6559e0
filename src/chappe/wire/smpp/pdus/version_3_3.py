"""The questions which SMPP 3.3 knows and SMPP 3.4 dropped; their numbers stay reserved.  SMPP 3.4 §5.1.2.1."""

from chappe.wire.smpp.constants import CommandId, DestFlag, Npi, Ton
from chappe.wire.smpp.declaration import composite, pdu
from chappe.wire.smpp.fields import c_string, composites, integer, octet_string, time_string
from chappe.wire.smpp.pdus.messages import DistributionList, SmeAddress


@pdu(command_id=CommandId.PARAM_RETRIEVE)
class ParamRetrieve:
    """What is the value of a parameter of the SMSC?"""

    param_name: str = c_string(max_octets=32, default="")


@pdu(command_id=CommandId.PARAM_RETRIEVE_RESP)
class ParamRetrieveResp:
    """The value of that parameter."""

    param_value: str = c_string(max_octets=101, default="")


@pdu(command_id=CommandId.QUERY_LAST_MSGS)
class QueryLastMsgs:
    """Which are the last messages from a source?"""

    source_addr_ton: int = integer(octets=1, default=Ton.UNKNOWN)
    source_addr_npi: int = integer(octets=1, default=Npi.UNKNOWN)
    source_addr: str = c_string(max_octets=21, default="")
    num_of_messages: int = integer(octets=1, default=0)


@composite
class LastMessage:
    """One of the last messages from a source; its id is hexadecimal."""

    message_id: str = c_string(max_octets=9)


@pdu(command_id=CommandId.QUERY_LAST_MSGS_RESP)
class QueryLastMsgsResp:
    """The last messages from that source."""

    messages: tuple[LastMessage, ...] = composites(
        count_field="num_of_messages", max_count=255, shapes={None: LastMessage}, default=()
    )


@pdu(command_id=CommandId.QUERY_MSG_DETAILS)
class QueryMsgDetails:
    """Tell everything about a message, and the first `sm_length` octets of its text."""

    message_id: str = c_string(max_octets=9, default="")
    source_addr_ton: int = integer(octets=1, default=Ton.UNKNOWN)
    source_addr_npi: int = integer(octets=1, default=Npi.UNKNOWN)
    source_addr: str = c_string(max_octets=21, default="")
    sm_length: int = integer(octets=1, default=0)


@pdu(command_id=CommandId.QUERY_MSG_DETAILS_RESP)
class QueryMsgDetailsResp:
    """Everything about that message."""

    service_type: str = c_string(max_octets=6, default="")
    source_addr_ton: int = integer(octets=1, default=Ton.UNKNOWN)
    source_addr_npi: int = integer(octets=1, default=Npi.UNKNOWN)
    source_addr: str = c_string(max_octets=21, default="")
    dest_address: tuple[SmeAddress | DistributionList, ...] = composites(
        count_field="number_of_dests",
        max_count=255,
        shapes={DestFlag.SME_ADDRESS: SmeAddress, DestFlag.DISTRIBUTION_LIST: DistributionList},
        default=(),
    )
    protocol_id: int = integer(octets=1, default=0)
    priority_flag: int = integer(octets=1, default=0)
    schedule_delivery_time: str = time_string(default="")
    validity_period: str = time_string(default="")
    registered_delivery_flag: int = integer(octets=1, default=0)
    data_coding: int = integer(octets=1, default=0)
    short_message: bytes = octet_string(length_field="sm_length", max_octets=255, default=b"")
    message_id: str = c_string(max_octets=9, default="")
    final_date: str = time_string(default="")
    message_state: int = integer(octets=1, default=0)
    error_code: int = integer(octets=1, default=0)
