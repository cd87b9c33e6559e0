"""What an API that a simulated HTTP operator can have the shape of must say, and what all of them need to say it.

It must never know one of them.
"""

import binascii
import json
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol
from urllib.parse import urlencode

import msgspec

from chappe.sim.outbox import Delivery
from chappe.sim.web_session import WebReply, WebRequest
from chappe.text import gsm7, ucs2
from chappe.wire.smpp.constants import EsmClass, Npi, RegisteredDelivery, Ton
from chappe.wire.smpp.pdus import DeliverSm, SubmitSm
from chappe.wire.smpp.tlvs import Tag, find

#: Where a submit keeps what HTTP says and SMPP does not: the URL of its receipts, and the client's own reference.
URL_TAG: Final = 0x3FF0
REFERENCE_TAG: Final = 0x3FF1
PAYLOAD: Final = int(Tag.MESSAGE_PAYLOAD)
THROTTLED: Final = 0x58
QUEUE_FULL: Final = 0x14
INVALID_NUMBER: Final = 0x0B
ROOM: Final = 254


class Account(msgspec.Struct, frozen=True):
    """Who may ask, and how calls are proved; an empty name lets anyone ask."""

    username: str = ""
    password: str = ""
    secret: str = ""
    caller: str = ""


class Refused(Exception):
    """A request that is no submit."""

    def __init__(self, reply: WebReply) -> None:
        super().__init__(reply.status)
        self.reply = reply


class Result(msgspec.Struct, frozen=True):
    """What became of one message of a request: an id, or the status of a refusal as SMPP has it."""

    submit: SubmitSm
    message_id: str = ""
    status: int = 0


class WebCall(msgspec.Struct, frozen=True):
    """A call of the operator to its customer."""

    method: str
    url: str
    headers: Mapping[str, str] = {}
    body: bytes = b""
    #: What the answer must say besides 2xx.
    expected: bytes = b""


class Shape(Protocol):
    """One API."""

    def submits(self, request: WebRequest, account: Account) -> list[SubmitSm]:
        """The messages of a request.  Raises: Refused."""
        ...

    def reply(self, results: Sequence[Result]) -> WebReply:
        """What they are answered with."""
        ...

    def receipt(self, delivery: Delivery, url: str, account: Account) -> WebCall:
        """How a receipt is brought."""
        ...

    def mo(self, delivery: Delivery, url: str, account: Account) -> WebCall:
        """How a message from a handset is brought."""
        ...


# -- what they share --------------------------------------------------------------------------------------------------


def submit_of(
    fields: Mapping[str, str], to: str, source: str, octets: bytes, data_coding: int, url: str, *, udh: bytes = b""
) -> SubmitSm:
    """A message of a request as SMPP would carry it."""
    octets = udh + octets
    tlvs: tuple[tuple[int, bytes], ...] = (
        (URL_TAG, url.encode()),
        (REFERENCE_TAG, fields.get("reference", "").encode()),
    )
    is_long = len(octets) > ROOM
    return SubmitSm(
        source_addr_ton=Ton.INTERNATIONAL if source.lstrip("+").isdecimal() else Ton.ALPHANUMERIC,
        source_addr=source.lstrip("+")[:20],
        dest_addr_ton=Ton.INTERNATIONAL,
        dest_addr_npi=Npi.E164,
        destination_addr=to.lstrip("+")[:20],
        esm_class=EsmClass.UDHI if udh else 0,
        registered_delivery=RegisteredDelivery.RECEIPT_ALWAYS if url else 0,
        data_coding=data_coding,
        short_message=b"" if is_long else octets,
        tlvs=(*tlvs, (PAYLOAD, octets)) if is_long else tlvs,
    )


def coded(text: str) -> tuple[bytes, int]:
    """A text in octets, and their data_coding."""
    return (gsm7.encode(text), 0) if gsm7.fits(text) else (ucs2.encode(text), 8)


def reference_in(submit: SubmitSm) -> str:
    """The client's own name of a message."""
    return (find(submit.tlvs, REFERENCE_TAG) or b"").decode()


def url_of(delivery: Delivery) -> str:
    """Where the receipt of a message goes."""
    return kept_in(delivery, URL_TAG)


def kept_in(delivery: Delivery, tag: int) -> str:
    """What a TLV of the submit keeps that a receipt is about."""
    found = find(delivery.submit.tlvs, tag) if delivery.submit is not None else None
    return (found or b"").decode()


def text_of(pdu: DeliverSm) -> str:
    """What a message from a handset says."""
    return ucs2.decode(pdu.short_message) if pdu.data_coding == 8 else gsm7.decode(pdu.short_message)


def stat_of(delivery: Delivery) -> str:
    """A receipt's word, as SMPP has it."""
    return delivery.receipt.stat if delivery.receipt is not None else ""


def json_reply(status: int, plain: Any) -> WebReply:
    """An answer in JSON."""
    return WebReply(status, json.dumps(plain).encode())


def plain_reply(status: int, text: str) -> WebReply:
    """An answer in words."""
    return WebReply(status, text.encode(), "text/plain")


def http_status(status: int) -> int:
    """A refusal of a script as HTTP has it; what is an HTTP status already stays one."""
    return {THROTTLED: 429, QUEUE_FULL: 503, 0x08: 503, INVALID_NUMBER: 400}.get(
        status, status if 400 <= status < 600 else 500
    )


def octets_of(text: str) -> bytes:
    """A field of a form as the octets that it was."""
    return text.encode("utf-8", "surrogateescape")


def form_call(url: str, fields: Mapping[str, str], headers: Mapping[str, str] | None = None) -> WebCall:
    """A call with a form."""
    body = urlencode(fields).encode()
    return WebCall("POST", url, {"Content-Type": "application/x-www-form-urlencoded", **(headers or {})}, body)


def json_call(url: str, plain: Any, headers: Mapping[str, str] | None = None) -> WebCall:
    """A call with JSON."""
    return WebCall("POST", url, {"Content-Type": "application/json", **(headers or {})}, json.dumps(plain).encode())


def basic_of(headers: Mapping[str, str]) -> str:
    """Name and password of a request, parted by a colon; empty where there are none."""
    scheme, _, credentials = headers.get("authorization", "").partition(" ")
    try:
        return b64decode(credentials).decode() if scheme.lower() == "basic" else ""
    except (binascii.Error, UnicodeDecodeError):
        return ""


def knows(account: Account, username: str, password: str) -> bool:
    """Whether this is who may ask."""
    return not account.username or (username, password) == (account.username, account.password)


# -- Kannel -----------------------------------------------------------------------------------------------------------


def basic_header(account: Account) -> dict[str, str]:
    """How a call of the operator proves itself."""
    return {"Authorization": "Basic " + b64encode(f"{account.caller}:{account.secret}".encode()).decode()}
