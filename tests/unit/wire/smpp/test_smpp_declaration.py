import pytest
from rich.pretty import pretty_repr

from chappe.wire.smpp.constants import CommandId, Ton
from chappe.wire.smpp.declaration import COMPOSITES, PDUS
from chappe.wire.smpp.fields import CString, OctetString
from chappe.wire.smpp.pdus import BindTransceiver, Outbind, SmeAddress, SubmitSm


def test_fields_keep_the_order_of_the_wire() -> None:
    fields = [name for name, _ in PDUS[CommandId.BIND_TRANSCEIVER].fields]

    assert fields == [
        "system_id",
        "password",
        "system_type",
        "interface_version",
        "addr_ton",
        "addr_npi",
        "address_range",
    ]


def test_a_pdu_is_frozen_and_compares_by_value() -> None:
    pdu = SubmitSm(destination_addr="37120000001", dest_addr_ton=Ton.INTERNATIONAL)

    assert pdu == SubmitSm(destination_addr="37120000001", dest_addr_ton=1)
    with pytest.raises(AttributeError):
        pdu.destination_addr = "0"  # type: ignore[misc]


def test_a_field_without_a_default_must_be_given() -> None:
    with pytest.raises(TypeError, match="password"):
        BindTransceiver(system_id="acme")  # type: ignore[call-arg]


def test_defaults_are_plain_integers() -> None:
    assert type(SubmitSm().source_addr_ton) is int
    assert type(BindTransceiver("a", "b").interface_version) is int


@pytest.mark.parametrize("pdu", [BindTransceiver("acme", "hunter2"), Outbind("smsc", "hunter2")])
def test_a_secret_never_prints(pdu: BindTransceiver | Outbind) -> None:
    printed = repr(pdu) + str(pdu) + f"{pdu!r:>10}" + pretty_repr(pdu)

    assert "hunter2" not in printed
    assert pdu.system_id in printed
    assert "password='***'" in repr(pdu)


def test_a_length_is_no_field_of_its_own() -> None:
    fields = dict(PDUS[CommandId.SUBMIT_SM].fields)

    assert "sm_length" not in fields
    assert fields["short_message"] == OctetString("sm_length", 255, b"")
    assert fields["source_addr"] == CString(21, "")


def test_composites_are_declared_apart_from_pdus() -> None:
    assert COMPOSITES[SmeAddress].command_id is None
    assert not COMPOSITES[SmeAddress].has_tlvs
    assert PDUS[CommandId.SUBMIT_MULTI].has_tlvs
    assert not PDUS[CommandId.UNBIND].has_tlvs


def test_a_pdu_keeps_its_name_its_place_and_its_words() -> None:
    assert SubmitSm.__name__ == "SubmitSm"
    assert SubmitSm.__module__ == "chappe.wire.smpp.pdus.messages"
    assert "SMPP 3.4 §4.4.1" in str(SubmitSm.__doc__)
