"""What a report does to the part that it surely means: the same for every engine.

`rules.match` judges; here follows what is to be written and told.  It must never know how a part was found, nor SQL.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

from chappe.model.address import same_handset
from chappe.model.events import EventBatch, EventName
from chappe.model.lifecycle import FINAL, Status, status_of_parts
from chappe.model.message import Item, Message
from chappe.rules import asked
from chappe.rules.done_dates import believed, shown
from chappe.rules.match import Verdict, judge, receipt_item, receipt_of, wants_receipt
from chappe.store.port import Life, Report

_MOVE: Final = Verdict.MOVE
RECEIVED: Final = (EventName.DR_RECEIVED,)
_MATCHED: Final = (EventName.DR_MATCHED,)
_EVENT_BY_STATUS: Final = {
    Status.BUFFERED: EventName.MT_BUFFERED,
    Status.DELIVERED: EventName.MT_DELIVERED,
    Status.FAILED: EventName.MT_FAILED,
    Status.REJECTED: EventName.MT_FAILED,
    Status.EXPIRED: EventName.MT_EXPIRED,
    Status.CANCELLED: EventName.MT_CANCELLED,
    Status.UNKNOWN: EventName.MT_UNKNOWN,
}
_TOLD_BY_STATUS: Final = {status: (EventName.DR_MATCHED, event) for status, event in _EVENT_BY_STATUS.items()}

#: A part that a report means: the life of its message, and which part.
Target = tuple[Life, int]
#: What a reference leads to: (message, part, key of the handset).
Hit = tuple[int, int, int]

#: How long a parked report rests before it is swept, and what is told of it then.
PARKED_REST_MS: Final = 5_000
FOUND_BY_SWEEP: Final = "; found by the sweep"
FOUND_BY_REPLAY: Final = "; found by a replay"
#: A parked report waits for the answer that names its part at most so long: operators use references again.
EARLY_MS: Final = 3_600_000


class Waits(Protocol):
    """What follows in memory once the transaction is safe."""

    #: Clients of which a message has ended.
    closed: list[str]
    #: Operator → microseconds from its yes to the first report that moved one of its parts, and how many did.
    receipt_waits: dict[str, list[int]]


class Gathers(Protocol):
    """The rows of one transaction while they gather; each engine has its own."""

    events: EventBatch
    #: (message, status, error, final_at_us)
    moved: list[tuple[Any, ...]]
    #: (message, part, status, error)
    parts_moved: list[tuple[Any, ...]]

    @property
    def effects(self) -> Waits:
        """What follows in memory."""
        ...

    def remember(self, life: Life) -> None:
        """Note what a life is, before it changes."""
        ...

    def close(self, life: Life) -> None:
        """The message is final and may go to history."""
        ...

    def tell(self, message_id: int, receipt: Item) -> None:
        """A receipt for the client; one that overtook the answer that it follows is told after it."""
        ...


class Applying:
    """The reports of one transaction that have found their part."""

    __slots__ = ("_gathers", "note")

    def __init__(self, writes: Gathers) -> None:
        self._gathers = writes
        #: What further is to be told of reports at the moment.
        self.note = ""

    def apply(self, life: Life, part: int, report: Report, *, is_new: bool = True) -> None:
        """One report about one part that it surely means."""
        was = life.parts[part - 1] if life.parts is not None else life.status
        verdict = judge(was, report.status)
        message = life.message
        told: tuple[EventName, ...] = RECEIVED if is_new else ()
        if verdict is _MOVE:
            told += self._move(life, part, report)
        elif verdict is Verdict.REPEATED:
            told += (EventName.DR_REPEATED,)
        else:
            told += (EventName.DR_CONTRADICTED,)
        self.tell(told, report, life.id, message)

    def _move(self, life: Life, part: int, report: Report) -> tuple[EventName, ...]:
        """The report is news: the part moves, and with it perhaps the message.  Returns what there is to tell."""
        self._gathers.remember(life)
        at_us = report.at_ms * 1000
        old = life.status
        wait = self._gathers.effects.receipt_waits.get(life.operator)
        if wait is None:
            self._gathers.effects.receipt_waits[life.operator] = [at_us - life.sent_at_us, 1]
        else:
            wait[1] += 1
        if life.parts is None:
            life.status = report.status
        else:
            life.parts[part - 1] = report.status
            self._gathers.parts_moved.append((life.id, part, int(report.status), report.error))
            if Status.QUEUED in life.parts:
                # Some part has not left yet: the message stays with its operator node.
                life.error = report.error
                return _MATCHED
            life.status = status_of_parts(life.parts)
        if life.status is old or life.status not in _TOLD_BY_STATUS:
            return _MATCHED
        self.end(life, report.error, at_us, report)
        return _TOLD_BY_STATUS[life.status]

    def end(self, life: Life, error: str, at_us: int, report: Report | None = None) -> None:
        """The message has a new status: write it, tell its client, close it when it is final."""
        message = life.message
        is_final = life.status in FINAL
        life.error, life.final_at_us = error, at_us if is_final else 0
        self._gathers.moved.append((life.id, int(life.status), error, life.final_at_us))
        if message is None:
            return
        if wants_receipt(message.registered_delivery, life.status) and (
            not message.callback_url or asked.wants(message.callback_url, life.status)
        ):
            self._enqueue_receipt(life, message, at_us, report)
        if is_final:
            self._gathers.effects.closed.append(message.client)
            self._gathers.close(life)

    def _enqueue_receipt(self, life: Life, message: Message, at_us: int, report: Report | None) -> None:
        receipt = receipt_of(
            message,
            life.status,
            error=life.error,
            submitted_at_ms=life.sent_at_us // 1000,
            done_at_ms=at_us // 1000,
            operator=life.operator,
            network_error=report.network_error if report else b"",
            operator_reference=report.references[0] if message.is_called_back and report and report.references else "",
            happened_at_ms=_happened_at(report, life) if report and report.done_at_ms else 0,
        )
        # A report's own id orders receipts as they came; one made by a late answer takes the message's.
        number = report.id if report else life.id
        self._gathers.tell(life.id, receipt_item(message, receipt, number))

    def tell(
        self, names: tuple[EventName, ...], report: Report, message_id: int, message: Message | None = None
    ) -> None:
        """Events of one report."""
        if message is None:
            client = number = reference = ""
        else:
            client, number, reference = message.client, message.source, message.reference
        self._gathers.events.add_series(
            names,
            message_id,
            client,
            report.operator,
            report.handset,
            number,
            reference,
            report.references[0] if report.references else "",
            f"{report.word} {report.error}{_dated(report) if report.done_at_ms else ''}{self.note}",
        )


def _happened_at(report: Report, life: Life) -> int:
    return believed(report.done_at_ms, life.sent_at_us // 1000, report.at_ms)


def _dated(report: Report) -> str:
    """The operator's own date, in UTC."""
    return f"; done {shown(report.done_at_ms)}"


def best_target(
    hits_by_form: Sequence[Sequence[Hit]], lives: Mapping[int, Life], report: Report, ended: Target | None = None
) -> Target | None:
    """An open part, else one that has `ended`; the form that the operator wrote comes before converted ones."""
    if ended is not None and ended[0].status not in FINAL:
        return ended
    if ended is None and len(hits_by_form) == 1 and len(hits_by_form[0]) == 1:
        # Nearly always: one reference that leads to one part.
        message_id, part, _ = hits_by_form[0][0]
        life = lives.get(message_id)
        return (life, part) if life is not None and same_handset(life.handset, report.handset) else None
    fitting = [
        (lives[message_id], part)
        for hits in hits_by_form
        for message_id, part, _ in sorted(hits, reverse=True)
        if message_id in lives and same_handset(lives[message_id].handset, report.handset)
    ]
    return next((each for each in fitting if each[0].status not in FINAL), ended or next(iter(fitting), None))


def may_be_early(target: Target, report: Report) -> bool:
    """The report came before the part was known to be sent, but not so long before that another part is meant."""
    return target[0].sent_at_us <= (report.at_ms + EARLY_MS) * 1000


def only_one_held(bodies: Sequence[Message | None], handset: str) -> Message | None:
    """The message that waits in doubt for this handset, if it is surely the only one and has one part."""
    found = [each for each in bodies if each is None or same_handset(each.handset, handset)]
    only = found[0] if len(found) == 1 else None
    return only if only is not None and only.parts == 1 else None
