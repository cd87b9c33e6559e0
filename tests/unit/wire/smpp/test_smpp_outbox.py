import pytest

from chappe.model.errors import MisuseError
from chappe.wire.smpp.codec import encode
from chappe.wire.smpp.outbox import Outbox
from chappe.wire.smpp.pdus import DeliverSm, EnquireLink, SubmitSmResp
from chappe.wire.smpp.tlvs import Tag

RECEIPT = DeliverSm(short_message=b"id:1", tlvs=((Tag.MESSAGE_STATE, b"\x02"),))


def outbox_to(version: int) -> Outbox:
    outbox = Outbox()
    outbox.learn_version(version)
    return outbox


def test_everything_is_taken_once_and_in_order() -> None:
    outbox = Outbox()
    outbox.put_pdu(EnquireLink(), 1)
    outbox.add(encode(SubmitSmResp("7"), 2))
    outbox.add(b"!")

    assert outbox.take() == encode(EnquireLink(), 1) + encode(SubmitSmResp("7"), 2) + b"!"
    assert outbox.take() == b""


@pytest.mark.parametrize("version", [0x34, 0x50, 0xFF])
def test_tlvs_go_to_peers_that_know_them(version: int) -> None:
    outbox = outbox_to(version)

    assert outbox.may_carry_tlvs


@pytest.mark.parametrize("version", [0x00, 0x33])
def test_tlvs_are_left_out_for_peers_of_three_three(version: int) -> None:
    outbox = outbox_to(version)

    assert not outbox.may_carry_tlvs
    assert outbox.without_tlvs(RECEIPT) == DeliverSm(short_message=b"id:1")
    assert outbox.without_tlvs(EnquireLink()) == EnquireLink()


def test_a_text_is_never_left_out() -> None:
    outbox = outbox_to(0x33)

    with pytest.raises(MisuseError, match="0x33 cannot read message_payload"):
        outbox.without_tlvs(DeliverSm(tlvs=((Tag.MESSAGE_PAYLOAD, b"VOTE 5"),)))

    assert outbox.take() == b""


def test_a_version_above_all_we_know_counts_as_the_highest() -> None:
    assert outbox_to(0x60).peer_version == 0x50
    assert outbox_to(0x00).peer_version == 0x00
    assert Outbox().peer_version == 0x34


def test_a_status_goes_out_under_the_right_response() -> None:
    outbox = Outbox()
    outbox.put_status(0x0000_0004, 9, 0x58)
    outbox.put_status(0x0000_0102, 10, 0x04)
    outbox.put_status(0x0000_0999, 11, 0x03)

    assert outbox.take() == bytes.fromhex(
        "00000010 80000004 00000058 0000000900000010 80000000 00000004 0000000A00000010 80000000 00000003 0000000B"
    )
