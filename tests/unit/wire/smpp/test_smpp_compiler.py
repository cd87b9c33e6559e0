from chappe.wire.smpp.compiler import compile_decoder, compile_encoder, decoder_source, encoder_source
from chappe.wire.smpp.constants import CommandId
from chappe.wire.smpp.declaration import PDUS, Declaration
from chappe.wire.smpp.fields import CString, Integer, TlvStream
from chappe.wire.smpp.pdus import DeliverSmResp, Unbind


def test_the_source_of_a_decoder_is_straight_line_code() -> None:
    source = decoder_source(PDUS[CommandId.SUBMIT_SM])

    assert source.startswith("def decode(body):\n")
    assert "for " not in source
    assert "while " not in source
    assert "source_addr = text[at:end]" in source


def test_neighbouring_fields_are_written_by_one_format() -> None:
    source = encoder_source(PDUS[CommandId.SUBMIT_SM])

    assert source.count(".encode('latin-1')") == 1
    assert '"%s\\0%c%c%s\\0%c%c%s\\0' in source


def test_what_is_declared_is_what_is_compiled() -> None:
    declared = Declaration(DeliverSmResp, (("message_id", CString(5, "")), ("tlvs", TlvStream())), 0x8000_0005)

    octets = compile_encoder(declared)(DeliverSmResp("1234", ((0x1400, b"!"),)), 2, 0)

    assert octets == bytes.fromhex("0000001A 80000005 00000000 00000002 3132333400 1400 0001 21")
    assert compile_decoder(declared)(octets[16:]) == DeliverSmResp("1234", ((0x1400, b"!"),))


def test_a_pdu_without_fields_is_a_header() -> None:
    declared = Declaration(Unbind, (), 0x0000_0006)

    assert compile_encoder(declared)(Unbind(), 1, 0) == bytes.fromhex("00000010 00000006 00000000 00000001")
    assert compile_decoder(declared)(b"") == Unbind()


def test_wide_integers_stand_alone() -> None:
    source = encoder_source(Declaration(Unbind, (("number", Integer(4, 0)),), 0x0000_0006))

    assert "number.to_bytes(4, 'big')" in source
