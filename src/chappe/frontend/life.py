"""One message's life in words: what its octets say, what its fields mean, what happened when.  Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from chappe.frontend.roles import masked
from chappe.model.message import Message
from chappe.text import udh
from chappe.text.encoding import encoding_of
from chappe.text.reading import read

#: esm_class: user data begins with a header.  SMPP 3.4 §5.2.12.
_UDHI: Final = 0x40
#: SMPP 3.4 §5.2.5 and §5.2.6.
_TONS: Final = ("unknown", "international", "national", "network", "subscriber", "alphanumeric", "abbreviated")
_TAGS: Final = {
    0x0204: "user_message_reference",
    0x020A: "source_port",
    0x020B: "destination_port",
    0x020C: "sar_msg_ref_num",
    0x020E: "sar_total_segments",
    0x020F: "sar_segment_seqnum",
    0x001E: "receipted_message_id",
    0x0424: "message_payload",
    0x0427: "message_state",
}

#: What happened, in words; an event that is not here is told by its name.
WORDS: Final = {
    "mt_accepted": "Accepted from the client",
    "mt_routed": "Routed by a rule",
    "mt_rejected": "Refused",
    "mt_sending": "About to be sent",
    "mt_sent": "Taken by the operator",
    "mt_deferred": "Waits for another try",
    "mt_moved": "Goes to another operator",
    "mt_held": "Held for a decision",
    "mt_buffered": "On its way, says the operator",
    "mt_delivered": "Delivered",
    "mt_failed": "Failed",
    "mt_expired": "Expired",
    "mt_cancelled": "Cancelled",
    "mt_replaced": "Replaced by its client",
    "mt_unknown": "No final report in time",
    "mt_repeated": "Came again, answered as the first time",
    "mo_received": "Received from the operator",
    "opted_out": "Its handset wants to hear no more",
    "opted_in": "Its handset wants to hear again",
    "mo_suppressed": "Suppressed as a repeat",
    "mo_delivered": "Handed to the client",
    "mo_refused": "Refused by the client",
    "mo_blocked": "A block kept it from everybody",
    "mo_unrouted": "No route wants it, a person decides",
    "mo_joined": "Whole text made of its parts",
    "mo_part_joined": "Joined with the other parts",
    "mo_part_released": "Goes on as a part",
    "alert_received": "Its handset can be reached again, says the operator",
    "alert_delivered": "Handed to the client",
    "dr_received": "Report received",
    "dr_matched": "Report matched",
    "dr_repeated": "Report repeated, nothing changed",
    "dr_contradicted": "Report contradicts the end, nothing changed",
    "dr_delivered": "Receipt handed to the client",
    "dr_refused": "Receipt refused by the client",
    "dr_parked": "Report parked, nothing matches it yet",
    "callback_sent": "Client called back",
    "callback_deferred": "Call to the client failed, comes again",
    "callback_failed": "Calls to the client given up",
    "item_poisoned": "Ends whoever works on it",
    "pdu_refused": "Refused on the wire",
    "instruction_done": "A person decided",
}


@dataclass(frozen=True, slots=True)
class Told:
    """One event: when, how long after the one before, what, and its details."""

    at: datetime
    since: str
    words: str
    detail: str


def happenings(events: Sequence[Mapping[str, str]]) -> list[Told]:
    """Events as people read them."""
    return list(_happenings(events))


def _happenings(events: Sequence[Mapping[str, str]]) -> Iterator[Told]:
    before: datetime | None = None
    for event in events:
        at = datetime.fromisoformat(event["time"]).replace(tzinfo=UTC)
        since = "" if before is None else _span((at - before).total_seconds())
        before = at
        detail = " ".join(filter(None, (event["operator"], event["operator_ref"], event["detail"])))
        yield Told(at, since, WORDS.get(event["event"], event["event"]), detail)


def _span(seconds: float) -> str:
    if seconds < 1:
        return f"+{seconds * 1000:.1f} ms"
    if seconds < 120:
        return f"+{seconds:.1f} s"
    return f"+{seconds / 60:.0f} min" if seconds < 7_200 else f"+{seconds / 3600:.1f} h"


def text_of(message: Message) -> str | None:
    """What the handset shows; None for what is no text."""
    has_udh = bool(message.esm_class & _UDHI)
    try:
        return read(message.octets, message.data_coding, has_udh=has_udh) or None
    except ValueError:
        return None


def fields_of(message: Message, sees_content: bool) -> list[tuple[str, str]]:
    """What is stored of its PDU, field by field in the words of SMPP."""
    ends = (message.source, message.dest)
    source, dest = ends if sees_content else tuple(masked(each) for each in ends)
    found = [
        ("source_addr", _address(source, message.source_ton, message.source_npi)),
        ("destination_addr", _address(dest, message.dest_ton, message.dest_npi)),
        ("data_coding", f"0x{message.data_coding:02X} ({encoding_of(message.data_coding).value})"),
        ("esm_class", f"0x{message.esm_class:02X}" + (" (with a header)" if message.esm_class & _UDHI else "")),
        ("protocol_id", f"0x{message.protocol_id:02X}"),
        ("priority_flag", str(message.priority_flag)),
        ("registered_delivery", f"0x{message.registered_delivery:02X}"),
        ("service_type", message.service_type or "–"),
    ]
    if message.esm_class & _UDHI:
        found += _header(message.octets)
    if sees_content:
        found.append(("user data", f"{len(message.octets)} octets: {message.octets[:280].hex(' ')}"))
        found += [(_TAGS.get(tag, f"TLV 0x{tag:04X}"), value.hex(" ") or "–") for tag, value in message.tlvs]
        found += [(f"TLV {name}", value or "–") for name, value in message.named_values]
    if message.expires_at_ms:
        found.append(("expires", f"{datetime.fromtimestamp(message.expires_at_ms / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"))
    return found


def _address(text: str, ton: int, npi: int) -> str:
    kind = _TONS[ton] if ton < len(_TONS) else str(ton)
    return f"{text or 'empty'} (ton {ton} {kind}, npi {npi})"


def _header(octets: bytes) -> Iterator[tuple[str, str]]:
    try:
        header = octets[: 1 + octets[0]]
        for element in udh.parse(header).elements:
            yield f"header element 0x{element.iei:02X}", element.data.hex(" ")
    except (ValueError, IndexError, AttributeError):
        yield "header", "cannot be read"
