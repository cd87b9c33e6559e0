"""Callbacks in our own shape: JSON, signed as Standard Webhooks 1.0 has it.

Pure: items and moments in, octets out.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final

import msgspec

from chappe.callbacks.terms import Outgoing, Piece, Terms
from chappe.model.ids import made_at_ms
from chappe.model.lifecycle import FINAL, Status
from chappe.model.message import Item, Receipt
from chappe.rules.failure import failure_of
from chappe.text.encoding import Encoding
from chappe.wire.http.callbacks import Answer, Callback, StatusData
from chappe.wire.http.handsets import inbound_of, shown
from chappe.wire.http.messages import FailureView
from chappe.wire.http.signing import sign

_encode = msgspec.json.Encoder().encode
_NAMED: Final = "msg_"
_decode_answer = msgspec.json.Decoder(Answer).decode


class ChappeFormat:
    """The shape that docs/callbacks.md describes."""

    can_batch = True

    def piece(self, item: Item, url: str, encodings: Mapping[str, Encoding], terms: Terms) -> Piece:
        """Write one callback."""
        content = item.content
        if isinstance(content, Receipt):
            at_ms = content.told_at_ms
            callback = Callback("message.status", webhook_id(item), _time(at_ms), _status(content))
        else:
            at_ms = made_at_ms(content.id)
            callback = Callback(
                "message.inbound",
                webhook_id(item),
                _time(at_ms),
                inbound_of(content, encodings.get(content.operator, Encoding.GSM7)),
            )
        return Piece(item, url, _encode(callback), self)

    def request(self, pieces: Sequence[Piece], terms: Terms, unix_s: int) -> Outgoing:
        """One callback as an object, or several as an array where the client asked for batches."""
        if terms.batch > 1:
            body = b"[" + b",".join([piece.octets for piece in pieces]) + b"]"
            name = webhook_id(pieces[0].item) if len(pieces) == 1 else _batch_id(pieces)
        else:
            body, name = pieces[0].octets, webhook_id(pieces[0].item)
        head = f"Content-Type: application/json\r\nwebhook-id: {name}\r\nwebhook-timestamp: {unix_s}\r\n"
        if terms.keys:
            head += f"webhook-signature: {sign(terms.keys, name, unix_s, body)}\r\n"
        return Outgoing("POST", pieces[0].url, head, body)

    def is_taken(self, status: int, body: bytes) -> bool:
        """Any 2xx, whatever it says."""
        return 200 <= status < 300

    def reply_in(self, body: bytes, content_type: str) -> str:
        """`{"reply":{"text":"…"}}`; whatever else a client says is its own affair."""
        if b"reply" not in body:
            return ""
        try:
            reply = _decode_answer(body).reply
        except (msgspec.DecodeError, UnicodeDecodeError):
            return ""
        return "" if reply is None else reply.text

    def replies_in(self, body: bytes) -> Mapping[int, str]:
        """`{"replies":[{"id":"msg_…","text":"…"}]}`: number of a callback → the text."""
        if b"replies" not in body:
            return {}
        try:
            replies = _decode_answer(body).replies
        except (msgspec.DecodeError, UnicodeDecodeError):
            return {}
        numbers = ((each.id.removeprefix(_NAMED), each.text) for each in replies if each.id.startswith(_NAMED))
        return {int(number): text for number, text in numbers if number.isascii() and number.isdigit()}


def webhook_id(item: Item) -> str:
    """The name of a callback: the same at each try, and after a restart."""
    return f"{_NAMED}{item.id}"


def _batch_id(pieces: Sequence[Piece]) -> str:
    """The same callbacks in the same order have the same name; what matters is the `id` of each."""
    return "batch_" + sha256(b",".join([b"%d" % piece.item.id for piece in pieces])).hexdigest()[:32]


def sequence_of(receipt: Receipt) -> int:
    """A number that grows from one status of a message to the next.

    Sending comes first and the end comes last, whichever was heard of first; between them it counts milliseconds.
    """
    if receipt.status is Status.SENT:
        return 1
    return 2 + max(0, receipt.done_at_ms - made_at_ms(receipt.message_id)) + (receipt.status in FINAL)


def _status(receipt: Receipt) -> StatusData:
    return StatusData(
        str(receipt.message_id),
        receipt.reference or None,
        receipt.status.word,
        receipt.status in FINAL,
        sequence_of(receipt),
        receipt.parts,
        # A receipt goes back the way the message came: its source is the handset.
        shown(receipt.source_ton, receipt.source),
        receipt.operator or None,
        _failure(receipt),
    )


def _failure(receipt: Receipt) -> FailureView | None:
    failure = failure_of(receipt.status, receipt.error, was_sent=receipt.was_sent, reference=receipt.operator_reference)
    if failure is None:
        return None
    return FailureView(failure.code, failure.category, failure.is_permanent, failure.operator_code or None)


def _time(unix_ms: int) -> datetime:
    return datetime.fromtimestamp(unix_ms / 1000, UTC)
