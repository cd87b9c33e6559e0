"""What an HTTP client is told of its messages: that one was accepted, and how one fares.

It reads no clock and no store, and knows nothing of how a message came in.
"""

from datetime import UTC, datetime
from typing import Final

from chappe.model.ids import made_at_ms
from chappe.model.lifecycle import FINAL, Status
from chappe.model.message import Item, Message
from chappe.rules.failure import Failure, failure_of
from chappe.store.port import Life
from chappe.text.encoding import encoding_of
from chappe.wire.http.messages import Accepted, FailureView, HistoryEntry, MessageView, PartView

#: SMPP 3.4 §5.2.5: type of number of a number that begins with its country.
_INTERNATIONAL: Final = 1
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
    )


def view_of(life: Life, message: Message) -> MessageView:
    """A message as its client sees it."""
    created_at, is_final = _time(made_at_ms(life.id) * 1000), life.status in FINAL
    failure = failure_of(life.status, life.error, was_sent=bool(life.sent_at_us))
    history = _history(life, created_at, failure.code if failure else None)
    return MessageView(
        id=str(life.id),
        status=life.status.word,
        final=is_final,
        encoding=_WORD_BY_DATA_CODING[message.data_coding],
        parts=_part_views(life, message),
        reference=message.reference or None,
        to=_shown(message.dest_ton, message.dest),
        source=_shown(message.source_ton, message.source) or None,
        operator=life.operator or None,
        failure=_failure_view(failure),
        tags=message.tags,
        created_at=created_at,
        expires_at=_time(message.expires_at_ms * 1000) if message.expires_at_ms else None,
        updated_at=history[-1].at,
        history=history,
    )


def _failure_view(failure: Failure | None) -> FailureView | None:
    if failure is None:
        return None
    return FailureView(failure.code, failure.category, failure.is_permanent, failure.operator_code or None)


def _shown(ton: int, digits: str) -> str:
    """A number of a country as E.164 has it, anything else as it is."""
    return f"+{digits}" if ton == _INTERNATIONAL and digits.isdecimal() else digits


def _part_views(life: Life, message: Message) -> list[PartView]:
    if message.parts == 1:
        return [PartView(number=1, status=life.status.word, operator_reference=life.operator_ref or None)]
    statuses = life.parts or [life.status] * message.parts
    return [PartView(number=number, status=status.word) for number, status in enumerate(statuses, 1)]


def _history(life: Life, created_at: datetime, failure: str | None) -> list[HistoryEntry]:
    """The moments that the store keeps of a message, in order."""
    entries = [HistoryEntry("accepted", created_at, "client")]
    operator = f"operator:{life.operator}"
    if life.sent_at_us:
        entries.append(HistoryEntry("sent", _time(life.sent_at_us), operator))
    if life.final_at_us:
        is_ours = not life.operator or (not life.sent_at_us and life.status is Status.EXPIRED)
        # A report's moment is in whole milliseconds: it must not seem to precede the sending.
        ended_at = _time(max(life.final_at_us, life.sent_at_us))
        entries.append(HistoryEntry(life.status.word, ended_at, "gateway" if is_ours else operator, failure))
    return entries


def _time(unix_us: int) -> datetime:
    return datetime.fromtimestamp(unix_us / 1_000_000, UTC)
