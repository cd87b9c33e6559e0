"""Messages that Kannel's clients post as XML: what each element stands for, and what is no message at all."""

from hypothesis import given
from hypothesis import strategies as st

from chappe.clients.kannel_xml import fields_of_xml

WHOLE = b"""<?xml version="1.0" encoding="iso-8859-1"?>
<message>
  <submit>
    <da><number>37120000001</number><number> 37120000002 </number></da>
    <da><number>37120000003</number></da>
    <oa><number>SHOP</number></oa>
    <ud>50%25+gr\xfcn</ud>
    <udh>050003010201</udh>
    <dcs><mclass>1</mclass><coding>0</coding><alt-dcs>1</alt-dcs></dcs>
    <statusrequest><dlr-mask>31</dlr-mask><dlr-url>http://10.0.0.5/dlr?id=1&amp;s=%d</dlr-url></statusrequest>
    <from><username>shop</username><password>secret</password><account>a1</account></from>
    <vp><delay>10</delay></vp>
    <timing><delay>5</delay></timing>
    <priority>2</priority>
  </submit>
</message>"""


def test_each_element_is_a_parameter() -> None:
    assert fields_of_xml(WHOLE) == {
        "username": b"shop",
        "password": b"secret",
        "account": b"a1",
        "to": b"37120000001 37120000002 37120000003",
        "from": b"SHOP",
        "text": "50% grün".encode(),
        "udh": b"\x05\x00\x03\x01\x02\x01",
        "mclass": b"1",
        "coding": b"0",
        "alt-dcs": b"1",
        "dlr-mask": b"31",
        "dlr-url": b"http://10.0.0.5/dlr?id=1&s=%d",
        "validity": b"10",
        "deferred": b"5",
        "priority": b"2",
        "charset": b"UTF-8",
    }


def test_receivers_without_a_number_are_none() -> None:
    fields = fields_of_xml(b"<message><submit><da><number> </number></da></submit></message>")

    assert fields is not None
    assert "to" not in fields


def test_what_is_no_xml_has_no_parameters() -> None:
    assert [fields_of_xml(body) for body in (b"", b"to=1", b"<message><submit>", b"<message>\xff</message>")] == [
        None
    ] * 4


def test_entities_are_not_read() -> None:
    inside = b"<message><submit><ud>&b;</ud></submit></message>"
    laughs = b'<!DOCTYPE m [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]>' + inside
    file = b'<!DOCTYPE m [<!ENTITY b SYSTEM "file:///etc/passwd">]>' + inside

    assert [fields_of_xml(laughs), fields_of_xml(file)] == [None, None]


def test_elements_that_lie_too_deep_are_not_followed() -> None:
    assert fields_of_xml(b"<a>" * 100_000) is None


@given(body=st.binary(max_size=200))
def test_whatever_is_posted_never_crashes_the_reader(body: bytes) -> None:
    fields_of_xml(body)
    fields_of_xml(b"<message><submit>" + body + b"</submit></message>")


@given(text=st.text(max_size=50))
def test_any_text_that_is_spelt_by_percent_is_read_again(text: str) -> None:
    octets = text.encode("utf-8", "replace")
    spelt = "".join(f"%{octet:02X}" for octet in octets)

    fields = fields_of_xml(f"<message><submit><ud>{spelt}</ud></submit></message>".encode())

    assert fields is not None
    assert fields["text"] == octets
