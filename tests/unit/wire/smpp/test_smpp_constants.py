import pytest

from chappe.wire.smpp.constants import RESPONSE_BIT, CommandId, EsmClass, MessageState, Npi, RegisteredDelivery, Ton


@pytest.mark.parametrize(
    ("esm_class", "is_receipt"), [(0x04, True), (0x44, True), (0x07, True), (0x0C, False), (0x24, False), (0x00, False)]
)
def test_a_receipt_is_a_type_and_not_a_bit(esm_class: int, is_receipt: bool) -> None:
    assert (esm_class & EsmClass.TYPE_MASK == EsmClass.TYPE_DELIVERY_RECEIPT) is is_receipt


def test_the_parts_of_esm_class_share_no_bit() -> None:
    parts = [EsmClass.MODE_MASK, EsmClass.TYPE_MASK, EsmClass.UDHI, EsmClass.REPLY_PATH]

    assert sum(parts) == 0xFF


def test_the_parts_of_registered_delivery_share_no_bit() -> None:
    parts = [
        RegisteredDelivery.RECEIPT_MASK,
        RegisteredDelivery.ACK_MASK,
        RegisteredDelivery.INTERMEDIATE_NOTIFICATION,
    ]

    assert sum(parts) == 0x1F
    assert RegisteredDelivery.ACK_DELIVERY | RegisteredDelivery.ACK_USER == RegisteredDelivery.ACK_MASK


def test_a_response_is_its_request_with_one_bit_more() -> None:
    for command_id in CommandId:
        if command_id.name.endswith("_RESP"):
            assert CommandId(command_id - RESPONSE_BIT).name + "_RESP" == command_id.name


@pytest.mark.parametrize(
    ("named", "number"),
    [
        (Ton.ALPHANUMERIC, 5),
        (Ton.ABBREVIATED, 6),
        (Npi.E164, 1),
        (Npi.ERMES, 0x0A),
        (Npi.INTERNET, 0x0E),
        (Npi.WAP_CLIENT_ID, 0x12),
        (MessageState.DELIVERED, 2),
        (MessageState.REJECTED, 8),
        (MessageState.SKIPPED, 9),
    ],
)
def test_numbers_are_those_of_the_tables(named: int, number: int) -> None:
    assert named == number


def test_commands_are_those_of_the_table() -> None:
    requests = {
        0x01: "bind_receiver",
        0x02: "bind_transmitter",
        0x03: "query_sm",
        0x04: "submit_sm",
        0x05: "deliver_sm",
        0x06: "unbind",
        0x07: "replace_sm",
        0x08: "cancel_sm",
        0x09: "bind_transceiver",
        0x0B: "outbind",
        0x15: "enquire_link",
        0x21: "submit_multi",
        0x22: "param_retrieve",
        0x23: "query_last_msgs",
        0x24: "query_msg_details",
        0x102: "alert_notification",
        0x103: "data_sm",
        0x111: "broadcast_sm",
        0x112: "query_broadcast_sm",
        0x113: "cancel_broadcast_sm",
    }

    assert {int(each): each.name.lower() for each in CommandId if not each & RESPONSE_BIT} == requests
    assert CommandId.GENERIC_NACK == RESPONSE_BIT == 0x8000_0000
