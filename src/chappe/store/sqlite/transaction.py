"""One group commit: whoever judges the group's calls, over the same rows and lives.

Nothing in memory that others see changes here but a life's status, and that is put back when the transaction
fails; queue heads and counts change in `Effects`, after the commit.
"""

import sqlite3
from collections.abc import Callable, Mapping, Sequence, Set

from chappe.model.events import EventBatch
from chappe.model.message import Item
from chappe.store.cursor import Cursor
from chappe.store.parked import Parked, Readings, Replayed
from chappe.store.port import Kept, Life, Once, Report, Settlement
from chappe.store.sqlite.accepting import Accepting
from chappe.store.sqlite.callbacks import forget_failed, replay
from chappe.store.sqlite.early import Early
from chappe.store.sqlite.granting import Asked, Granting
from chappe.store.sqlite.keeping import Keeping
from chappe.store.sqlite.lives import Lives
from chappe.store.sqlite.matching import Matching
from chappe.store.sqlite.names import Names
from chappe.store.sqlite.references import References
from chappe.store.sqlite.resolving import Resolving
from chappe.store.sqlite.settling import Settling
from chappe.store.sqlite.silence import Silence
from chappe.store.sqlite.unparking import Unparking
from chappe.store.sqlite.writes import Effects, Writes


class Transaction:
    """The writes of one group."""

    __slots__ = (
        "_accepting",
        "_connection",
        "_granting",
        "_keeping",
        "_lives",
        "_matching",
        "_names",
        "_settling",
        "_unparking",
        "_writes",
    )

    def __init__(
        self,
        connection: sqlite3.Connection,
        names: Names,
        references: References,
        early: Early,
        long_lives: dict[int, Life],
        room_of: Callable[[str, int, str], int],
        leased: Mapping[int, Item | None],
        now_us: int,
    ) -> None:
        """`room_of(queue, priority, lane)` says how many new items the head of a queue will keep in memory."""
        writes = self._writes = Writes(names, references, long_lives, now_us)
        lives = self._lives = Lives(connection, names, long_lives, writes)
        self._connection = connection
        self._names = names
        self._accepting = Accepting(names, writes, room_of)
        self._keeping: Keeping | None = None
        self._settling = Settling(connection, names, references, lives, writes, leased, self._accepting)
        self._matching = Matching(connection, names, references, lives, writes, leased)
        self._granting = Granting(connection, names, lives, writes, leased)
        self._unparking = Unparking(connection, references, self._matching, writes, early)

    @property
    def effects(self) -> Effects:
        """What changes in memory after the commit."""
        return self._writes.effects

    @property
    def events(self) -> EventBatch:
        """Events that only the store can know of: what reports matched."""
        return self._writes.events

    def accept(self, items: Sequence[Item]) -> None:
        """New messages, each with its place in a queue: in the memory of its head, else in a row."""
        self._accepting.accept(items)

    def accept_once(self, batch: Sequence[Once]) -> Sequence[Kept | None]:
        """New messages that keys guard; for those whose key was there before, what is kept under it."""
        if self._keeping is None:
            self._keeping = Keeping(self._connection, self._accepting, self.events.at_us // 1000)
        return self._keeping.accept(batch)

    @property
    def left_out(self) -> Set[int]:
        """Messages that are not stored after all: what tells of them is not true."""
        unstored = frozenset[int]() if self._keeping is None else self._keeping.left_out
        return self._settling.left_out | unstored if self._settling.left_out else unstored

    def settle(self, settlements: Sequence[Settlement]) -> None:
        """What became of leased items.  What was settled before and waits nowhere any more is left as it is."""
        self._settling.settle(settlements)

    def report(self, reports: Sequence[Report]) -> None:
        """Match reports, newest part first; those that match nothing are parked."""
        self._matching.match(reports)

    def grant(self, asked: Sequence[Asked]) -> None:
        """Cancel or replace what only waits; each wish is told what became of it."""
        self._granting.grant(asked)

    def match_parked(self) -> None:
        """Reports that came before the answer that names their part find it now."""
        self._unparking.after_answers()

    def match_again(self, *, cursor: Cursor) -> None:
        """Some of the parked reports, oldest first, as if they came now."""
        self._unparking.sweep(cursor=cursor)

    def replay_parked(self, parked: Parked, readings: Readings) -> Replayed:
        """Parked reports that a person wants tried again, with the forms of their references that count now."""
        return self._unparking.replay(parked, readings, self._names)

    def mark_unknown(self, *, cursor: Cursor, sent_before_us: Mapping[str, int]) -> None:
        """Some of the messages without a final receipt: those silent for too long become `unknown`."""
        Silence(self._connection, self._names, self.events).mark(cursor=cursor, sent_before_us=sent_before_us)

    def resolve_held(self, ids: Sequence[int], *, is_resent: bool, resolved: list[int]) -> None:
        """Lay held items into their queues again, or end them; what cannot be read stays.  Fills `resolved`."""
        resolving = Resolving(self._connection, self._names, self._lives, self._writes)
        resolving.resolve(ids, is_resent=is_resent, resolved=resolved)

    def replay_callbacks(self, ids: Sequence[int], *, client: str, replayed: list[int]) -> None:
        """Lay callbacks that were given up into their queues again; fills `replayed`."""
        replay(self._connection, self._writes, self._names, ids, client=client, replayed=replayed)

    def forget_failed_callbacks(self, before_id: int) -> None:
        """Some of those made before `before_id` go."""
        forget_failed(self._connection, self._writes, before_id)

    def lives(self, ids: Sequence[int]) -> dict[int, Life]:
        """Read lives from the hot tables."""
        return self._lives.read(ids)

    def write(self) -> None:
        """Send all statements of the group."""
        self._writes.run(self._connection)

    def put_back(self) -> None:
        """The transaction failed: lives in memory are what they were."""
        self._writes.put_back()
