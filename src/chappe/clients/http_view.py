"""What an HTTP client is told of its messages: that one was accepted, and how one fares.

It reads no clock and no store, and knows nothing of how a message came in.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from chappe.clients.changed_item import ChangedItem
from chappe.clients.http_history import history_of, time_of
from chappe.model.ids import made_at_ms
from chappe.model.lifecycle import FINAL
from chappe.model.message import Item, Message
from chappe.rules.failure import Failure, failure_of
from chappe.store.port import Happening, Life
from chappe.text.encoding import encoding_of
from chappe.wire.http.handsets import shown
from chappe.wire.http.messages import Accepted, FailureView, MessageSummary, MessageView, PartView
from chappe.wire.http.money import money_of

#: SMPP 3.4 §5.2.5: type of number of a number that begins with its country.
_INTERNATIONAL: Final = 1
#: esm_class: user data begins with a header.  SMPP 3.4 §5.2.12.
_UDHI: Final = 0x40
_WORD_BY_DATA_CODING: Final = tuple(encoding_of(each).value for each in range(256))


def accepted_of(item: Item) -> Accepted:
    """What is said of a message that is on disk."""
    message = item.content
    assert isinstance(message, Message)
    return Accepted(
        str(item.id),
        "scheduled" if item.due_at_ms else "accepted",
        False,
        _WORD_BY_DATA_CODING[message.data_coding],
        message.parts,
        message.reference or None,
        item.changes or None if isinstance(item, ChangedItem) else None,
    )


def view_of(life: Life, message: Message, story: Sequence[Happening] = ()) -> MessageView:
    """A message as its client sees it; `story` are its events where they were looked up."""
    summary = summary_of(life, message)
    history = history_of(life, message, story, summary.failure.code if summary.failure else None)
    shown = {name: getattr(summary, name) for name in _SHARED}
    return MessageView(
        **shown,
        parts=_part_views(life, message),
        updated_at=history[-1].at,
        price=money_of(message.price),
        history=history,
    )


def summary_of(life: Life, message: Message) -> MessageSummary:
    """A message as lists show it."""
    return MessageSummary(
        id=str(life.id),
        status=life.status.word,
        final=life.status in FINAL,
        encoding=_WORD_BY_DATA_CODING[message.data_coding],
        parts=message.parts,
        reference=message.reference or None,
        to=shown(message.dest_ton, message.dest),
        source=shown(message.source_ton, message.source) or None,
        operator=life.operator or None,
        failure=_failure_view(_failure_of(life)),
        tags=message.tags,
        created_at=time_of(made_at_ms(life.id) * 1000),
        expires_at=time_of(message.expires_at_ms * 1000) if message.expires_at_ms else None,
        # A report's moment is in whole milliseconds: it must not seem to precede the sending.
        updated_at=time_of(max(life.final_at_us, life.sent_at_us, made_at_ms(life.id) * 1000)),
    )


#: What a message shows as lists do.
_SHARED: Final = tuple(
    field.name for field in msgspec.structs.fields(MessageSummary) if field.name not in ("parts", "updated_at")
)


def _failure_of(life: Life) -> Failure | None:
    references = [life.operator_ref, *(life.part_refs or ())]
    reference = next((each for each in references if each), "")
    return failure_of(life.status, life.error, was_sent=bool(life.sent_at_us), reference=reference)


def _failure_view(failure: Failure | None) -> FailureView | None:
    if failure is None:
        return None
    return FailureView(failure.code, failure.category, failure.is_permanent, failure.operator_code or None)


def _part_views(life: Life, message: Message) -> list[PartView]:
    if message.parts == 1:
        return [PartView(number=1, status=life.status.word, operator_reference=life.operator_ref or None)]
    statuses = life.parts or [life.status] * message.parts
    names = life.part_refs or [""] * message.parts
    return [
        PartView(number=number, status=status.word, operator_reference=name or None)
        for number, (status, name) in enumerate(zip(statuses, names, strict=False), 1)
    ]
