"""Callbacks as Jasmin makes them: parameters by GET or POST, taken when the answer says `ACK/Jasmin`.

Pure: items and moments in, octets out.
"""

from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import urlencode

from chappe.callbacks.receipt_words import STATE_BY_STATUS
from chappe.callbacks.terms import Outgoing, Piece, Terms
from chappe.model.lifecycle import Status
from chappe.model.message import Item, Message, Receipt
from chappe.rules.asked import Outcome, Words, asked_of, outcome_of
from chappe.text import udh
from chappe.text.encoding import Encoding, decode_text, encoding_of
from chappe.wire.http.jasmin import ACKNOWLEDGED, minute_of, uuid_of
from chappe.wire.smpp.receipt_text import STAT_BY_STATE
from chappe.wire.smpp.statuses import CommandStatus

_UDHI: Final = 0x40
_FORM: Final = "Content-Type: application/x-www-form-urlencoded\r\nAccept: text/plain\r\n"
#: What an operator's response says, and what its receipt says.
_OF_RESPONSE: Final = 1
_OF_RECEIPT: Final = 2

Params = dict[str, str | bytes]


class JasminFormat:
    """The calls that docs/jasmin.md describes."""

    can_batch = False

    def piece(self, item: Item, url: str, encodings: Mapping[str, Encoding], terms: Terms) -> Piece:
        """Write the parameters."""
        content = item.content
        if isinstance(content, Receipt):
            params = _report(content)
        else:
            params = _inbound(content, encodings.get(content.operator, Encoding.GSM7))
        return Piece(item, url, urlencode(params).encode("ascii"), self)

    def request(self, pieces: Sequence[Piece], terms: Terms, unix_s: int) -> Outgoing:
        """One GET or POST, as the message asked for, else as the settings say."""
        piece = pieces[0]
        method = terms.method
        content = piece.item.content
        if isinstance(content, Receipt) and content.callback_url:
            asked = asked_of(content.callback_url)
            method = asked.method if asked.words is Words.JASMIN else method
        if method == "POST":
            return Outgoing(method, piece.url, _FORM, piece.octets)
        joint = "&" if "?" in piece.url else "?"
        return Outgoing(method, f"{piece.url}{joint}{piece.octets.decode('ascii')}", "Accept: text/plain\r\n", b"")

    def is_taken(self, status: int, body: bytes) -> bool:
        """A 2xx is not enough."""
        return 200 <= status < 300 and body.strip() == ACKNOWLEDGED

    def replies_in(self, body: bytes) -> Mapping[int, str]:
        """None: there are no batches."""
        return {}

    def reply_in(self, body: bytes, content_type: str) -> str:
        """Never: the answer is the acknowledgement."""
        return ""


def _report(receipt: Receipt) -> Params:
    params: Params = {"id": receipt.known_as or uuid_of(receipt.message_id)}
    outcome = outcome_of(receipt.status, was_sent=receipt.was_sent)
    if outcome is Outcome.SENT:
        return params | {"level": str(_OF_RESPONSE), "message_status": "ESME_ROK", "connector": receipt.operator}
    if outcome is Outcome.REFUSED:
        return params | {
            "level": str(_OF_RESPONSE),
            "message_status": _refusal(receipt),
            "connector": receipt.operator,
        }
    state = STATE_BY_STATUS[receipt.status]
    word = "ACCEPTD" if receipt.status is Status.BUFFERED else STAT_BY_STATE[state]
    return params | {
        "level": str(_OF_RECEIPT),
        "message_status": word,
        "connector": receipt.operator,
        "id_smsc": receipt.operator_reference,
        "sub": "001",
        "dlvrd": "001" if outcome is Outcome.DELIVERED else "000",
        "subdate": minute_of(receipt.submitted_at_ms),
        "donedate": minute_of(receipt.told_at_ms),
        "err": receipt.error,
        "text": receipt.text,
    }


def _refusal(receipt: Receipt) -> str:
    """The operator's status by name; for an end of ours the word of a receipt."""
    try:
        return CommandStatus(int(receipt.error, 16)).name if receipt.operator else STAT_BY_STATE[_state(receipt)]
    except ValueError:
        return STAT_BY_STATE[_state(receipt)]


def _state(receipt: Receipt) -> int:
    return STATE_BY_STATUS[receipt.status]


def _inbound(message: Message, default: Encoding) -> Params:
    octets = message.octets
    if message.esm_class & _UDHI:
        octets = udh.strip(octets)[1]
    encoding = encoding_of(message.data_coding, default)
    content: bytes = octets
    if encoding is not Encoding.BINARY and encoding is not Encoding.UCS2:
        content = decode_text(octets, message.data_coding, default).encode("utf-8")
    return {
        "id": uuid_of(message.id),
        "from": message.source,
        "to": message.dest,
        "origin-connector": message.operator,
        "priority": str(min(message.priority_flag, 3)),
        "coding": str(message.data_coding),
        "content": content,
        "binary": octets.hex(),
    }
