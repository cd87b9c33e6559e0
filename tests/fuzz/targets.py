"""What must hold of everything that reads foreign octets, whatever they are: each target takes octets and asserts.

It must never know where the octets come from: hypothesis and atheris both call these.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import msgspec

from chappe.clients.account import CallbackRights
from chappe.clients.http_path import Path
from chappe.clients.http_preview import preview_of
from chappe.clients.http_translate import item_of
from chappe.clients.http_view import accepted_of
from chappe.clients.kannel_xml import fields_of_xml
from chappe.model.message import Item, Message
from chappe.net.http_heads import KnownHeads
from chappe.net.http_message import Reply, Request
from chappe.net.http_reader import RequestReader
from chappe.operators import translate as smpp_out
from chappe.operators import ucp_translate as ucp_out
from chappe.operators.dialect import UnsendableError
from chappe.operators.shape import Wire
from chappe.store.bodies import pack, unpack_message
from chappe.text import udh
from chappe.text.reading import read
from chappe.text.segments import SplitMethod
from chappe.wire.http import posted
from chappe.wire.http.messages import NewMessage
from chappe.wire.http.problems import Refusal, problem_of
from chappe.wire.smpp import codec, receipt_text
from chappe.wire.smpp.framer import Framer
from chappe.wire.smpp.pdus import BindTransceiver
from chappe.wire.smpp.session import Role, Session
from chappe.wire.ucp import codec as ucp_codec
from chappe.wire.ucp.errors import OperationError
from chappe.wire.ucp.facts import Request as UcpRequest
from chappe.wire.ucp.facts import SignOnRequest
from chappe.wire.ucp.framer import Framer as UcpFramer
from chappe.wire.ucp.operations import (
    DeliverNotification,
    DeliverShortMessage,
    SessionManagement,
    SmsMessageTransfer,
)
from chappe.wire.ucp.session import Session as UcpSession
from chappe.wire.ucp.states import Role as UcpRole

_ID: Final = 2816341877214478336
_NOW_MS: Final = 1_800_000_000_000
_RIGHTS: Final = CallbackRights(has_url=True, may_name_url=True)
_encode: Final = msgspec.json.Encoder().encode


# -- JSON ---------------------------------------------------------------------------------------------------------


def json(octets: bytes) -> None:
    """A body of `POST /v1/messages`: each message is refused by name, or can be stored, told of and sent."""
    told = posted.read(octets)
    for each in told.messages if isinstance(told, posted.Bulk) else [told]:
        if isinstance(each, Refusal):
            _check_refusal(each)
        else:
            for split in SplitMethod:
                _check_message(each, split)


def _check_refusal(refusal: Refusal) -> None:
    assert refusal.detail
    _encode(problem_of(refusal, "1"))


def _check_message(new: NewMessage, split: SplitMethod) -> None:
    judged = item_of(new, _ID, "acme", 1, _NOW_MS, lambda to, source: Path("operator:sim", split), _RIGHTS)
    previewed = preview_of(new, "acme", _NOW_MS, lambda to, source: Path("operator:sim", split))
    if isinstance(judged, Refusal):
        _check_refusal(judged)
        return
    assert new.callback_url is not None or not isinstance(previewed, Refusal)
    _check_item(judged, split)


def _check_item(item: Item, split: SplitMethod) -> None:
    message = item.content
    assert isinstance(message, Message)
    _encode(accepted_of(item))
    assert unpack_message(pack(message)) == message
    wire = Wire(split=split)
    pdus = smpp_out.submits_of(message, wire) if message.parts > 1 else [smpp_out.submit_of(message, wire)]
    assert len(pdus) == message.parts
    for pdu in pdus:
        command_id, *_, body = Framer().feed(codec.encode(pdu, 1))[0]
        assert codec.decode(command_id, body) == pdu
    try:
        operations = ucp_out.submits_of(message, wire) if message.parts > 1 else [ucp_out.submit_of(message, wire)]
    except UnsendableError:
        # UCP has not every alphabet and TLV; that is told as a refusal.
        return
    for operation in operations:
        ucp_codec.write_operation(1, operation)


# -- texts --------------------------------------------------------------------------------------------------------


def receipt(octets: bytes) -> None:
    """A receipt's text under any data_coding, its TLVs made of the same octets."""
    data_coding, cut = octets[0] if octets else 0, octets[1] if len(octets) > 1 else 0
    body, rest = octets[2 : 2 + cut] or octets, octets[2 + cut :]
    for tlvs in ((), ((0x001E, rest),), ((0x0424, body), (0x0427, rest[:1]), (0x0423, rest[:3]))):
        told = receipt_text.parse(body, data_coding, tlvs)
        if told is None:
            continue
        assert 0 <= told.state <= 0xFF
        for each in filter(None, (told.id, told.alternative_id)):
            for base in receipt_text.ID_BASES:
                forms = receipt_text.id_candidates(each, base, ignores_case=True, ignores_zeros=True)
                assert forms[0] == each


def header(octets: bytes) -> None:
    """A user data header: what is well formed is written again as it was, and the text reads in every coding."""
    found, rest = udh.strip(octets)
    assert octets.endswith(rest)
    if not found.is_malformed and found.elements:
        assert udh.build(found.elements) + rest == octets
    for data_coding in (0, 1, 3, 4, 8, 16, 24, octets[0] if octets else 0):
        for has_udh in (False, True):
            read(octets, data_coding, has_udh=has_udh).encode("utf-8", "surrogatepass")


# -- sessions -----------------------------------------------------------------------------------------------------


def _pieces(octets: bytes) -> Iterable[bytes]:
    """The first octet says where TCP cuts."""
    step = octets[0] if octets and octets[0] else 1_000
    return [octets[at : at + step] for at in range(1, len(octets), step)]


def smpp(octets: bytes) -> None:
    """Both roles, before and after a bind: what is written can be read, and a closed session says nothing more."""
    for role in Role:
        for is_bound in (False, True):
            session = Session(role, now=0.0)
            if is_bound and role is Role.MC:
                session.receive(codec.encode(BindTransceiver("fuzz", "secret"), 1), 0.0)
                session.accept_bind(1)
            elif is_bound:
                session.bind(BindTransceiver("fuzz", "secret"), 0.0)
                session.receive(bytes.fromhex("00000015800000090000000000000001") + b"smsc\0", 0.0)
            framer = Framer()
            for piece in _pieces(octets):
                session.receive(piece, 1.0)
                for command_id, _, _, body in framer.feed(session.take_octets()):
                    codec.decode(command_id, body)
            session.tick(10_000.0)
            assert framer.error is None


def ucp(octets: bytes) -> None:
    """Both roles: answers are whole frames, and whatever an operator asks can be read or is refused."""
    for role in UcpRole:
        session = UcpSession(role, now=0.0)
        if role is UcpRole.CLIENT:
            session.trust()
        framer = UcpFramer()
        for piece in (_SIGN_ON if role is UcpRole.SMSC else b"", *_pieces(octets)):
            for fact in session.receive(piece, 1.0):
                if isinstance(fact, SignOnRequest):
                    session.accept_sign_on(fact.trn)
                elif isinstance(fact, UcpRequest):
                    _read_operation(fact.operation)
            for frame in framer.feed(session.take_octets()):
                assert ucp_codec.read_frame(frame)
        session.tick(10_000.0)
        assert not framer.lost


_SIGN_ON: Final = ucp_codec.write_operation(
    1, SessionManagement(oadc="fuzz", oton="6", onpi="5", styp="1", pwd="736563726574", vers="0100")
)


def _read_operation(operation: Any) -> None:
    try:
        if isinstance(operation, DeliverNotification):
            pack(ucp_out.report_of(operation, _ID, "sim", Wire(), _NOW_MS))
        elif isinstance(operation, (DeliverShortMessage, SmsMessageTransfer)):
            message, _ = ucp_out.mo_of(operation, _ID, "sim")
            assert unpack_message(pack(message)) == message
    except OperationError:
        return


class _Nowhere:
    peer = "192.0.2.1"
    is_tls = False
    certificate = None

    def reply(self, request: Request, reply: Reply) -> None:
        raise AssertionError("nobody asked")


def http(octets: bytes) -> None:
    """Requests of one connection, wherever TCP cuts: at most what a request may hold is kept."""
    reader = RequestReader(_Nowhere(), KnownHeads())
    for piece in _pieces(octets):
        for request in reader.feed(piece):
            assert request.method
            str(request.headers)
    reader.end()


def kannel_xml(octets: bytes) -> None:
    """A message in Kannel's XML."""
    fields = fields_of_xml(octets)
    assert fields is None or all(isinstance(each, bytes) for each in fields.values())


#: Each target by its name, with good octets to begin with.
TARGETS: Final[Mapping[str, tuple[Callable[[bytes], None], tuple[bytes, ...]]]] = {
    "json": (
        json,
        (
            b'{"to":"+37120000001","from":"SHOP","text":"Your code is 1234","reference":"order-881","tags":["otp"]}',
            b'{"messages":[{"to":"12345","binary":"00ff","udh":"050003010201","data_coding":245},{"to":"x"}]}',
            b'{"to":"+37120000001","text":"\\u0100\\ud83d\\ude00","encoding":"ucs2","validity_seconds":600}',
            b'{"to":"+37120000001","text":"' + b"a long text \xe2\x82\xac" * 20 + b'","transliterate":true}',
            b'{"to":"+37120000001","text":"hi","send_at":"2027-01-15T08:00:00Z","priority":"high","report":"all"}',
            b'{"to":"+37120000001","text":"hi","callback_url":"https://example.com/dlr","encoding":"latin1"}',
        ),
    ),
    "receipt": (
        receipt,
        (
            b"\0\xffid:7 sub:001 dlvrd:001 submit date:2601010000 done date:2601010000 stat:DELIVRD err:000 text:hi",
            b"\x08\xff\0i\0d\0:\0A\0B\0 \0s\0t\0a\0t\0:\0U\0N\0D\0E\0L\0I\0V",
            b"\0\x20Message ID = 0xABCDEF, status=EXPIRED\r\nError code:12",
        ),
    ),
    "header": (header, (b"\x05\x00\x03\x01\x02\x01text", b"\x0b\x05\x04\x0b\x84\x23\xf0\x00\x03\x01\x02\x01wap")),
    "smpp": (
        smpp,
        (
            b"\0" + codec.encode(BindTransceiver("fuzz", "secret"), 1),
            b"\x07" + bytes.fromhex("00000010000000150000000000000002"),
        ),
    ),
    "ucp": (
        ucp,
        (
            b"\0" + _SIGN_ON,
            b"\0" + ucp_codec.write_operation(2, DeliverShortMessage(adc="12345", oadc="371", mt="3", msg="766f7465")),
            b"\0" + ucp_codec.write_operation(3, DeliverNotification(adc="12345", oadc="371", dst="0", rsn="000")),
        ),
    ),
    "http": (
        http,
        (
            b"\0POST /v1/messages HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi",
            b"\x09POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n",
        ),
    ),
    "kannel_xml": (kannel_xml, (b"<message><submit><da><number>371</number></da><ud>hi</ud></submit></message>",)),
}
