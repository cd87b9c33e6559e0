"""The APIs of two gateways, Kannel and Jasmin, as a simulated HTTP operator has them.

Each is written by the published reference of its model, and shares nothing with the profile that it is a test for.
"""

from collections.abc import Sequence
from typing import Final
from urllib.parse import unquote_to_bytes, urlencode

import msgspec

from chappe.sim.http_shape import (
    THROTTLED,
    Account,
    Refused,
    Result,
    WebCall,
    form_call,
    http_status,
    knows,
    plain_reply,
    stat_of,
    submit_of,
    text_of,
)
from chappe.sim.outbox import Delivery
from chappe.sim.web_session import WebReply, WebRequest
from chappe.text import gsm7, ucs2
from chappe.wire.smpp.pdus import SubmitSm


class Kannel:
    """smsbox of Kannel 1.4: user's guide, chapter 6."""

    _STATES: Final = {"DELIVRD": "1", "ENROUTE": "4", "ACCEPTD": "8", "REJECTD": "16"}

    def submits(self, request: WebRequest, account: Account) -> list[SubmitSm]:
        """GET /cgi-bin/sendsms."""
        fields = request.fields()
        if not knows(account, fields.get("username", ""), fields.get("password", "")):
            raise Refused(plain_reply(403, "Authorization failed for sendsms"))
        if request.path != "/cgi-bin/sendsms" or "to" not in fields:
            raise Refused(plain_reply(404, "Missing receiver number, rejected"))
        raw = dict(pair.partition("=")[::2] for pair in request.query.split("&"))
        coding = fields.get("coding", "0")
        if coding == "1":
            octets, data_coding = unquote_to_bytes(raw.get("text", "").replace("+", " ")), 4
        else:
            text = fields.get("text", "")
            octets, data_coding = (ucs2.encode(text), 8) if coding == "2" else (gsm7.encode(text), 0)
        udh = unquote_to_bytes(raw.get("udh", "").replace("+", " "))
        url = fields.get("dlr-url", "") if int(fields.get("dlr-mask", "0") or 0) else ""
        return [submit_of(fields, fields["to"], fields.get("from", ""), octets, data_coding, url, udh=udh)]

    def reply(self, results: Sequence[Result]) -> WebReply:
        """One line."""
        status = results[0].status
        if status:
            said = http_status(status)
            return plain_reply(
                said, {429: "Too many requests", 503: "Temporal failure, try again later."}.get(said, "Rejected")
            )
        return plain_reply(202, "0: Accepted for delivery")

    def receipt(self, delivery: Delivery, url: str, account: Account) -> WebCall:
        """GET of the URL that came with the message, its escapes filled in."""
        return WebCall("GET", url.replace("%d", self._STATES.get(stat_of(delivery), "2")))

    def mo(self, delivery: Delivery, url: str, account: Account) -> WebCall:
        """GET of the URL of a sms-service."""
        pdu = delivery.pdu
        filled = urlencode(
            {"from": f"+{pdu.source_addr}", "to": pdu.destination_addr, "text": text_of(pdu), "id": delivery.name}
        )
        return WebCall("GET", f"{url}&{filled}")


# -- Jasmin -----------------------------------------------------------------------------------------------------------


class Jasmin:
    """Jasmin's HTTP API: /send, and the throwers of receipts and messages."""

    def submits(self, request: WebRequest, account: Account) -> list[SubmitSm]:
        """GET or POST /send."""
        fields = request.fields()
        if not knows(account, fields.get("username", ""), fields.get("password", "")):
            raise Refused(plain_reply(403, f'Error "Authentication failure for username:{fields.get("username", "")}"'))
        if request.path != "/send" or "to" not in fields:
            raise Refused(plain_reply(400, 'Error "Mandatory argument [to] is not found."'))
        coding = int(fields.get("coding", "0"))
        if "hex-content" in fields:
            octets = bytes.fromhex(fields["hex-content"])
        else:
            octets = gsm7.encode(fields.get("content", ""))
        url = fields.get("dlr-url", "") if fields.get("dlr") == "yes" else ""
        return [submit_of(fields, fields["to"], fields.get("from", ""), octets, coding, url)]

    def reply(self, results: Sequence[Result]) -> WebReply:
        """Success or Error, with a word in quotes."""
        result = results[0]
        if not result.status:
            return plain_reply(200, f'Success "{result.message_id}"')
        if result.status == THROTTLED:
            return plain_reply(403, 'Error "User throughput exceeded"')
        return plain_reply(
            http_status(result.status), f'Error "Cannot send submit_sm, check SMPPClientManagerPB {result.status}"'
        )

    def receipt(self, delivery: Delivery, url: str, account: Account) -> WebCall:
        """POST of what SMPP says; only the words ACK/Jasmin are a yes."""
        fields = {
            "id": delivery.receipt.message_id if delivery.receipt else delivery.message_id,
            "id_smsc": "0",
            "message_status": stat_of(delivery),
            "level": "2",
            "subdate": "",
            "donedate": delivery.receipt.done_date if delivery.receipt else "",
            "sub": "001",
            "dlvrd": "001",
            "err": f"{delivery.receipt.error if delivery.receipt else 0:03d}",
            "text": "",
        }
        return msgspec.structs.replace(form_call(url, fields), expected=b"ACK/Jasmin")

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
            "content": text_of(pdu),
            "binary": pdu.short_message.hex(),
        }
        return msgspec.structs.replace(form_call(url, fields), expected=b"ACK/Jasmin")


# -- Twilio -----------------------------------------------------------------------------------------------------------
