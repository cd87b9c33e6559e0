"""What people look at in a store while the gateway runs: messages, what happened to them, what is held or given up.

Readers change nothing.  This must never know an engine.
"""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Protocol

import msgspec

from chappe.model.address import same_handset
from chappe.model.ids import first_id_at
from chappe.model.lifecycle import Status
from chappe.model.message import Message, Receipt
from chappe.rules.opt_outs import OptOut
from chappe.store.credit import Balance
from chappe.store.port import MAX_ID, CallbacksOff, FailedCallback, Life, Report
from chappe.store.versions import Version


class LifeView(msgspec.Struct, frozen=True):
    """One message, as people look at it.  Moments are Unix µs, 0 for never."""

    id: int
    direction: str
    client: str
    operator: str
    status: str
    msisdn: str
    number: str
    client_ref: str
    operator_ref: str
    parts: int
    error: str
    created_at_us: int
    sent_at_us: int
    final_at_us: int
    #: The day of the history that holds it; empty while it is hot.
    history: str = ""


class Look(msgspec.Struct, frozen=True):
    """What people look for: a message must fit all that is given."""

    #: An id (decimal or hexadecimal), a handset's number, a client's or an operator's reference.
    text: str = ""
    client: str = ""
    operator: str = ""
    #: "mt", "mo", or both.
    direction: str = ""
    statuses: tuple[Status, ...] = ()
    #: When it came, Unix µs: from the one until before the other; 0 for any time.
    from_us: int = 0
    until_us: int = 0
    #: Where an earlier page ended; 0 for the newest.
    before_id: int = 0
    limit: int = 50

    def fits(self, view: LifeView, status: Status) -> bool:
        """All but the text, and but the ids."""
        return (
            self.client in ("", view.client)
            and self.operator in ("", view.operator)
            and self.direction in ("", view.direction)
            and (not self.statuses or status in self.statuses)
        )

    @property
    def ids(self) -> tuple[int, int]:
        """The lowest id that fits, and the first above it that does not."""
        low = first_id_at(self.from_us // 1000) if self.from_us else 1
        high = first_id_at(-(-self.until_us // 1000)) if self.until_us else MAX_ID
        return max(low, 1), min(high, self.before_id or MAX_ID)


class Looked(msgspec.Struct, frozen=True):
    """What was found, newest first.  `before_id` is where the next page begins, 0 when nothing is left.

    A page may be short, or empty, and not the last: enough was looked at for one answer.
    """

    lives: list[LifeView]
    before_id: int = 0


class HeldView(msgspec.Struct, frozen=True):
    """One item that a person or a receipt must decide."""

    id: int
    queue: str
    held_at_us: int
    reason: str


class FailedView(msgspec.Struct, frozen=True):
    """A callback that was given up.  `message_id` is what it tells of."""

    id: int
    client: str
    message_id: int
    told: str
    attempts: int
    failed_at_us: int
    reason: str


#: Event blocks that a look at what happened lately goes through, and how far it looks back.
RECENT_BLOCKS: Final = 300
RECENT_US: Final = 15 * 60 * 1_000_000
#: Events of one such look; the last ones are kept.
RECENT_EVENTS: Final = 2_000


class ParkedView(msgspec.Struct, frozen=True):
    """A delivery report that matches no message so far.  `references`: as it was written, then in converted forms."""

    id: int
    operator: str
    references: tuple[str, ...]
    msisdn: str
    status: str
    error: str
    at_us: int


class Reader(Protocol):
    """Every method raises ResourceError when there is no store, or it cannot be read."""

    #: What the tables are called that hold messages which are not in history.
    hot: str

    def find_messages(self, text: str, limit: int = 50) -> Sequence[LifeView]:
        """Messages by id (decimal or hexadecimal), handset number, client's or operator's reference; newest first."""
        ...

    def look(self, look: Look) -> Looked:
        """One page of messages, newest first, for people who wait for it: what takes long is left to the next page."""
        ...

    def follow(self) -> None:
        """Learn what came since the last look, where that makes the next one quicker."""
        ...

    def life_events(self, message_id: int) -> list[dict[str, str]]:
        """Everything that happened to one message, oldest first: column → field."""
        ...

    def life(self, message_id: int) -> Life | None:
        """All that is stored of one message, its content included."""
        ...

    def recent_events(self, names: Collection[str]) -> list[dict[str, str]]:
        """The last events of these names, oldest first, among those of the last minutes; a sample while many happen."""
        ...

    def parked_reports(self, limit: int = 1_000) -> list[ParkedView]:
        """Reports that match nothing, youngest first."""
        ...

    def held_items(self, limit: int = 1_000) -> list[HeldView]:
        """What is held, oldest first."""
        ...

    def opt_outs(self) -> list[OptOut]:
        """What handsets said last about lists of opt-outs, oldest first."""
        ...

    def failed_callbacks(self, client: str, limit: int) -> list[FailedView]:
        """Callbacks that were given up, youngest first; of all clients when none is named."""
        ...

    def versions(self, limit: int) -> list[Version]:
        """The youngest versions of the configuration, youngest first."""
        ...

    def version(self, number: int) -> Version | None:
        """One version of the configuration."""
        ...

    def balances(self) -> list[Balance]:
        """What clients may still spend, by client."""
        ...

    def callbacks_off(self) -> list[CallbacksOff]:
        """Clients whose own URL said that it is gone."""
        ...


def failed_view(failed: FailedCallback) -> FailedView:
    """A callback that was given up, for people."""
    content: Any = failed.content
    is_receipt = isinstance(content, Receipt)
    told, number = (content.status.word, content.message_id) if is_receipt else ("inbound", content.id)
    return FailedView(failed.id, failed.client, number, told, failed.attempts, failed.at_us, failed.reason)


def parked_view(report: Report) -> ParkedView:
    """A parked report, for people."""
    told = (report.handset, report.status.word, report.error, report.at_ms * 1000)
    return ParkedView(report.id, report.operator, report.references, *told)


def is_known_by(message: Message, text: str) -> bool:
    """People may mean this message by its handset's number or by its client's reference."""
    return same_handset(message.handset, text) or message.reference == text != ""


def ids_in(text: str) -> list[int]:
    """The ids that a text may mean, in the forms in which clients see them."""
    found = []
    if text.isascii() and text.isdecimal():
        found.append(int(text))
    try:
        found.append(int(text.removeprefix("0x"), 16))
    except ValueError:
        pass
    return [number for number in found if 0 < number <= MAX_ID]


def iso(unix_us: int) -> str:
    """A moment as people and programs read it, UTC."""
    return datetime.fromtimestamp(unix_us / 1e6, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
