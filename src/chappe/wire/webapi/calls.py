"""What an operator's calls to us mean, as a profile tells it: receipts, messages from handsets, and what we answer."""

from collections.abc import Mapping
from typing import Any

import msgspec

from chappe.model.lifecycle import Status
from chappe.wire.webapi.readers import Reader, Said


class ToldReceipt(msgspec.Struct, frozen=True, gc=False):
    """What one receipt says."""

    reference: str
    handset: str
    word: str
    status: Status
    error: str
    #: When it happened, as the operator writes it; empty when it does not say.
    done: str = ""


class ToldMo(msgspec.Struct, frozen=True, gc=False):
    """What one message from a handset says: a text, or octets with their header."""

    source: str
    to: str
    text: str
    octets: bytes
    udh: bytes
    identity: str
    is_binary: bool


class Unreadable(ValueError):
    """A call that lacks what it is about."""


class CallForm(msgspec.Struct, frozen=True):
    """Where calls of a kind come in, and what they are answered with when all is stored."""

    path: str
    items: Reader | None = None
    status: int = 200
    body: str = ""
    content_type: str = "text/plain"

    def is_readable(self, said: Said) -> bool:
        """The body is what the readers take it for."""
        return self.items is None or said.is_readable(self.items.source)


class ReceiptForm(CallForm, frozen=True, kw_only=True):
    """How receipts are read."""

    reference: Reader
    handset: Reader
    state: Reader
    error: Reader | None = None
    done: Reader | None = None
    #: The operator's word → what it means.
    statuses: Mapping[str, Status]
    #: The operator's error code → the three characters that receipts have room for.
    errors: Mapping[str, str]

    def read(self, said: Said, item: Any) -> ToldReceipt:
        """One receipt.  Raises: Unreadable."""
        reference, word = said.read(self.reference, item), said.read(self.state, item)
        if not word:
            raise Unreadable("a receipt without a state")
        error = said.read(self.error, item)
        return ToldReceipt(
            reference,
            said.read(self.handset, item).lstrip("+"),
            word,
            self.statuses.get(word, self.statuses.get(word.lower(), Status.UNKNOWN)),
            short_error(error, self.errors),
            said.read(self.done, item),
        )


class InboundForm(CallForm, frozen=True, kw_only=True):
    """How messages from handsets are read."""

    source: Reader
    to: Reader
    text: Reader | None = None
    hex: Reader | None = None
    udh: Reader | None = None
    identity: Reader | None = None

    def read(self, said: Said, item: Any) -> ToldMo:
        """One message.  Raises: Unreadable."""
        source, to = said.read(self.source, item), said.read(self.to, item)
        if not source or not to:
            raise Unreadable("a message without the numbers that it comes from and goes to")
        written = said.read(self.hex, item)
        return ToldMo(
            source,
            to,
            "" if written else said.read(self.text, item),
            _octets(written),
            _octets(said.read(self.udh, item)),
            said.read(self.identity, item),
            bool(written),
        )


def _octets(written: str) -> bytes:
    """Raises: Unreadable."""
    try:
        return bytes.fromhex(written)
    except ValueError:
        raise Unreadable(f"{written[:40]!r} is not hexadecimal") from None


def short_error(code: str, errors: Mapping[str, str]) -> str:
    """An error code as receipts have room for it: three characters."""
    known = errors.get(code)
    if known is not None:
        return known
    if not code or code in ("0", "00"):
        return "000"
    kept = "".join(each for each in code.removeprefix("http:") if each.isascii() and each.isalnum())
    return kept.zfill(3) if len(kept) <= 3 else kept[-3:] if kept.isdecimal() else kept[:3].upper()
