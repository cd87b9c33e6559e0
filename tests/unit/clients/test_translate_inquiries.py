"""Questions about messages, read and answered without a store."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chappe.clients.parts import in_parts
from chappe.clients.translate import SMPP_REFUSALS
from chappe.clients.translate_inquiries import check_source, is_meant, query_resp_of, replacement_of
from chappe.model.errors import PeerError
from chappe.model.lifecycle import FINAL, Direction, Status
from chappe.model.message import Message
from chappe.store.port import Life
from chappe.text import udh
from chappe.text.segments import SplitMethod
from chappe.wire.smpp.codec import decode, encode
from chappe.wire.smpp.constants import VERSION_3_4, VERSION_5_0
from chappe.wire.smpp.pdus import CancelSm, QuerySmResp, ReplaceSm
from chappe.wire.smpp.tlvs import Tag

NOW_MS = 1_800_000_000_000
MESSAGE = Message(1, Direction.MT, "acme", "", 5, 0, "SHOP", 1, 1, "441", b"old", 8, service_type="CMT", parts=3)


def life(status: Status, error: str = "000", final_at_us: int = 0) -> Life:
    return Life(1, status, MESSAGE, error=error, final_at_us=final_at_us)


def replaced(**fields: object) -> Message:
    return replacement_of(ReplaceSm("1", **fields), MESSAGE, NOW_MS)  # type: ignore[arg-type]


@given(
    statuses=st.lists(st.sampled_from(Status), min_size=1, max_size=5),
    error=st.text(max_size=3),
    at_us=st.integers(10**15, 4 * 10**15),
    version=st.sampled_from((VERSION_3_4, VERSION_5_0)),
)
def test_any_life_is_told_in_a_pdu_that_can_be_written(
    statuses: list[Status], error: str, at_us: int, version: int
) -> None:
    answer = query_resp_of("7", [life(status, error, at_us) for status in statuses], version)

    octets = encode(answer, 1)
    read = decode(0x8000_0003, octets[16:])
    assert isinstance(read, QuerySmResp)
    assert read == answer
    assert bool(read.final_date) is FINAL.issuperset(statuses)


@pytest.mark.parametrize(
    ("status", "version", "state"),
    [
        (Status.SCHEDULED, VERSION_3_4, 1),
        (Status.SCHEDULED, VERSION_5_0, 0),
        (Status.HELD, VERSION_3_4, 1),
        (Status.DELIVERED, VERSION_3_4, 2),
        (Status.EXPIRED, VERSION_3_4, 3),
        (Status.CANCELLED, VERSION_3_4, 4),
        (Status.FAILED, VERSION_3_4, 5),
        (Status.UNKNOWN, VERSION_3_4, 7),
        (Status.REJECTED, VERSION_3_4, 8),
    ],
)
def test_each_status_has_its_state(status: Status, version: int, state: int) -> None:
    assert query_resp_of("7", [life(status)], version).message_state == state


def test_several_messages_under_one_id_speak_with_the_least_advanced() -> None:
    ended = [life(Status.DELIVERED, final_at_us=10**15), life(Status.FAILED, "027", 2 * 10**15)]

    assert query_resp_of("7", [*ended, life(Status.QUEUED)], VERSION_3_4).message_state == 1
    answer = query_resp_of("7", ended, VERSION_3_4)
    # The later of both ends.
    assert (answer.message_state, answer.error_code, answer.final_date) == (5, 27, "330518033320000+")


def test_a_replacement_keeps_what_is_not_named() -> None:
    message = replaced(short_message=b"\x00n\x00e\x00w", registered_delivery=1)

    assert message == msgspec.structs.replace(MESSAGE, octets=b"\x00n\x00e\x00w", registered_delivery=1, parts=1)


def test_a_replacement_names_new_times() -> None:
    moments = {"schedule_delivery_time": "000000000100000R", "validity_period": "000000000200000R"}

    message = replaced(short_message=b"new", **moments)

    assert message.send_at_ms == NOW_MS + 60_000
    assert message.expires_at_ms == NOW_MS + 120_000


def test_a_replacement_of_a_text_with_a_header_needs_a_header() -> None:
    with_header = msgspec.structs.replace(MESSAGE, esm_class=0x40)

    with pytest.raises(PeerError, match="UDHI"):
        replacement_of(ReplaceSm("1", short_message=b""), with_header, NOW_MS)


def test_who_names_a_source_must_name_the_right_one() -> None:
    check_source("", MESSAGE)
    check_source("SHOP", MESSAGE)
    with pytest.raises(PeerError):
        check_source("shop", MESSAGE)


def test_a_service_type_narrows_what_is_cancelled() -> None:
    assert is_meant(CancelSm(), MESSAGE)
    assert is_meant(CancelSm(service_type="CMT"), MESSAGE)
    assert not is_meant(CancelSm(service_type="WAP"), MESSAGE)


def test_what_its_sender_has_cut_is_not_cut_again() -> None:
    text = b"x" * 200
    header = udh.build([udh.concatenation_8(1, 2, 1)])
    cut = msgspec.structs.replace(MESSAGE, octets=header + text, esm_class=0x40, parts=1, data_coding=0)
    sar = msgspec.structs.replace(MESSAGE, octets=text, tlvs=((Tag.SAR_MSG_REF_NUM, b"12"),), parts=1, data_coding=0)
    ports = udh.build([udh.Element(udh.PORTS_16, b"1234")])
    with_ports = msgspec.structs.replace(cut, octets=ports + text)

    assert in_parts(cut, SplitMethod.UDH8, SMPP_REFUSALS).parts == 1
    assert in_parts(sar, SplitMethod.UDH8, SMPP_REFUSALS).parts == 1
    assert in_parts(with_ports, SplitMethod.UDH8, SMPP_REFUSALS).parts == 2
    assert in_parts(with_ports, SplitMethod.NONE, SMPP_REFUSALS).parts == 1
