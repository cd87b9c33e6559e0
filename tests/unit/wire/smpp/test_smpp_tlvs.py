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


@pytest.mark.parametrize(
    ("tag", "kind", "min_octets", "max_octets"),
    [
        (0x0204, Kind.INTEGER, 2, 2),
        (0x0017, Kind.INTEGER, 4, 4),
        (0x001D, Kind.C_OCTET, 1, 256),
        (0x001E, Kind.C_OCTET, 1, 65),
        (0x0202, Kind.OCTETS, 2, 23),
        (0x0381, Kind.OCTETS, 4, 19),
        (0x0423, Kind.OCTETS, 3, 3),
        (0x0424, Kind.OCTETS, 0, 65535),
        (0x060B, Kind.OCTETS, 1, 1024),
        (0x1204, Kind.OCTETS, 1, 4),
        (0x130C, Kind.OCTETS, 0, 1),
    ],
)
def test_lengths_are_those_of_the_table(tag: int, kind: Kind, min_octets: int, max_octets: int) -> None:
    tlv = TLVS[tag]

    assert (tlv.kind, tlv.min_octets, tlv.max_octets) == (kind, min_octets, max_octets)


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
