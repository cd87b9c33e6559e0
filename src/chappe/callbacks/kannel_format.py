"""Callbacks as Kannel makes them: a GET of a URL whose parameters are filled in.

Pure: items and moments in, octets out.  What a report says is written anew from what is known, in the form of
SMPP 3.4 appendix B.
"""

import re
from collections.abc import Mapping, Sequence
from html import unescape
from typing import Final
from uuid import UUID

from chappe.callbacks.receipt_words import words_of
from chappe.callbacks.terms import Outgoing, Piece, Terms
from chappe.model.ids import made_at_ms
from chappe.model.message import Item, Message, Receipt
from chappe.rules.asked import Outcome, asked_of, outcome_of
from chappe.text import udh
from chappe.text.encoding import Encoding, decode_text, encoding_of
from chappe.wire.http.handsets import shown
from chappe.wire.http.kannel import Told, expand, meta_data_of, words_of_refusal

_UDHI: Final = 0x40
_MASK_BITS: Final = 63
#: From here on data_coding is a scheme of GSM that may name a class.  3GPP TS 23.038 §4.
_CLASSES: Final = 0xF0
_TAG: Final = re.compile(r"<[^<>]*>")
#: How texts of the world are written.  Python reads far more by name: what is slow, fails in ways of its own, or yields
#: halves of surrogate pairs, which no alphabet writes.
_CHARSETS: Final = frozenset(
    {"utf-8", "utf8", "us-ascii", "ascii", "latin1", "koi8-r", "koi8-u", "utf-16", "utf-16be", "utf-16le"}
    | {f"iso-8859-{number}" for number in range(1, 17)}
    | {f"windows-{number}" for number in range(1250, 1259)}
)
#: The error of a report as three octets: network GSM, and its number.  SMPP 3.4 §5.3.2.31.
_GSM_ERROR: Final = 3


class KannelFormat:
    """The calls that docs/kannel.md describes."""

    can_batch = False

    def piece(self, item: Item, url: str, encodings: Mapping[str, Encoding], terms: Terms) -> Piece:
        """Fill in the URL."""
        content = item.content
        if isinstance(content, Receipt):
            told = _report(item, content, url, terms)
        else:
            told = _inbound(item, content, encodings.get(content.operator, Encoding.GSM7), terms)
        return Piece(item, url, expand(url, told).encode("ascii"), self)

    def request(self, pieces: Sequence[Piece], terms: Terms, unix_s: int) -> Outgoing:
        """One GET."""
        return Outgoing("GET", pieces[0].octets.decode("ascii"), "", b"")

    def is_taken(self, status: int, body: bytes) -> bool:
        """Any 2xx, whatever it says."""
        return 200 <= status < 300

    def replies_in(self, body: bytes) -> Mapping[int, str]:
        """None: there are no batches."""
        return {}

    def reply_in(self, body: bytes, content_type: str) -> str:
        """A plain text, or what is left of a page without its tags; anything else is for nobody."""
        kind, _, rest = content_type.partition(";")
        charset = rest.partition("charset=")[2].strip().strip('"').lower() or "utf-8"
        if charset not in _CHARSETS:
            return ""
        try:
            text = body.decode(charset)
        except (LookupError, UnicodeDecodeError):
            return ""
        match kind.strip().lower():
            case "text/plain":
                return text.strip()
            case "text/html":
                return " ".join(unescape(_TAG.sub(" ", text)).split())
            case _:
                return ""


def _report(item: Item, receipt: Receipt, url: str, terms: Terms) -> Told:
    asked = asked_of(receipt.callback_url)
    outcome = outcome_of(receipt.status, was_sent=receipt.was_sent)
    mask = {"dlr_mask": str(int(asked.outcomes))}
    is_answer = outcome in (Outcome.SENT, Outcome.REFUSED)
    if is_answer:
        text = b"ACK/" if outcome is Outcome.SENT else words_of_refusal(receipt.error)
        told = f"?smpp?{asked.meta_data}" if asked.meta_data else ""
        meta_data = meta_data_of(("smpp_resp", {}), ("orig_msg", mask)) + told
    else:
        text = words_of(receipt)
        error = receipt.network_error or _error_octets(receipt.error)
        meta_data = meta_data_of(("orig_msg", mask), ("smpp", {"dlr_err": error}))
    return Told(
        text=text,
        # A receipt goes back the way the message came: its source is the handset.
        handset="+" * (asked.level & 1) + receipt.source,
        number="+" * (asked.level >> 1 & 1) + receipt.dest,
        at_s=receipt.told_at_ms // 1000,
        operator=receipt.operator,
        account="" if is_answer else terms.account_by_operator.get(receipt.operator, ""),
        id=str(UUID(int=item.id)),
        service=terms.username or terms.client,
        operator_id=receipt.operator_reference,
        outcome=int(outcome),
        meta_data=meta_data,
        url=url,
    )


def _error_octets(error: str) -> bytes:
    number = int(error) if error.isascii() and error.isdecimal() else 0
    return bytes((_GSM_ERROR, number >> 8 & 0xFF, number & 0xFF))


def _named(message: Message, terms: Terms) -> Mapping[str, bytes]:
    """What TLVs of a message the profile of its operator has names for."""
    known = terms.tlvs_by_operator.get(message.operator)
    if not known or not message.tlvs:
        return {}
    found = ((known[tag], octets) for tag, octets in message.tlvs if tag in known)
    return {name: tlv.read(octets).encode("latin-1") for (name, tlv), octets in found}


def _inbound(item: Item, message: Message, default: Encoding, terms: Terms) -> Told:
    octets, header = message.octets, b""
    if message.esm_class & _UDHI:
        rest = udh.strip(octets)[1]
        header, octets = octets[: len(octets) - len(rest)], rest
    encoding = encoding_of(message.data_coding, default)
    coding, charset = 0, "UTF-8"
    if encoding is Encoding.BINARY:
        coding, charset = 1, "8-BIT"
    elif encoding is Encoding.UCS2:
        coding, charset = 2, "UTF-16BE"
    else:
        octets = decode_text(octets, message.data_coding, default).encode("utf-8")
    return Told(
        text=octets,
        handset=shown(message.source_ton, message.source),
        number=shown(message.dest_ton, message.dest),
        at_s=made_at_ms(message.id) // 1000,
        operator=message.operator,
        account=terms.account_by_operator.get(message.operator, ""),
        id=str(UUID(int=item.id)),
        service="default",
        coding=coding,
        charset=charset,
        message_class=message.data_coding & 3 if message.data_coding >= _CLASSES else -1,
        data_coding=coding << 2,
        header=header,
        meta_data=meta_data_of(("smpp", _named(message, terms))),
    )
