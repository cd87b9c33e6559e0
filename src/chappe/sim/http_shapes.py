"""The APIs that a simulated HTTP operator can have the shape of: how they are asked, answer, and call back.

Each is written by the published reference of its model, and shares nothing with the profile that it is a test for.
"""

import binascii
import hashlib
import hmac
import json
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol
from urllib.parse import parse_qsl, unquote_to_bytes, urlencode

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
_PAYLOAD: Final = int(Tag.MESSAGE_PAYLOAD)
_THROTTLED: Final = 0x58
_QUEUE_FULL: Final = 0x14
_INVALID_NUMBER: Final = 0x0B
_ROOM: Final = 254


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


def _submit(
    fields: Mapping[str, str], to: str, source: str, octets: bytes, data_coding: int, url: str, *, udh: bytes = b""
) -> SubmitSm:
    octets = udh + octets
    tlvs: tuple[tuple[int, bytes], ...] = (
        (URL_TAG, url.encode()),
        (REFERENCE_TAG, fields.get("reference", "").encode()),
    )
    is_long = len(octets) > _ROOM
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
        tlvs=(*tlvs, (_PAYLOAD, octets)) if is_long else tlvs,
    )


def _coded(text: str) -> tuple[bytes, int]:
    return (gsm7.encode(text), 0) if gsm7.fits(text) else (ucs2.encode(text), 8)


def reference_in(submit: SubmitSm) -> str:
    """The client's own name of a message."""
    return (find(submit.tlvs, REFERENCE_TAG) or b"").decode()


def url_of(delivery: Delivery) -> str:
    """Where the receipt of a message goes."""
    return _kept(delivery, URL_TAG)


def _kept(delivery: Delivery, tag: int) -> str:
    found = find(delivery.submit.tlvs, tag) if delivery.submit is not None else None
    return (found or b"").decode()


def _text_of(pdu: DeliverSm) -> str:
    return ucs2.decode(pdu.short_message) if pdu.data_coding == 8 else gsm7.decode(pdu.short_message)


def _stat(delivery: Delivery) -> str:
    return delivery.receipt.stat if delivery.receipt is not None else ""


def _json(status: int, plain: Any) -> WebReply:
    return WebReply(status, json.dumps(plain).encode())


def _plain(status: int, text: str) -> WebReply:
    return WebReply(status, text.encode(), "text/plain")


def _http_status(status: int) -> int:
    """A refusal of a script as HTTP has it; what is an HTTP status already stays one."""
    return {_THROTTLED: 429, _QUEUE_FULL: 503, 0x08: 503, _INVALID_NUMBER: 400}.get(
        status, status if 400 <= status < 600 else 500
    )


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _form(url: str, fields: Mapping[str, str], headers: Mapping[str, str] | None = None) -> WebCall:
    body = urlencode(fields).encode()
    return WebCall("POST", url, {"Content-Type": "application/x-www-form-urlencoded", **(headers or {})}, body)


def _json_call(url: str, plain: Any, headers: Mapping[str, str] | None = None) -> WebCall:
    return WebCall("POST", url, {"Content-Type": "application/json", **(headers or {})}, json.dumps(plain).encode())


def _basic(headers: Mapping[str, str]) -> str:
    scheme, _, credentials = headers.get("authorization", "").partition(" ")
    try:
        return b64decode(credentials).decode() if scheme.lower() == "basic" else ""
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _knows(account: Account, username: str, password: str) -> bool:
    return not account.username or (username, password) == (account.username, account.password)


# -- Kannel -----------------------------------------------------------------------------------------------------------


class Kannel:
    """smsbox of Kannel 1.4: user's guide, chapter 6."""

    _STATES: Final = {"DELIVRD": "1", "ENROUTE": "4", "ACCEPTD": "8", "REJECTD": "16"}

    def submits(self, request: WebRequest, account: Account) -> list[SubmitSm]:
        """GET /cgi-bin/sendsms."""
        fields = request.fields()
        if not _knows(account, fields.get("username", ""), fields.get("password", "")):
            raise Refused(_plain(403, "Authorization failed for sendsms"))
        if request.path != "/cgi-bin/sendsms" or "to" not in fields:
            raise Refused(_plain(404, "Missing receiver number, rejected"))
        raw = dict(pair.partition("=")[::2] for pair in request.query.split("&"))
        coding = fields.get("coding", "0")
        if coding == "1":
            octets, data_coding = unquote_to_bytes(raw.get("text", "").replace("+", " ")), 4
        else:
            text = fields.get("text", "")
            octets, data_coding = (ucs2.encode(text), 8) if coding == "2" else (gsm7.encode(text), 0)
        udh = unquote_to_bytes(raw.get("udh", "").replace("+", " "))
        url = fields.get("dlr-url", "") if int(fields.get("dlr-mask", "0") or 0) else ""
        return [_submit(fields, fields["to"], fields.get("from", ""), octets, data_coding, url, udh=udh)]

    def reply(self, results: Sequence[Result]) -> WebReply:
        """One line."""
        status = results[0].status
        if status:
            said = _http_status(status)
            return _plain(
                said, {429: "Too many requests", 503: "Temporal failure, try again later."}.get(said, "Rejected")
            )
        return _plain(202, "0: Accepted for delivery")

    def receipt(self, delivery: Delivery, url: str, account: Account) -> WebCall:
        """GET of the URL that came with the message, its escapes filled in."""
        return WebCall("GET", url.replace("%d", self._STATES.get(_stat(delivery), "2")))

    def mo(self, delivery: Delivery, url: str, account: Account) -> WebCall:
        """GET of the URL of a sms-service."""
        pdu = delivery.pdu
        filled = urlencode(
            {"from": f"+{pdu.source_addr}", "to": pdu.destination_addr, "text": _text_of(pdu), "id": delivery.name}
        )
        return WebCall("GET", f"{url}&{filled}")


# -- Jasmin -----------------------------------------------------------------------------------------------------------


class Jasmin:
    """Jasmin's HTTP API: /send, and the throwers of receipts and messages."""

    def submits(self, request: WebRequest, account: Account) -> list[SubmitSm]:
        """GET or POST /send."""
        fields = request.fields()
        if not _knows(account, fields.get("username", ""), fields.get("password", "")):
            raise Refused(_plain(403, f'Error "Authentication failure for username:{fields.get("username", "")}"'))
        if request.path != "/send" or "to" not in fields:
            raise Refused(_plain(400, 'Error "Mandatory argument [to] is not found."'))
        coding = int(fields.get("coding", "0"))
        if "hex-content" in fields:
            octets = bytes.fromhex(fields["hex-content"])
        else:
            octets = gsm7.encode(fields.get("content", ""))
        url = fields.get("dlr-url", "") if fields.get("dlr") == "yes" else ""
        return [_submit(fields, fields["to"], fields.get("from", ""), octets, coding, url)]

    def reply(self, results: Sequence[Result]) -> WebReply:
        """Success or Error, with a word in quotes."""
        result = results[0]
        if not result.status:
            return _plain(200, f'Success "{result.message_id}"')
        if result.status == _THROTTLED:
            return _plain(403, 'Error "User throughput exceeded"')
        return _plain(
            _http_status(result.status), f'Error "Cannot send submit_sm, check SMPPClientManagerPB {result.status}"'
        )

    def receipt(self, delivery: Delivery, url: str, account: Account) -> WebCall:
        """POST of what SMPP says; only the words ACK/Jasmin are a yes."""
        fields = {
            "id": delivery.receipt.message_id if delivery.receipt else delivery.message_id,
            "id_smsc": "0",
            "message_status": _stat(delivery),
            "level": "2",
            "subdate": "",
            "donedate": "",
            "sub": "001",
            "dlvrd": "001",
            "err": f"{delivery.receipt.error if delivery.receipt else 0:03d}",
            "text": "",
        }
        return msgspec.structs.replace(_form(url, fields), expected=b"ACK/Jasmin")

    def mo(self, delivery: Delivery, url: str, account: Account) -> WebCall:
        """POST of a message."""
        pdu = delivery.pdu
        fields = {
            "id": delivery.name,
            "from": pdu.source_addr,
            "to": pdu.destination_addr,
            "origin-connector": "sim",
            "priority": "1",
            "coding": str(pdu.data_coding),
            "validity": "",
            "content": _text_of(pdu),
            "binary": pdu.short_message.hex(),
        }
        return msgspec.structs.replace(_form(url, fields), expected=b"ACK/Jasmin")


# -- Twilio -----------------------------------------------------------------------------------------------------------


class Twilio:
    """The Messages resource of Twilio's API of 2010, and its signed webhooks."""

    _STATES: Final = {"DELIVRD": "delivered", "ENROUTE": "sent", "ACCEPTD": "sent", "REJECTD": "failed"}

    def submits(self, request: WebRequest, account: Account) -> list[SubmitSm]:
        """POST …/Messages.json."""
        username, _, password = _basic(request.headers).partition(":")
        if not _knows(account, username, password):
            raise Refused(_json(401, {"code": 20003, "message": "Authenticate", "status": 401}))
        fields = request.fields()
        if request.path != f"/2010-04-01/Accounts/{username}/Messages.json" or "To" not in fields:
            raise Refused(_json(404, {"code": 20404, "message": "The requested resource was not found", "status": 404}))
        octets, data_coding = _coded(fields.get("Body", ""))
        return [
            _submit(fields, fields["To"], fields.get("From", ""), octets, data_coding, fields.get("StatusCallback", ""))
        ]

    def reply(self, results: Sequence[Result]) -> WebReply:
        """A message resource, or an error."""
        result = results[0]
        if not result.status:
            return _json(201, {"sid": _sid(result.message_id), "status": "queued", "error_code": None})
        status = _http_status(result.status)
        return _json(status, {"code": {429: 20429, 400: 21211}.get(status, 20500), "message": "No", "status": status})

    def receipt(self, delivery: Delivery, url: str, account: Account) -> WebCall:
        """A signed form."""
        stat = _stat(delivery)
        fields = {
            "MessageSid": _sid(delivery.receipt.message_id if delivery.receipt else delivery.message_id),
            "MessageStatus": self._STATES.get(stat, "undelivered"),
            "To": f"+{delivery.pdu.source_addr}",
            "From": delivery.pdu.destination_addr,
        }
        return self._signed(url, fields if stat == "DELIVRD" else {**fields, "ErrorCode": "30003"}, account)

    def mo(self, delivery: Delivery, url: str, account: Account) -> WebCall:
        """The same."""
        pdu = delivery.pdu
        fields = {
            "MessageSid": _sid(delivery.name),
            "From": f"+{pdu.source_addr}",
            "To": pdu.destination_addr,
            "Body": _text_of(pdu),
        }
        return self._signed(url, fields, account)

    def _signed(self, url: str, fields: Mapping[str, str], account: Account) -> WebCall:
        said = url + "".join(name + fields[name] for name in sorted(fields))
        made = hmac.new(account.secret.encode(), said.encode(), hashlib.sha1).digest()
        return _form(url, fields, {"X-Twilio-Signature": b64encode(made).decode()})


def _sid(message_id: str) -> str:
    return f"SM{message_id}"


# -- Vonage -----------------------------------------------------------------------------------------------------------


class Vonage:
    """The SMS API of Vonage, once Nexmo: /sms/json, and its webhooks."""

    _STATES: Final = {"DELIVRD": "delivered", "EXPIRED": "expired", "REJECTD": "rejected", "ENROUTE": "buffered"}

    def submits(self, request: WebRequest, account: Account) -> list[SubmitSm]:
        """POST /sms/json.  Errors are answers with 200."""
        fields = request.fields()
        if not _knows(account, fields.get("api_key", ""), fields.get("api_secret", "")):
            raise Refused(self._no("4", "Invalid credentials"))
        if request.path != "/sms/json" or "to" not in fields:
            raise Refused(self._no("2", "Missing to"))
        kind = fields.get("type", "text")
        udh = bytes.fromhex(fields.get("udh", ""))
        if kind == "binary":
            octets, data_coding = bytes.fromhex(fields.get("body", "")), 4
        else:
            text = fields.get("text", "")
            octets, data_coding = (ucs2.encode(text), 8) if kind == "unicode" else (gsm7.encode(text), 0)
        url = fields.get("callback", "") if fields.get("status-report-req") == "1" else ""
        kept = {"reference": fields.get("client-ref", "")}
        return [_submit(kept, fields["to"], fields.get("from", ""), octets, data_coding, url, udh=udh)]

    def reply(self, results: Sequence[Result]) -> WebReply:
        """A list of one for each part; 0 is a yes."""
        result = results[0]
        if not result.status:
            told = {"to": result.submit.destination_addr, "message-id": result.message_id, "status": "0"}
            return _json(200, {"message-count": "1", "messages": [told]})
        if result.status >= 400:
            return _json(result.status, {})
        return self._no({_THROTTLED: "1", _QUEUE_FULL: "1", _INVALID_NUMBER: "3"}.get(result.status, "5"), "No")

    def _no(self, code: str, text: str) -> WebReply:
        return _json(200, {"message-count": "1", "messages": [{"status": code, "error-text": text}]})

    def receipt(self, delivery: Delivery, url: str, account: Account) -> WebCall:
        """JSON."""
        stat = _stat(delivery)
        plain = {
            "msisdn": delivery.pdu.source_addr,
            "to": delivery.pdu.destination_addr,
            "messageId": delivery.receipt.message_id if delivery.receipt else delivery.message_id,
            "status": self._STATES.get(stat, "failed"),
            "err-code": "0" if stat == "DELIVRD" else "5",
            "client-ref": _kept(delivery, REFERENCE_TAG),
        }
        return _json_call(url, plain)

    def mo(self, delivery: Delivery, url: str, account: Account) -> WebCall:
        """JSON."""
        pdu = delivery.pdu
        plain = {"msisdn": pdu.source_addr, "to": pdu.destination_addr, "messageId": delivery.name}
        return _json_call(url, {**plain, "text": _text_of(pdu), "type": "text"})


# -- Infobip ----------------------------------------------------------------------------------------------------------


class Infobip:
    """Infobip's SMS API: many messages at once, the caller's own ids, reports in lists."""

    _GROUPS: Final = {
        "DELIVRD": "DELIVERED",
        "EXPIRED": "EXPIRED",
        "REJECTD": "REJECTED",
        "ENROUTE": "PENDING",
        "ACCEPTD": "PENDING",
    }

    def lookup(self, request: WebRequest, ids_by_reference: Mapping[str, str]) -> WebReply | None:
        """GET /sms/1/logs."""
        if request.path != "/sms/1/logs":
            return None
        asked = request.fields().get("messageId", "")
        found = [{"messageId": asked, "status": {"groupName": "PENDING"}}] if asked in ids_by_reference else []
        return _json(200, {"results": found})

    def submits(self, request: WebRequest, account: Account) -> list[SubmitSm]:
        """POST /sms/2/text/advanced."""
        if account.username and request.headers.get("authorization") != f"App {account.password}":
            raise Refused(_json(401, {"requestError": {"serviceException": {"messageId": "UNAUTHORIZED"}}}))
        if request.path != "/sms/2/text/advanced":
            raise Refused(_json(404, {"requestError": {"serviceException": {"messageId": "NOT_FOUND"}}}))
        found: list[SubmitSm] = []
        for message in json.loads(request.body)["messages"]:
            for destination in message["destinations"]:
                octets, data_coding = _coded(message.get("text", ""))
                kept = {"reference": destination.get("messageId", "")}
                url = message.get("notifyUrl", "")
                found.append(_submit(kept, destination["to"], message.get("from", ""), octets, data_coding, url))
        return found

    def reply(self, results: Sequence[Result]) -> WebReply:
        """A list with a group for each; a slower pace is asked for as a whole."""
        statuses = {result.status for result in results}
        if len(statuses) == 1 and statuses != {0}:
            return _json(_http_status(results[0].status), {"requestError": {"serviceException": {"text": "No"}}})
        return _json(200, {"messages": [self._told(result) for result in results]})

    def _told(self, result: Result) -> dict[str, Any]:
        own = (find(result.submit.tlvs, REFERENCE_TAG) or b"").decode()
        group = {0: "PENDING", _THROTTLED: "TOO_MANY_REQUESTS", _QUEUE_FULL: "TOO_MANY_REQUESTS"}.get(
            result.status, "REJECTED"
        )
        return {
            "to": result.submit.destination_addr,
            "messageId": own or result.message_id,
            "status": {"groupName": group, "name": f"{group}_ENROUTE"},
        }

    def receipt(self, delivery: Delivery, url: str, account: Account) -> WebCall:
        """A list of reports."""
        stat = _stat(delivery)
        error = "NO_ERROR" if stat == "DELIVRD" else "EC_ABSENT_SUBSCRIBER"
        report = {
            "messageId": _kept(delivery, REFERENCE_TAG) or delivery.message_id,
            "to": delivery.pdu.source_addr,
            "status": {"groupName": self._GROUPS.get(stat, "UNDELIVERABLE")},
            "error": {"name": error},
        }
        return _json_call(url, {"results": [report]}, _basic_header(account))

    def mo(self, delivery: Delivery, url: str, account: Account) -> WebCall:
        """A list of messages."""
        pdu = delivery.pdu
        message = {
            "messageId": delivery.name,
            "from": pdu.source_addr,
            "to": pdu.destination_addr,
            "text": _text_of(pdu),
        }
        return _json_call(url, {"results": [message], "messageCount": 1}, _basic_header(account))


def _basic_header(account: Account) -> dict[str, str]:
    return {"Authorization": "Basic " + b64encode(f"{account.caller}:{account.secret}".encode()).decode()}


SHAPES: Final[Mapping[str, Shape]] = {
    "kannel": Kannel(),
    "jasmin": Jasmin(),
    "twilio": Twilio(),
    "vonage": Vonage(),
    "infobip": Infobip(),
}


def query_of(url: str) -> dict[str, str]:
    """The parameters of a URL."""
    return dict(parse_qsl(url.partition("?")[2]))
