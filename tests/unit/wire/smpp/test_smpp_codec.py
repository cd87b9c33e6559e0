from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from smpp_samples import Vector, any_pdu, vectors

from chappe.model.errors import MisuseError, PeerError
from chappe.wire.smpp.codec import command_id_of, decode, encode
from chappe.wire.smpp.constants import RESPONSE_BIT, CommandId
from chappe.wire.smpp.declaration import PDUS
from chappe.wire.smpp.errors import FieldError, PduError
from chappe.wire.smpp.fields import STATUS_BY_FIELD
from chappe.wire.smpp.pdus import (
    BindTransceiver,
    BroadcastSm,
    CancelSm,
    DataSm,
    DeliverSm,
    DeliverSmResp,
    DistributionList,
    EnquireLink,
    LastMessage,
    Outbind,
    Pdu,
    QueryLastMsgsResp,
    QuerySm,
    QuerySmResp,
    ReplaceSm,
    SmeAddress,
    SubmitMulti,
    SubmitMultiResp,
    SubmitSm,
    SubmitSmResp,
)
from chappe.wire.smpp.statuses import CommandStatus

REQUEST_IDS = sorted(command_id for command_id in PDUS if not command_id & RESPONSE_BIT)
RESPONSE_IDS = sorted(command_id for command_id in PDUS if command_id & RESPONSE_BIT)


#: What the octets of a peer may be refused with.
FAULTS = {
    CommandStatus.ESME_RINVCMDLEN,
    CommandStatus.ESME_RINVMSGLEN,
    CommandStatus.ESME_RINVDESTFLAG,
    CommandStatus.ESME_RINVOPTPARSTREAM,
    CommandStatus.ESME_RINVPARLEN,
    *STATUS_BY_FIELD.values(),
}


def body_of(pdu: Pdu) -> bytes:
    return encode(pdu, 1)[16:]


def status_of_decoding(command_id: int, body: bytes) -> int:
    with pytest.raises(PduError) as caught:
        decode(command_id, body)
    return caught.value.status


# --- the same octets as the specification ---------------------------------------------------------------------------


@pytest.mark.parametrize("vector", vectors(), ids=lambda vector: vector.name)
def test_octets_of_the_specification_are_read(vector: Vector) -> None:
    command_id = int.from_bytes(vector.octets[4:8], "big")

    assert int.from_bytes(vector.octets[:4], "big") == len(vector.octets)
    assert decode(command_id, vector.octets[16:]) == vector.pdu


@pytest.mark.parametrize(
    "vector", [vector for vector in vectors() if not vector.is_short_form], ids=lambda vector: vector.name
)
def test_octets_of_the_specification_are_written(vector: Vector) -> None:
    assert encode(vector.pdu, vector.sequence_number, vector.command_status) == vector.octets


def test_there_is_a_vector_for_most_kinds_of_pdu() -> None:
    assert len({type(vector.pdu) for vector in vectors()}) >= 24


# --- round trips ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command_id", sorted(PDUS), ids=lambda command_id: CommandId(command_id).name)
@settings(max_examples=30)
@given(data=st.data())
def test_what_was_written_is_read_again(command_id: int, data: st.DataObject) -> None:
    pdu = data.draw(any_pdu(command_id))

    octets = encode(pdu, 7, 9)

    assert octets[:16] == b"".join(number.to_bytes(4, "big") for number in (len(octets), command_id, 9, 7))
    assert decode(command_id, octets[16:]) == pdu


def test_every_command_of_the_specification_is_declared() -> None:
    assert {int(command_id) for command_id in CommandId} == set(PDUS)


def test_every_response_belongs_to_a_request() -> None:
    lonely = {command_id for command_id in RESPONSE_IDS if command_id - RESPONSE_BIT not in PDUS}

    assert lonely == {CommandId.GENERIC_NACK}


def test_command_id_of_a_pdu_is_that_of_its_declaration() -> None:
    assert command_id_of(SubmitSm()) == 0x0000_0004
    assert command_id_of(DeliverSmResp()) == 0x8000_0005


# --- reading what is broken -----------------------------------------------------------------------------------------


@given(command_id=st.sampled_from(sorted(PDUS)), body=st.binary(max_size=400))
def test_any_octets_are_read_or_refused_but_never_crash(command_id: int, body: bytes) -> None:
    try:
        outcome = type(decode(command_id, body))
    except PduError as error:
        outcome = CommandStatus(error.status)

    assert outcome is PDUS[command_id].struct or outcome in FAULTS


@given(pdu=any_pdu(*REQUEST_IDS), at=st.integers(0, 400), octet=st.integers(0, 255))
def test_a_request_that_is_read_says_exactly_what_its_octets_say(pdu: Any, at: int, octet: int) -> None:
    body = bytearray(body_of(pdu))
    if at < len(body):
        body[at] = octet
    declared = PDUS[command_id_of(pdu)]

    try:
        read = decode(command_id_of(pdu), bytes(body))
    except PduError:
        return

    written = body_of(read)
    assert written == body if declared.has_tlvs else bytes(body).startswith(written)


@given(data=st.data(), pdu=any_pdu(*REQUEST_IDS))
def test_a_request_that_is_cut_short_is_refused(data: st.DataObject, pdu: Any) -> None:
    whole = body_of(msgspec.structs.replace(pdu, tlvs=()) if PDUS[command_id_of(pdu)].has_tlvs else pdu)
    left = data.draw(st.integers(0, max(len(whole) - 1, 0)))

    if whole:
        status = status_of_decoding(command_id_of(pdu), whole[:left])

        assert status in (CommandStatus.ESME_RINVCMDLEN, CommandStatus.ESME_RINVMSGLEN)


@given(data=st.data(), pdu=any_pdu(CommandId.SUBMIT_SM, CommandId.DATA_SM, CommandId.CANCEL_SM))
def test_a_tlv_that_is_cut_short_breaks_the_stream(data: st.DataObject, pdu: Any) -> None:
    whole = body_of(msgspec.structs.replace(pdu, tlvs=((0x1401, b"abc"),)))
    left = data.draw(st.integers(len(whole) - 6, len(whole) - 1))

    assert status_of_decoding(command_id_of(pdu), whole[:left]) == CommandStatus.ESME_RINVOPTPARSTREAM


def test_an_unknown_command_is_refused_by_its_id() -> None:
    assert status_of_decoding(0x0000_0999, b"") == CommandStatus.ESME_RINVCMDID


TOO_LONG: list[tuple[Callable[[str], Pdu], int, CommandStatus]] = [
    (lambda text: BindTransceiver(text, "x"), 16, CommandStatus.ESME_RINVSYSID),
    (lambda text: BindTransceiver("x", text), 9, CommandStatus.ESME_RINVPASWD),
    (lambda text: BindTransceiver("x", "x", text), 13, CommandStatus.ESME_RINVSYSTYP),
    (lambda text: BindTransceiver("x", "x", address_range=text), 41, CommandStatus.ESME_RINVCMDLEN),
    (lambda text: Outbind("x", text), 9, CommandStatus.ESME_RINVPASWD),
    (lambda text: SubmitSm(service_type=text), 6, CommandStatus.ESME_RINVSERTYP),
    (lambda text: SubmitSm(source_addr=text), 21, CommandStatus.ESME_RINVSRCADR),
    (lambda text: SubmitSm(destination_addr=text), 21, CommandStatus.ESME_RINVDSTADR),
    (lambda text: DeliverSm(source_addr=text), 21, CommandStatus.ESME_RINVSRCADR),
    (lambda text: DeliverSm(destination_addr=text), 21, CommandStatus.ESME_RINVDSTADR),
    (lambda text: SubmitMulti(dest_address=(SmeAddress(1, 1, text),)), 21, CommandStatus.ESME_RINVDSTADR),
    (lambda text: SubmitMulti(dest_address=(DistributionList(text),)), 21, CommandStatus.ESME_RINVDLNAME),
    (lambda text: DataSm(source_addr=text), 65, CommandStatus.ESME_RINVSRCADR),
    (lambda text: DataSm(destination_addr=text), 65, CommandStatus.ESME_RINVDSTADR),
    (lambda text: QuerySm(message_id=text), 65, CommandStatus.ESME_RINVMSGID),
    (lambda text: CancelSm(message_id=text), 65, CommandStatus.ESME_RINVMSGID),
    (lambda text: ReplaceSm(message_id=text), 65, CommandStatus.ESME_RINVMSGID),
    (lambda text: BroadcastSm(message_id=text), 65, CommandStatus.ESME_RINVMSGID),
    (lambda text: SubmitSmResp(message_id=text), 65, CommandStatus.ESME_RINVMSGID),
]


@pytest.mark.parametrize(("make", "max_octets", "status"), TOO_LONG)
def test_a_string_one_octet_too_long_is_refused_with_its_own_status(
    make: Callable[[str], Pdu], max_octets: int, status: CommandStatus
) -> None:
    longest = body_of(make("Q" * (max_octets - 1)))
    command_id = command_id_of(make("x"))

    assert decode(command_id, longest) == make("Q" * (max_octets - 1))
    assert status_of_decoding(command_id, longest.replace(b"Q\0", b"QQ\0", 1)) == status


def test_a_string_that_never_ends_is_too_long_and_not_cut_short() -> None:
    assert status_of_decoding(CommandId.SUBMIT_SM, b"\0\0\0" + b"1" * 21) == CommandStatus.ESME_RINVSRCADR
    assert status_of_decoding(CommandId.SUBMIT_SM, b"\0\0\0" + b"1" * 20) == CommandStatus.ESME_RINVCMDLEN


@pytest.mark.parametrize("length", [1, 15, 17])
def test_a_time_has_sixteen_characters_or_none(length: int) -> None:
    whole = SubmitSm(schedule_delivery_time="2" * 16, validity_period="3" * 16)
    body = body_of(whole)

    assert decode(CommandId.SUBMIT_SM, body) == whole
    schedule = body.replace(b"2" * 16, b"2" * length)
    assert status_of_decoding(CommandId.SUBMIT_SM, schedule) == CommandStatus.ESME_RINVSCHED
    validity = body.replace(b"3" * 16, b"3" * length)
    assert status_of_decoding(CommandId.SUBMIT_SM, validity) == CommandStatus.ESME_RINVEXPIRY


@pytest.mark.parametrize("command_id", [CommandId.SUBMIT_SM, CommandId.DELIVER_SM])
def test_sm_length_beyond_the_body_is_an_invalid_message_length(command_id: int) -> None:
    body = body_of(SubmitSm(short_message=b"four"))

    assert status_of_decoding(command_id, body[:-1]) == CommandStatus.ESME_RINVMSGLEN


def test_a_message_may_have_255_octets() -> None:
    pdu = SubmitSm(short_message=bytes(255))

    assert decode(CommandId.SUBMIT_SM, body_of(pdu)) == pdu


def test_short_message_and_message_payload_together_are_left_to_the_caller() -> None:
    pdu = SubmitSm(short_message=b"one", tlvs=((0x0424, b"two"),))

    assert decode(CommandId.SUBMIT_SM, body_of(pdu)) == pdu


@pytest.mark.parametrize("tlv", [(0x0427, b""), (0x0427, b"12"), (0x0204, b"1"), (0x0381, b"123"), (0x0423, b"1234")])
def test_a_known_tlv_of_an_impossible_length_is_refused(tlv: tuple[int, bytes]) -> None:
    body = body_of(SubmitSm(tlvs=(tlv,)))

    assert status_of_decoding(CommandId.SUBMIT_SM, body) == CommandStatus.ESME_RINVPARLEN


def test_unknown_and_repeated_tlvs_keep_their_order() -> None:
    tlvs = ((0x3FFF, b""), (0x0381, b"1234"), (0x0001, b"?"), (0x0381, b"5678"), (0x1400, bytes(300)))

    read = decode(CommandId.SUBMIT_SM, body_of(SubmitSm(tlvs=tlvs)))

    assert isinstance(read, SubmitSm)
    assert read.tlvs == tlvs


def test_a_payload_of_64_kib_is_carried() -> None:
    pdu = DataSm(tlvs=((0x0424, bytes(0xFFFF)),))

    assert decode(CommandId.DATA_SM, body_of(pdu)) == pdu


def test_an_unknown_kind_of_destination_is_refused() -> None:
    body = body_of(SubmitMulti(dest_address=(DistributionList("staff"),))).replace(b"\x01\x02staff", b"\x01\x03staff")

    assert status_of_decoding(CommandId.SUBMIT_MULTI, body) == CommandStatus.ESME_RINVDESTFLAG


def test_octets_behind_a_pdu_that_carries_no_tlvs_are_skipped() -> None:
    assert decode(CommandId.ENQUIRE_LINK, b"\0") == EnquireLink()
    bind = BindTransceiver("acme", "secret")
    assert decode(CommandId.BIND_TRANSCEIVER, body_of(bind) + b"\x14\x00\x00\x01?") == bind


# --- reading responses, which nobody can refuse ---------------------------------------------------------------------


@pytest.mark.parametrize("command_id", RESPONSE_IDS, ids=lambda command_id: CommandId(command_id).name)
def test_a_response_without_a_body_has_empty_fields(command_id: int) -> None:
    assert decode(command_id, b"") == PDUS[command_id].struct()


def test_a_message_id_without_its_nul_is_taken_to_the_end() -> None:
    assert decode(CommandId.SUBMIT_SM_RESP, b"4F2A") == SubmitSmResp("4F2A")
    assert decode(CommandId.DELIVER_SM_RESP, b"") == DeliverSmResp()


def test_a_response_that_lacks_its_last_fields_has_their_defaults() -> None:
    assert decode(CommandId.QUERY_SM_RESP, b"4F\0") == QuerySmResp("4F")
    assert decode(CommandId.QUERY_SM_RESP, b"4F\0\0\x02") == QuerySmResp("4F", message_state=2)
    assert decode(CommandId.SUBMIT_MULTI_RESP, b"4F\0") == SubmitMultiResp("4F")


def test_broken_tlvs_of_a_response_do_not_cost_its_message_id() -> None:
    assert decode(CommandId.SUBMIT_SM_RESP, b"4F\0\x04") == SubmitSmResp("4F")
    assert decode(CommandId.SUBMIT_SM_RESP, b"4F\0\x04\x27\x00\x02\x01") == SubmitSmResp("4F")
    read = decode(CommandId.SUBMIT_SM_RESP, b"4F\0\x04\x27\x00\x02\x01\x02\x00\x1e\x00\x09")
    assert read == SubmitSmResp("4F", ((0x0427, b"\1\2"),))


def test_a_list_of_a_response_that_is_cut_short_is_refused() -> None:
    body = body_of(QueryLastMsgsResp((LastMessage("4F"), LastMessage("50"))))

    assert status_of_decoding(CommandId.QUERY_LAST_MSGS_RESP, body[:-3]) == CommandStatus.ESME_RINVCMDLEN


# --- writing what does not fit --------------------------------------------------------------------------------------


UNFIT: list[tuple[Pdu, str]] = [
    (SubmitSm(source_addr="1" * 21), "SubmitSm.source_addr has 22 octets, more than 21"),
    (SubmitSm(destination_addr="a\0b"), "SubmitSm.destination_addr has a character that is not one octet of 01-FF"),
    (SubmitSm(source_addr="\u20ac"), "SubmitSm.source_addr has a character that is not one octet of 01-FF"),
    (SubmitSm(validity_period="tomorrow"), "SubmitSm.validity_period has 9 octets, but a time has 1 or 17"),
    (SubmitSm(data_coding=256), "SubmitSm.data_coding is no integer of 1 octets"),
    (SubmitSm(data_coding=-1), "SubmitSm.data_coding is no integer of 1 octets"),
    (SubmitSm(data_coding=0x11_0000), "SubmitSm.data_coding is no integer of 1 octets"),
    (SubmitSm(short_message=bytes(256)), "SubmitSm.short_message has 256 octets, more than 255"),
    (SubmitSmResp("1" * 65), "SubmitSmResp.message_id has 66 octets, more than 65"),
    (
        SubmitMulti(dest_address=(DistributionList(""),) * 256),
        "SubmitMulti.dest_address has 256 entries, more than 255",
    ),
    (SubmitMulti(dest_address=(DistributionList("x" * 21),)), "DistributionList.dl_name has 22 octets, more than 21"),
    (SubmitMulti(dest_address=(SmeAddress(256, 0, ""),)), "SmeAddress.dest_addr_ton is no integer of 1 octets"),
    (SubmitSm(tlvs=((0x1_0000, b""),)), "TLV 10000 of 0 octets: neither tag nor length may exceed 65535"),
    (DataSm(tlvs=((0x0424, bytes(0x1_0000)),)), "TLV 0424 of 65536 octets: neither tag nor length may exceed 65535"),
]


@pytest.mark.parametrize(("pdu", "what"), UNFIT, ids=[what for _, what in UNFIT])
def test_what_does_not_fit_the_wire_names_the_field_and_its_limit(pdu: Pdu, what: str) -> None:
    with pytest.raises(FieldError) as caught:
        encode(pdu, 1)

    assert str(caught.value) == what


def test_an_error_never_repeats_a_secret() -> None:
    with pytest.raises(FieldError) as caught:
        encode(BindTransceiver("acme", "much-too-secret"), 1)

    assert "much-too-secret" not in str(caught.value)
    with pytest.raises(PduError) as refused:
        decode(CommandId.BIND_TRANSCEIVER, b"acme\0much-too-secret\0\0\x34\0\0\0")
    assert "much-too-secret" not in str(refused.value)


def test_errors_are_named_by_whose_turn_it_is() -> None:
    assert issubclass(PduError, PeerError)
    assert issubclass(FieldError, MisuseError)
    assert issubclass(FieldError, ValueError)
    assert str(PduError("bad", status=CommandStatus.ESME_RINVSCHED)) == "bad [ESME_RINVSCHED]"
