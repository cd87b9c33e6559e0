import pytest

from chappe.wire.smpp.constants import VERSION_3_4, VERSION_5_0
from chappe.wire.smpp.tlvs import (
    LIMITS,
    TLVS,
    Kind,
    Tag,
    c_string_of,
    c_string_tlv,
    find,
    integer_of,
    integer_tlv,
    without,
)

TLVS_OF_A_RECEIPT = ((0x001E, b"4F2A\0"), (0x0427, b"\x02"), (0x0423, b"\x03\x00\x1b"), (0x0427, b"\x05"))


def test_every_tag_is_declared_once() -> None:
    assert set(TLVS) == {int(tag) for tag in Tag}
    assert all(TLVS[tag].tag == tag for tag in TLVS)


def test_a_tlv_bears_the_name_of_the_specification() -> None:
    assert TLVS[0x0424].name == "message_payload"
    assert TLVS[0x001E].name == "receipted_message_id"


#: The table of SMPP 3.4 §5.3.2 and SMPP 5.0 §4.8: tag, name, octets of the value.
TABLE = """
0005 dest_addr_subunit 1            0201 privacy_indicator 1             0427 message_state 1
0006 dest_network_type 1            0202 source_subaddress 2-23          0428 congestion_state 1
0007 dest_bearer_type 1             0203 dest_subaddress 2-23            0501 ussd_service_op 1
0008 dest_telematics_id 2           0204 user_message_reference 2        0600 broadcast_channel_indicator 1
000D source_addr_subunit 1          0205 user_response_code 1            0601 broadcast_content_type 3
000E source_network_type 1          020A source_port 2                   0602 broadcast_content_type_info 1-255
000F source_bearer_type 1           020B destination_port 2              0603 broadcast_message_class 1
0010 source_telematics_id 1         020C sar_msg_ref_num 2               0604 broadcast_rep_num 2
0017 qos_time_to_live 4             020D language_indicator 1            0605 broadcast_frequency_interval 3
0019 payload_type 1                 020E sar_total_segments 1            0606 broadcast_area_identifier 1-65535
001D additional_status_info_text 1-256  020F sar_segment_seqnum 1        0607 broadcast_error_status 4
001E receipted_message_id 1-65      0210 sc_interface_version 1          0608 broadcast_area_success 1
0030 ms_msg_wait_facilities 1       0302 callback_num_pres_ind 1         0609 broadcast_end_time 1-17
0303 callback_num_atag 1-65         0304 number_of_messages 1            060A broadcast_service_group 1-255
0381 callback_num 4-19              0420 dpf_result 1                    060B billing_identification 1-1024
0421 set_dpf 1                      0422 ms_availability_status 1        060D source_network_id 7-65
0423 network_error_code 3           0424 message_payload 0-65535         060E dest_network_id 7-65
0425 delivery_failure_reason 1      0426 more_messages_to_send 1         060F source_node_id 6
0610 dest_node_id 6                 0611 dest_addr_np_resolution 1       0612 dest_addr_np_information 10
0613 dest_addr_np_country 1-5       1201 display_time 1                  1203 sms_signal 2
1204 ms_validity 1-4                130C alert_on_message_delivery 0-1   1380 its_reply_type 1
1383 its_session_info 2
"""


def test_tags_names_and_lengths_are_those_of_the_table() -> None:
    words = TABLE.split()
    table = {(int(tag, 16), name, octets) for tag, name, octets in zip(*[iter(words)] * 3, strict=True)}

    declared = {
        (tag, tlv.name, "-".join(str(octets) for octets in sorted({tlv.min_octets, tlv.max_octets})))
        for tag, tlv in TLVS.items()
    }

    assert declared == table


def test_text_is_text_and_numbers_are_numbers() -> None:
    texts = {tlv.name for tlv in TLVS.values() if tlv.kind is Kind.C_OCTET}

    assert texts == {
        "additional_status_info_text",
        "receipted_message_id",
        "broadcast_end_time",
        "source_network_id",
        "dest_network_id",
    }
    assert TLVS[Tag.USER_MESSAGE_REFERENCE].kind is Kind.INTEGER
    assert TLVS[Tag.NETWORK_ERROR_CODE].kind is Kind.OCTETS


def test_a_c_octet_string_may_lack_its_nul() -> None:
    assert LIMITS[Tag.RECEIPTED_MESSAGE_ID] == (0, 65)
    assert LIMITS[Tag.SOURCE_NETWORK_ID] == (6, 65)
    assert LIMITS[Tag.MESSAGE_STATE] == (1, 1)


def test_only_callback_numbers_and_broadcast_areas_repeat() -> None:
    repeating = {tlv.name for tlv in TLVS.values() if tlv.may_repeat}

    assert repeating == {
        "callback_num",
        "callback_num_atag",
        "callback_num_pres_ind",
        "broadcast_area_identifier",
        "broadcast_error_status",
    }


def test_what_came_with_version_five_says_so() -> None:
    assert TLVS[Tag.CONGESTION_STATE].since_version == VERSION_5_0
    assert TLVS[Tag.BROADCAST_REP_NUM].since_version == VERSION_5_0
    assert TLVS[Tag.MESSAGE_PAYLOAD].since_version == VERSION_3_4


def test_the_first_of_several_is_found() -> None:
    assert find(TLVS_OF_A_RECEIPT, Tag.MESSAGE_STATE) == b"\x02"
    assert find(TLVS_OF_A_RECEIPT, Tag.MESSAGE_PAYLOAD) is None
    assert find(((0x0424, b""),), Tag.MESSAGE_PAYLOAD) == b""


def test_integers_are_unsigned_and_big_endian() -> None:
    assert integer_of(TLVS_OF_A_RECEIPT, Tag.MESSAGE_STATE) == 2
    assert integer_of(((0x0204, b"\xff\xfe"),), Tag.USER_MESSAGE_REFERENCE) == 0xFFFE
    assert integer_of(TLVS_OF_A_RECEIPT, Tag.USER_MESSAGE_REFERENCE) is None
    assert integer_tlv(Tag.USER_MESSAGE_REFERENCE, 258) == (0x0204, b"\x01\x02")


def test_an_integer_too_large_for_its_tlv_is_an_error() -> None:
    with pytest.raises(OverflowError):
        integer_tlv(Tag.MESSAGE_STATE, 256)


def test_text_loses_one_nul_at_most() -> None:
    assert c_string_of(TLVS_OF_A_RECEIPT, Tag.RECEIPTED_MESSAGE_ID) == "4F2A"
    assert c_string_of(((0x001E, b"4F2A"),), Tag.RECEIPTED_MESSAGE_ID) == "4F2A"
    assert c_string_of(((0x001E, b"4F\0\0"),), Tag.RECEIPTED_MESSAGE_ID) == "4F\0"
    assert c_string_of(TLVS_OF_A_RECEIPT, Tag.ADDITIONAL_STATUS_INFO_TEXT) is None
    assert c_string_tlv(Tag.RECEIPTED_MESSAGE_ID, "4F2A") == TLVS_OF_A_RECEIPT[0]


def test_unwanted_tlvs_are_left_out_and_the_rest_keeps_its_order() -> None:
    assert without(TLVS_OF_A_RECEIPT, [Tag.MESSAGE_STATE, Tag.SOURCE_PORT]) == (
        TLVS_OF_A_RECEIPT[0],
        TLVS_OF_A_RECEIPT[2],
    )
