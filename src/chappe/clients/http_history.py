"""The history that a client sees of its message: which statuses it had, since when, and who brought it there.

Made from its events where they were found, else from the moments that the message itself keeps.  It reads no store.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from chappe.model.events import EventName
from chappe.model.ids import made_at_ms
from chappe.model.lifecycle import FINAL, Status
from chappe.model.message import Message
from chappe.store.port import Happening, Life
from chappe.wire.http.messages import HistoryEntry

_STATUS_BY_EVENT: Final[Mapping[str, Status]] = {
    EventName.MT_ACCEPTED.value: Status.ACCEPTED,
    EventName.MT_REPLACED.value: Status.QUEUED,
    EventName.MT_SENDING.value: Status.SENDING,
    EventName.MT_SENT.value: Status.SENT,
    EventName.MT_DEFERRED.value: Status.QUEUED,
    EventName.MT_MOVED.value: Status.QUEUED,
    EventName.MT_HELD.value: Status.HELD,
    EventName.MT_BUFFERED.value: Status.BUFFERED,
    EventName.MT_DELIVERED.value: Status.DELIVERED,
    EventName.MT_FAILED.value: Status.FAILED,
    EventName.MT_EXPIRED.value: Status.EXPIRED,
    EventName.MT_CANCELLED.value: Status.CANCELLED,
    EventName.MT_UNKNOWN.value: Status.UNKNOWN,
}
_FINAL_WORDS: Final = frozenset(status.word for status in FINAL)
#: What a client does itself, and what the gateway does of itself; everything else an operator brought about.
_BY_CLIENT: Final = frozenset({EventName.MT_ACCEPTED.value, EventName.MT_REPLACED.value})
_BY_GATEWAY: Final = frozenset({EventName.MT_SENDING.value, EventName.MT_MOVED.value, EventName.MT_HELD.value})
#: Without an operator's reference these are not an operator's doing.
_OURS_UNLESS_NAMED: Final = frozenset({EventName.MT_EXPIRED.value, EventName.MT_UNKNOWN.value})
_BY_A_PERSON: Final = "by a person"
#: A message that waits has done so from its beginning: there is no event of it.
_WAITING: Final = frozenset({Status.ACCEPTED, Status.SCHEDULED, Status.QUEUED})


def history_of(life: Life, message: Message, story: Sequence[Happening], failure: str | None) -> list[HistoryEntry]:
    """Its statuses in order; the last one is that of now.  `failure` is the code of its failure."""
    entries = _from_story(story, message)
    if not entries or entries[0].status != Status.ACCEPTED.word:
        return _from_moments(life, message, failure)
    if life.status in FINAL and entries[-1].status != life.status.word:
        entries = _ended(entries, life)
    if life.status in FINAL:
        last = entries[-1]
        if life.sent_at_us and not any(each.status == Status.SENT.word for each in entries):
            # The report was stored first, and the sending was not yet when its events were read.
            entries.insert(-1, _sent_of(life))
        # As the message itself knows it: lists show the same.
        entries[-1] = HistoryEntry(last.status, _ended_at(life), last.source, failure or last.detail)
    return entries


def _from_story(story: Sequence[Happening], message: Message) -> list[HistoryEntry]:
    entries: list[HistoryEntry] = []
    for happening in story:
        status = _STATUS_BY_EVENT.get(happening.event)
        if status is None:
            continue
        entry = HistoryEntry(status.word, time_of(happening.at_us), _source_of(happening), _detail_of(happening))
        if entries and entries[-1].status == entry.status and status in FINAL:
            # One event for each part: the message ends with its last.
            entries.pop()
        entries.append(entry)
        if status is Status.ACCEPTED and message.send_at_ms:
            entries.append(_scheduled(entry.at, message))
    return _with_its_end_last(entries)


def _with_its_end_last(entries: list[HistoryEntry]) -> list[HistoryEntry]:
    """A report may be stored before the sending that it tells of: then its event lies in an earlier block."""
    ends = [each for each in entries if each.status in _FINAL_WORDS]
    return entries if not ends else [*(each for each in entries if each.status not in _FINAL_WORDS), ends[-1]]


def _source_of(happening: Happening) -> str:
    event, is_named = happening.event, bool(happening.operator_ref)
    if event in _BY_CLIENT:
        return "client"
    if event == EventName.MT_CANCELLED and not is_named:
        return "gateway" if _BY_A_PERSON in happening.detail else "client"
    if event in _BY_GATEWAY or not happening.operator or (event in _OURS_UNLESS_NAMED and not is_named):
        return "gateway"
    return f"operator:{happening.operator}"


def _detail_of(happening: Happening) -> str | None:
    named = f"reference {happening.operator_ref}" if happening.event == EventName.MT_SENT else ""
    return "; ".join(filter(None, (happening.detail, named))) or None


def _ended(entries: list[HistoryEntry], life: Life) -> list[HistoryEntry]:
    """It ended while its events were looked for, or its event calls the end by another name."""
    if entries[-1].status == Status.FAILED.word:
        last = entries.pop()
        return [*entries, HistoryEntry(life.status.word, last.at, last.source, last.detail)]
    return [*entries, _end_of(life, None)]


def _from_moments(life: Life, message: Message, failure: str | None) -> list[HistoryEntry]:
    """The moments that the message keeps."""
    entries = [HistoryEntry(Status.ACCEPTED.word, time_of(made_at_ms(life.id) * 1000), "client")]
    if message.send_at_ms:
        entries.append(_scheduled(entries[0].at, message))
    if life.sent_at_us:
        entries.append(_sent_of(life))
    if life.final_at_us:
        entries.append(_end_of(life, failure))
    elif life.status not in _WAITING and entries[-1].status != life.status.word:
        entries.append(HistoryEntry(life.status.word, entries[-1].at, "gateway"))
    return entries


def _scheduled(at: datetime, message: Message) -> HistoryEntry:
    moment = time_of(message.send_at_ms * 1000).isoformat().replace("+00:00", "Z")
    return HistoryEntry(Status.SCHEDULED.word, at, "gateway", f"to be sent at {moment}")


def _sent_of(life: Life) -> HistoryEntry:
    return HistoryEntry(Status.SENT.word, time_of(life.sent_at_us), f"operator:{life.operator}")


def _end_of(life: Life, detail: str | None) -> HistoryEntry:
    if life.status is Status.CANCELLED and not life.sent_at_us:
        source = "client"
    elif not life.operator or (not life.sent_at_us and life.status is Status.EXPIRED):
        source = "gateway"
    else:
        source = f"operator:{life.operator}"
    return HistoryEntry(life.status.word, _ended_at(life), source, detail)


def _ended_at(life: Life) -> datetime:
    """A report's moment is in whole milliseconds: it must not seem to precede the sending."""
    return time_of(max(life.final_at_us, life.sent_at_us))


def time_of(unix_us: int) -> datetime:
    """A moment as clients see it."""
    return datetime.fromtimestamp(unix_us / 1_000_000, UTC)
