"""Where an operator's HTTP API meets the model: requests out, receipts and messages from handsets in.

The only place on the operator side that knows both.  It reads no clock and no store.
"""

from typing import Any, Final
from urllib.parse import quote

import msgspec

from chappe.model.lifecycle import Direction
from chappe.model.message import Message
from chappe.operators.client_parts import renamed
from chappe.operators.dialect import UnsendableError
from chappe.operators.shape import UDHI, HttpShape, Wire, segments_of
from chappe.rules.done_dates import read_done
from chappe.store.port import Report
from chappe.text import gsm7, ucs2, udh
from chappe.text.encoding import Encoding, encoding_of
from chappe.text.reading import read
from chappe.wire.http.handsets import shown
from chappe.wire.webapi.calls import ToldMo, ToldReceipt
from chappe.wire.webapi.requests import Written
from chappe.wire.webapi.template import CannotWrite, Values

_INTERNATIONAL: Final = 1
_ALPHANUMERIC: Final = 5
_BINARY: Final = 0x04
_UCS2: Final = 0x08


class Submit(msgspec.Struct, frozen=True, gc=False):
    """One part on its way: a whole request, or what it is in one of several."""

    reference: str
    written: Written | None = None
    each: Any = None


def submits_of(message: Message, wire: Wire, now_ms: int) -> list[Submit]:
    """A message, one submit for each of its parts, in order.  Raises: UnsendableError."""
    if message.parts == 1:
        return [submit_of(message, wire, now_ms)]
    segments, _ = segments_of(message, wire.split)
    return [
        _submit(message, wire, segment.octets, segment.has_udh, reference_of(message, part), now_ms)
        for part, segment in enumerate(segments, 1)
    ]


def submit_of(message: Message, wire: Wire, now_ms: int) -> Submit:
    """A message that leaves as one.  Raises: UnsendableError."""
    octets, esm_class = message.octets, message.esm_class
    if message.tlvs:
        octets, esm_class, _ = renamed(octets, esm_class, message.tlvs, message.data_coding, wire.split)
    return _submit(message, wire, octets, bool(esm_class & UDHI), reference_of(message), now_ms)


def reference_of(message: Message, part: int = 1) -> str:
    """Our own name for a part: the same whenever it is sent."""
    return f"{message.id:x}" if message.parts == 1 else f"{message.id:x}-{part}"


def _submit(message: Message, wire: Wire, octets: bytes, has_udh: bool, reference: str, now_ms: int) -> Submit:
    shape = wire.http
    assert shape is not None
    values = {**shape.values, **_addresses(message), **_text(message, wire, shape, octets, has_udh=has_udh)}
    values |= {"reference": reference, "client": message.client, "service_type": message.service_type}
    if message.expires_at_ms:
        values |= _validity(message.expires_at_ms - now_ms)
    if wire.vendor is not None:
        values |= wire.vendor.charge_of(message).values
    form = shape.api.submit
    _check_room(form.names, values)
    try:
        if form.each is not None:
            return Submit(reference, None, form.write_each(values))
        return Submit(reference, form.write(values))
    except CannotWrite as error:
        raise UnsendableError(f"its API cannot carry it: {error}") from None


def _addresses(message: Message) -> Values:
    to = message.dest.removeprefix("+")
    source = message.source.removeprefix("+")
    return {
        "to": to,
        "to_quoted": quote(to, safe=""),
        "from": source,
        "from_plus": shown(_INTERNATIONAL if message.source != source else message.source_ton, source),
    }


def _text(message: Message, wire: Wire, shape: HttpShape, octets: bytes, *, has_udh: bool) -> Values:
    """What is said: a text, or octets; and how it is coded, in the operator's words."""
    header, rest = b"", octets
    if has_udh:
        rest = udh.strip(octets)[1]
        header = octets[: len(octets) - len(rest)]
    codings = shape.api.codings
    values: dict[str, str | bytes] = {
        "udh": header.hex(),
        "udh_octets": header,
        "class": _class_of(message.data_coding),
    }
    if encoding_of(message.data_coding, wire.default_encoding) is Encoding.BINARY:
        return {**values, "hex": rest.hex(), "octets": rest, "coding": codings.get("octets", "")}
    text = read(octets, message.data_coding, has_udh=has_udh, default=wire.default_encoding)
    is_gsm = gsm7.fits(text)
    return {
        **values,
        "text": text,
        "text_gsm7": text if is_gsm else "",
        "hex_ucs2": "" if is_gsm else ucs2.encode(text).hex(),
        "coding": codings.get("gsm7" if is_gsm else "ucs2", ""),
    }


def _class_of(data_coding: int) -> str:
    """The message class that a data coding scheme names.  3GPP TS 23.038 §4."""
    is_general = data_coding & 0xD0 == 0x10
    return str(data_coding & 3) if is_general or data_coding & 0xF0 == 0xF0 else ""


def _validity(left_ms: int) -> Values:
    seconds = max(1, left_ms // 1000)
    return {"validity_s": str(seconds), "validity_ms": str(seconds * 1000), "validity_min": str(max(1, seconds // 60))}


def _check_room(names: frozenset[str], values: Values) -> None:
    """An API that has no field for what a message carries cannot carry it.  Raises: UnsendableError."""
    if values["udh"] and not names & {"udh", "udh_octets"}:
        raise UnsendableError("its API has no place for a user data header, nor for parts that somebody else has cut")
    if values.get("octets") and not names & {"hex", "octets"}:
        raise UnsendableError("its API has no place for a message that is no text")


# -- in -----------------------------------------------------------------------------------------------------------


def report_of(told: ToldReceipt, report_id: int, operator: str, wire: Wire, now_ms: int) -> Report:
    """Read a receipt.  One that names no message has no references: it will be parked."""
    references = (told.reference,) if told.reference else ()
    return Report(
        report_id,
        operator,
        references,
        told.handset,
        told.status,
        told.word,
        told.error,
        now_ms,
        b"",
        wire.holds_all,
        read_done(told.done, wire.zone, now_ms) if told.done and wire.zone is not None else 0,
    )


def mo_of(told: ToldMo, message_id: int, operator: str) -> Message:
    """Read a message from a handset; a text is kept in the alphabet that takes least."""
    if told.is_binary:
        octets, data_coding = told.octets, _BINARY
    elif gsm7.fits(told.text):
        octets, data_coding = gsm7.encode(told.text), 0
    else:
        octets, data_coding = ucs2.encode(told.text), _UCS2
    source, dest = told.source.removeprefix("+"), told.to.removeprefix("+")
    return Message(
        message_id,
        Direction.MO,
        "",
        operator,
        _INTERNATIONAL if source.isdecimal() else _ALPHANUMERIC,
        1 if source.isdecimal() else 0,
        source,
        _INTERNATIONAL if told.to.startswith("+") else 0,
        1,
        dest,
        told.udh + octets,
        data_coding,
        UDHI if told.udh else 0,
    )
