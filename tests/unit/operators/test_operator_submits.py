"""The PDUs of a message: each encoding and each way to cut, put together again as a handset does."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chappe.model.errors import MisuseError
from chappe.model.ids import EPOCH_MS, IdMaker
from chappe.model.lifecycle import Direction
from chappe.model.message import Message
from chappe.operators.shape import Wire, text_of
from chappe.operators.translate import submits_of
from chappe.text import udh
from chappe.text.encoding import Encoding, data_coding_of, decode_text, encode_text
from chappe.text.segments import SplitMethod, count_parts
from chappe.wire.smpp.pdus import SubmitSm
from chappe.wire.smpp.tlvs import Tag

PORTS = bytes.fromhex("0605040b8423f0")
TEXTS = {Encoding.GSM7: "Ab€[]@", Encoding.UCS2: "Привет😀", Encoding.LATIN1: "çÿ x"}


def message(
    octets: bytes, encoding: Encoding, split: SplitMethod = SplitMethod.UDH8, *, header: bytes = b"", parts: int = 0
) -> Message:
    counted = count_parts(octets, encoding, method=split, elements=udh.parse(header).elements if header else ())
    return Message(
        77_000_000_123,
        Direction.MT,
        "acme",
        "",
        5,
        0,
        "SHOP",
        1,
        1,
        "37120000001",
        header + octets,
        data_coding_of(encoding),
        0x40 if header else 0,
        parts=parts or counted,
    )


def joined(pdus: list[SubmitSm]) -> bytes:
    """The text as a handset shows it: headers away, parts in the order of their numbers."""
    pieces: dict[int, bytes] = {}
    for place, pdu in enumerate(pdus, 1):
        octets, number = pdu.short_message, place
        if pdu.esm_class & 0x40:
            header, octets = udh.strip(octets)
            number = header.concatenation.number if header.concatenation else place
        for tag, value in pdu.tlvs:
            octets = value if tag == Tag.MESSAGE_PAYLOAD else octets
            number = value[0] if tag == Tag.SAR_SEGMENT_SEQNUM else number
        pieces[number] = octets
    return b"".join(pieces[number] for number in sorted(pieces))


@pytest.mark.parametrize("split", SplitMethod)
@pytest.mark.parametrize("encoding", TEXTS)
@given(repeats=st.integers(1, 150))
def test_a_text_of_any_length_arrives_whole(split: SplitMethod, encoding: Encoding, repeats: int) -> None:
    text = TEXTS[encoding] * repeats
    sent = message(encode_text(text, encoding), encoding, split)

    pdus = submits_of(sent, Wire(split=split))

    assert len(pdus) == sent.parts
    assert decode_text(joined(pdus), pdus[0].data_coding) == text


@given(octets=st.binary(min_size=1, max_size=500), split=st.sampled_from(SplitMethod))
def test_binary_octets_behind_ports_arrive_whole_and_each_part_has_the_ports(octets: bytes, split: SplitMethod) -> None:
    sent = message(octets, Encoding.BINARY, split, header=PORTS)

    pdus = submits_of(sent, Wire(split=split))

    assert len(pdus) == sent.parts
    if split is SplitMethod.NONE:
        assert joined(pdus) in (octets, PORTS + octets)
        return
    assert joined(pdus) == octets
    for pdu in pdus:
        ports = udh.parse(pdu.short_message).ports
        assert ports is not None
        assert ports.destination == 0x0B84


def test_an_smsc_that_cuts_itself_gets_the_whole_as_message_payload() -> None:
    text = "x" * 161

    (pdu,) = submits_of(message(text.encode(), Encoding.GSM7, SplitMethod.NONE), Wire(split=SplitMethod.NONE))

    assert pdu.short_message == b""
    assert pdu.tlvs == ((int(Tag.MESSAGE_PAYLOAD), text.encode()),)


def test_what_fits_one_radio_message_stays_in_short_message() -> None:
    (pdu,) = submits_of(message(b"x" * 160, Encoding.GSM7, SplitMethod.NONE), Wire(split=SplitMethod.NONE))

    assert (pdu.short_message, pdu.tlvs) == (b"x" * 160, ())


@pytest.mark.parametrize("counted", [SplitMethod.UDH8, SplitMethod.UDH16, SplitMethod.SAR])
@pytest.mark.parametrize("wire", SplitMethod)
@pytest.mark.parametrize("octets", [161, 304, 305, 306, 307, 459])
def test_an_operator_that_cuts_otherwise_still_gets_as_many_parts_as_were_counted(
    counted: SplitMethod, wire: SplitMethod, octets: int
) -> None:
    sent = message(b"x" * octets, Encoding.GSM7, counted)

    pdus = submits_of(sent, Wire(split=wire))

    assert len(pdus) == sent.parts
    assert joined(pdus) == b"x" * octets


def references_of(pdus: list[SubmitSm]) -> set[int]:
    return {found.reference for pdu in pdus if (found := udh.parse(pdu.short_message).concatenation)}


@pytest.mark.parametrize("split", [SplitMethod.UDH8, SplitMethod.UDH16])
@pytest.mark.parametrize("pause_ms", [1, 7, 256, 1_000, 1_024, 60_000])
def test_texts_that_follow_each_other_bear_different_references(split: SplitMethod, pause_ms: int) -> None:
    ids = IdMaker(3)
    made = [ids.next(EPOCH_MS + 5_000_000_000 + number * pause_ms) for number in range(100)]
    long = message(b"x" * 200, Encoding.GSM7, split)

    sent = [submits_of(msgspec.structs.replace(long, id=each), Wire(split=split)) for each in made]

    references = [references_of(pdus) for pdus in sent]
    assert all(len(each) == 1 for each in references)
    # There are only 256 of them, and a handset sees two or three at a time.
    for first in range(92):
        assert len(set().union(*references[first : first + 8])) == 8


def test_a_part_that_leaves_again_bears_the_same_reference() -> None:
    long = message(b"x" * 200, Encoding.GSM7)

    assert submits_of(long, Wire()) == submits_of(long, Wire())


def test_a_count_that_no_cut_makes_is_our_own_mistake() -> None:
    with pytest.raises(MisuseError):
        submits_of(message(b"x" * 200, Encoding.GSM7, parts=5), Wire())


def test_what_an_mo_says_is_read_in_the_default_alphabet_of_its_operator() -> None:
    vote = message(b"V@TE 5", Encoding.GSM7)

    assert text_of(vote, Wire()) == "V¡TE 5"
    assert text_of(vote, Wire(default_encoding=Encoding.LATIN1)) == "V@TE 5"
