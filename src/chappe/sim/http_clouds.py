"""APIs of the shapes of Twilio, Vonage and Infobip, as a simulated HTTP operator has them.

Each is written by the published reference of its model, and shares nothing with the profile that it is a test for.
"""

import hashlib
import hmac
import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from chappe.sim.http_shape import (
    INVALID_NUMBER,
    QUEUE_FULL,
    REFERENCE_TAG,
    THROTTLED,
    Account,
    Refused,
    Result,
    WebCall,
    basic_header,
    basic_of,
    coded,
    form_call,
    http_status,
    json_call,
    json_reply,
    kept_in,
    knows,
    stat_of,
    submit_of,
    text_of,
)
from chappe.sim.outbox import Delivery
from chappe.sim.web_session import WebReply, WebRequest
from chappe.text import gsm7, ucs2
from chappe.wire.smpp.pdus import SubmitSm
from chappe.wire.smpp.tlvs import find


class Twilio:
    """The Messages resource of Twilio's API of 2010, and its signed webhooks."""

    _STATES: Final = {"DELIVRD": "delivered", "ENROUTE": "sent", "ACCEPTD": "sent", "REJECTD": "failed"}

    def submits(self, request: WebRequest, account: Account) -> list[SubmitSm]:
        """POST …/Messages.json."""
        username, _, password = basic_of(request.headers).partition(":")
        if not knows(account, username, password):
            raise Refused(json_reply(401, {"code": 20003, "message": "Authenticate", "status": 401}))
        fields = request.fields()
        if request.path != f"/2010-04-01/Accounts/{username}/Messages.json" or "To" not in fields:
            raise Refused(
                json_reply(404, {"code": 20404, "message": "The requested resource was not found", "status": 404})
            )
        octets, data_coding = coded(fields.get("Body", ""))
        return [
            submit_of(
                fields, fields["To"], fields.get("From", ""), octets, data_coding, fields.get("StatusCallback", "")
            )
        ]

    def reply(self, results: Sequence[Result]) -> WebReply:
        """A message resource, or an error."""
        result = results[0]
        if not result.status:
            return json_reply(201, {"sid": _sid(result.message_id), "status": "queued", "error_code": None})
        status = http_status(result.status)
        return json_reply(
            status, {"code": {429: 20429, 400: 21211}.get(status, 20500), "message": "No", "status": status}
        )

    def receipt(self, delivery: Delivery, url: str, account: Account) -> WebCall:
        """A signed form."""
        stat = stat_of(delivery)
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
            "Body": text_of(pdu),
        }
        return self._signed(url, fields, account)

    def _signed(self, url: str, fields: Mapping[str, str], account: Account) -> WebCall:
        said = url + "".join(name + fields[name] for name in sorted(fields))
        made = hmac.new(account.secret.encode(), said.encode(), hashlib.sha1).digest()
        return form_call(url, fields, {"X-Twilio-Signature": b64encode(made).decode()})


def _sid(message_id: str) -> str:
    return f"SM{message_id}"


# -- Vonage -----------------------------------------------------------------------------------------------------------


class Vonage:
    """The SMS API of Vonage, once Nexmo: /sms/json, and its webhooks."""

    _STATES: Final = {"DELIVRD": "delivered", "EXPIRED": "expired", "REJECTD": "rejected", "ENROUTE": "buffered"}

    def submits(self, request: WebRequest, account: Account) -> list[SubmitSm]:
        """POST /sms/json.  Errors are answers with 200."""
        fields = request.fields()
        if not knows(account, fields.get("api_key", ""), fields.get("api_secret", "")):
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
        return [submit_of(kept, fields["to"], fields.get("from", ""), octets, data_coding, url, udh=udh)]

    def reply(self, results: Sequence[Result]) -> WebReply:
        """A list of one for each part; 0 is a yes."""
        result = results[0]
        if not result.status:
            told = {"to": result.submit.destination_addr, "message-id": result.message_id, "status": "0"}
            return json_reply(200, {"message-count": "1", "messages": [told]})
        if result.status >= 400:
            return json_reply(result.status, {})
        return self._no({THROTTLED: "1", QUEUE_FULL: "1", INVALID_NUMBER: "3"}.get(result.status, "5"), "No")

    def _no(self, code: str, text: str) -> WebReply:
        return json_reply(200, {"message-count": "1", "messages": [{"status": code, "error-text": text}]})

    def receipt(self, delivery: Delivery, url: str, account: Account) -> WebCall:
        """JSON."""
        stat = stat_of(delivery)
        plain = {
            "msisdn": delivery.pdu.source_addr,
            "to": delivery.pdu.destination_addr,
            "messageId": delivery.receipt.message_id if delivery.receipt else delivery.message_id,
            "status": self._STATES.get(stat, "failed"),
            "err-code": "0" if stat == "DELIVRD" else "5",
            "client-ref": kept_in(delivery, REFERENCE_TAG),
            "message-timestamp": f"{datetime.fromtimestamp(delivery.made_at_s, UTC):%Y-%m-%d %H:%M:%S}",
        }
        return json_call(url, plain)

    def mo(self, delivery: Delivery, url: str, account: Account) -> WebCall:
        """JSON."""
        pdu = delivery.pdu
        plain = {"msisdn": pdu.source_addr, "to": pdu.destination_addr, "messageId": delivery.name}
        return json_call(url, {**plain, "text": text_of(pdu), "type": "text"})


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
        return json_reply(200, {"results": found})

    def submits(self, request: WebRequest, account: Account) -> list[SubmitSm]:
        """POST /sms/2/text/advanced."""
        if account.username and request.headers.get("authorization") != f"App {account.password}":
            raise Refused(json_reply(401, {"requestError": {"serviceException": {"messageId": "UNAUTHORIZED"}}}))
        if request.path != "/sms/2/text/advanced":
            raise Refused(json_reply(404, {"requestError": {"serviceException": {"messageId": "NOT_FOUND"}}}))
        found: list[SubmitSm] = []
        for message in json.loads(request.body)["messages"]:
            for destination in message["destinations"]:
                octets, data_coding = coded(message.get("text", ""))
                kept = {"reference": destination.get("messageId", "")}
                url = message.get("notifyUrl", "")
                found.append(submit_of(kept, destination["to"], message.get("from", ""), octets, data_coding, url))
        return found

    def reply(self, results: Sequence[Result]) -> WebReply:
        """A list with a group for each; a slower pace is asked for as a whole."""
        statuses = {result.status for result in results}
        if len(statuses) == 1 and statuses != {0}:
            return json_reply(http_status(results[0].status), {"requestError": {"serviceException": {"text": "No"}}})
        return json_reply(200, {"messages": [self._told(result) for result in results]})

    def _told(self, result: Result) -> dict[str, Any]:
        own = (find(result.submit.tlvs, REFERENCE_TAG) or b"").decode()
        group = {0: "PENDING", THROTTLED: "TOO_MANY_REQUESTS", QUEUE_FULL: "TOO_MANY_REQUESTS"}.get(
            result.status, "REJECTED"
        )
        return {
            "to": result.submit.destination_addr,
            "messageId": own or result.message_id,
            "status": {"groupName": group, "name": f"{group}_ENROUTE"},
        }

    def receipt(self, delivery: Delivery, url: str, account: Account) -> WebCall:
        """A list of reports."""
        stat = stat_of(delivery)
        error = "NO_ERROR" if stat == "DELIVRD" else "EC_ABSENT_SUBSCRIBER"
        report = {
            "messageId": kept_in(delivery, REFERENCE_TAG) or delivery.message_id,
            "to": delivery.pdu.source_addr,
            "status": {"groupName": self._GROUPS.get(stat, "UNDELIVERABLE")},
            "error": {"name": error},
            "doneAt": f"{datetime.fromtimestamp(delivery.made_at_s, UTC):%Y-%m-%dT%H:%M:%S.000+0000}",
        }
        return json_call(url, {"results": [report]}, basic_header(account))

    def mo(self, delivery: Delivery, url: str, account: Account) -> WebCall:
        """A list of messages."""
        pdu = delivery.pdu
        message = {
            "messageId": delivery.name,
            "from": pdu.source_addr,
            "to": pdu.destination_addr,
            "text": text_of(pdu),
        }
        return json_call(url, {"results": [message], "messageCount": 1}, basic_header(account))
