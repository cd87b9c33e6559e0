"""The PDUs that carry messages to many, to one, or from one.  SMPP 3.4 §4.4 to §4.7."""

from chappe.wire.smpp.constants import CommandId, DestFlag, Npi, Ton
from chappe.wire.smpp.declaration import composite, pdu
from chappe.wire.smpp.fields import Tlvs, c_string, composites, integer, octet_string, time_string, tlv_stream


@pdu(command_id=CommandId.SUBMIT_SM)
class SubmitSm:
    """The ESME hands a message in.  SMPP 3.4 §4.4.1."""

    service_type: str = c_string(max_octets=6, default="")
    source_addr_ton: int = integer(octets=1, default=Ton.UNKNOWN)
    source_addr_npi: int = integer(octets=1, default=Npi.UNKNOWN)
    source_addr: str = c_string(max_octets=21, default="")
    dest_addr_ton: int = integer(octets=1, default=Ton.UNKNOWN)
    dest_addr_npi: int = integer(octets=1, default=Npi.UNKNOWN)
    destination_addr: str = c_string(max_octets=21, default="")
    esm_class: int = integer(octets=1, default=0)
    protocol_id: int = integer(octets=1, default=0)
    priority_flag: int = integer(octets=1, default=0)
    schedule_delivery_time: str = time_string(default="")
    validity_period: str = time_string(default="")
    registered_delivery: int = integer(octets=1, default=0)
    replace_if_present_flag: int = integer(octets=1, default=0)
    data_coding: int = integer(octets=1, default=0)
    sm_default_msg_id: int = integer(octets=1, default=0)
    short_message: bytes = octet_string(length_field="sm_length", max_octets=255, default=b"")
    tlvs: Tlvs = tlv_stream(default=())


@pdu(command_id=CommandId.SUBMIT_SM_RESP)
class SubmitSmResp:
    """SMPP 3.4 §4.4.2."""

    message_id: str = c_string(max_octets=65, default="")
    tlvs: Tlvs = tlv_stream(default=())


@pdu(command_id=CommandId.DELIVER_SM)
class DeliverSm:
    """The MC hands over a message or a receipt.  SMPP 3.4 §4.6.1."""

    service_type: str = c_string(max_octets=6, default="")
    source_addr_ton: int = integer(octets=1, default=Ton.UNKNOWN)
    source_addr_npi: int = integer(octets=1, default=Npi.UNKNOWN)
    source_addr: str = c_string(max_octets=21, default="")
    dest_addr_ton: int = integer(octets=1, default=Ton.UNKNOWN)
    dest_addr_npi: int = integer(octets=1, default=Npi.UNKNOWN)
    destination_addr: str = c_string(max_octets=21, default="")
    esm_class: int = integer(octets=1, default=0)
    protocol_id: int = integer(octets=1, default=0)
    priority_flag: int = integer(octets=1, default=0)
    schedule_delivery_time: str = time_string(default="")
    validity_period: str = time_string(default="")
    registered_delivery: int = integer(octets=1, default=0)
    replace_if_present_flag: int = integer(octets=1, default=0)
    data_coding: int = integer(octets=1, default=0)
    sm_default_msg_id: int = integer(octets=1, default=0)
    short_message: bytes = octet_string(length_field="sm_length", max_octets=255, default=b"")
    tlvs: Tlvs = tlv_stream(default=())


@pdu(command_id=CommandId.DELIVER_SM_RESP)
class DeliverSmResp:
    """SMPP 3.4 §4.6.2; its message_id is unused."""

    message_id: str = c_string(max_octets=65, default="")
    tlvs: Tlvs = tlv_stream(default=())


@composite
class SmeAddress:
    """One handset among the destinations of submit_multi.  SMPP 3.4 §4.5.1.1."""

    dest_addr_ton: int = integer(octets=1)
    dest_addr_npi: int = integer(octets=1)
    destination_addr: str = c_string(max_octets=21)


@composite
class DistributionList:
    """A list which the MC keeps, among the destinations of submit_multi.  SMPP 3.4 §4.5.1.2."""

    dl_name: str = c_string(max_octets=21)


@pdu(command_id=CommandId.SUBMIT_MULTI)
class SubmitMulti:
    """The ESME hands in one message for many.  SMPP 3.4 §4.5.1; 255 destinations are of SMPP 5.0 §4.2.3."""

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
    esm_class: int = integer(octets=1, default=0)
    protocol_id: int = integer(octets=1, default=0)
    priority_flag: int = integer(octets=1, default=0)
    schedule_delivery_time: str = time_string(default="")
    validity_period: str = time_string(default="")
    registered_delivery: int = integer(octets=1, default=0)
    replace_if_present_flag: int = integer(octets=1, default=0)
    data_coding: int = integer(octets=1, default=0)
    sm_default_msg_id: int = integer(octets=1, default=0)
    short_message: bytes = octet_string(length_field="sm_length", max_octets=255, default=b"")
    tlvs: Tlvs = tlv_stream(default=())


@composite
class UnsuccessSme:
    """One destination which submit_multi did not reach, and why.  SMPP 3.4 §4.5.2.1."""

    dest_addr_ton: int = integer(octets=1)
    dest_addr_npi: int = integer(octets=1)
    destination_addr: str = c_string(max_octets=21)
    error_status_code: int = integer(octets=4)


@pdu(command_id=CommandId.SUBMIT_MULTI_RESP)
class SubmitMultiResp:
    """SMPP 3.4 §4.5.2."""

    message_id: str = c_string(max_octets=65, default="")
    unsuccess_sme: tuple[UnsuccessSme, ...] = composites(
        count_field="no_unsuccess", max_count=255, shapes={None: UnsuccessSme}, default=()
    )
    tlvs: Tlvs = tlv_stream(default=())


@pdu(command_id=CommandId.DATA_SM)
class DataSm:
    """A message in either direction, with its text in the TLV message_payload.  SMPP 3.4 §4.7.1."""

    service_type: str = c_string(max_octets=6, default="")
    source_addr_ton: int = integer(octets=1, default=Ton.UNKNOWN)
    source_addr_npi: int = integer(octets=1, default=Npi.UNKNOWN)
    source_addr: str = c_string(max_octets=65, default="")
    dest_addr_ton: int = integer(octets=1, default=Ton.UNKNOWN)
    dest_addr_npi: int = integer(octets=1, default=Npi.UNKNOWN)
    destination_addr: str = c_string(max_octets=65, default="")
    esm_class: int = integer(octets=1, default=0)
    registered_delivery: int = integer(octets=1, default=0)
    data_coding: int = integer(octets=1, default=0)
    tlvs: Tlvs = tlv_stream(default=())


@pdu(command_id=CommandId.DATA_SM_RESP)
class DataSmResp:
    """SMPP 3.4 §4.7.2."""

    message_id: str = c_string(max_octets=65, default="")
    tlvs: Tlvs = tlv_stream(default=())
