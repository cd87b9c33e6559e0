"""A store under test with a clock of its own: verbs as plain calls, and restarts without warning.

Each engine says how it is opened and nothing else; the tests know the port alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

from chappe.model.events import EventBatch, EventName
from chappe.model.ids import IdMaker
from chappe.model.lifecycle import Direction, Status
from chappe.model.message import Item, Message
from chappe.store.port import (
    Deferred,
    Delivered,
    Ended,
    Fault,
    Held,
    Kept,
    Life,
    Moved,
    Once,
    Report,
    Sending,
    Sent,
    Settlement,
    Store,
)
from chappe.store.postgres.engine import PostgresStore
from chappe.store.sqlite.engine import SqliteStore
from postgres_server import Reached

Answer = TypeVar("Answer")

START_MS: Final = 1_800_000_000_000
HANDSET: Final = "37120000001"
OPERATOR: Final = "three"
QUEUE: Final = f"operator:{OPERATOR}"


def sqlite_engine(folder: Path, clock_us: Callable[[], int]) -> Any:
    """A SQLite store in `folder`, not yet open."""
    return SqliteStore(folder / "chappe.db", version="test", clock_us=clock_us)


#: The server that PostgreSQL's databases are made in; `conftest.py` sets it for the tests that need it.
SERVER: list[Reached] = []


def postgres_engine(folder: Path, clock_us: Callable[[], int]) -> Any:
    """A PostgreSQL store whose database is known by `folder`, not yet open."""
    note = folder / "is_begun"
    if not note.exists():
        note.touch()
        _empty()
    return PostgresStore(DATABASE[0], version="test", allow_single_copy=True, clock_us=clock_us)


#: One database for all tests of a process, emptied for each: making one would take most of the time.
DATABASE: list[str] = []


def _empty() -> None:
    if not DATABASE:
        DATABASE.append(SERVER[0].new_database())
        return
    name = DATABASE[0].rpartition("/")[2]
    # The two that hold the schema's own version and the names stay.
    tables = SERVER[0].sql(
        "SELECT string_agg(relname, ', ') FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace"
        " WHERE nspname = 'public' AND relkind IN ('r', 'p') AND NOT relispartition"
        " AND relname NOT IN ('schema_versions', 'names')",
        name,
    )
    SERVER[0].sql(f"TRUNCATE {tables}", name)


#: Engine name → what makes a store over a folder; opening it again finds what was there.
ENGINES: Final[dict[str, Callable[[Path, Callable[[], int]], Any]]] = {
    "sqlite": sqlite_engine,
    "postgres": postgres_engine,
}


class Box:
    """One store, used as a node uses it."""

    def __init__(self, engine: str, folder: Path) -> None:
        self._make = ENGINES[engine]
        self._folder = folder
        self._runner = asyncio.Runner()
        self.now_ms = START_MS
        self.store: Any = None
        self.ids: IdMaker
        self.open()

    # -- life ---------------------------------------------------------------------------------------

    def open(self) -> None:
        """Open the store, or open it again."""
        self.store = self._make(self._folder, lambda: self.now_ms * 1000)

        async def opening() -> None:
            opened = self.store.open()
            if opened is not None:
                await opened

        self._runner.run(opening())
        self.ids = IdMaker(getattr(self.store, "slot", self.store.run), last_id=self.store.last_id)

    def restart(self) -> None:
        """The process dies without a word and another one starts."""
        if isinstance(self.store, PostgresStore):
            self.run(_dropped(self.store))
        self.store = None
        self.open()

    def close(self) -> None:
        """End the test."""
        self.run(self.store.close())
        self._runner.close()

    def run(self, work: Coroutine[Any, Any, Answer]) -> Answer:
        """Do something within the store's loop."""
        return self._runner.run(work)

    def together(self, *calls: Callable[[Store], Coroutine[Any, Any, Any]]) -> list[Any]:
        """Several calls in one turn of the loop, as several nodes make them."""

        async def all_of_them() -> list[Any]:
            return await asyncio.gather(*(call(self.store) for call in calls))

        self.now_ms += 1
        return self._runner.run(all_of_them())

    def pass_s(self, seconds: float) -> None:
        """Time passes."""
        self.now_ms += int(seconds * 1000)

    # -- making -------------------------------------------------------------------------------------

    def events(self) -> EventBatch:
        """An empty batch of events of this moment."""
        return EventBatch(self.now_ms * 1000)

    def mt(self, client: str = "acme", *, lane: str = "", priority: int = 1, due_at_ms: int = 0, **fields: Any) -> Item:
        """A new MT with its place in the operator's queue; other fields are those of the message."""
        self.now_ms += 1
        number = self.ids.next(self.now_ms)
        values: dict[str, Any] = {"dest": HANDSET, "octets": b"hello", "registered_delivery": 1, **fields}
        queue, source = values.pop("queue", QUEUE), values.pop("source", "SHOP")
        message = Message(number, Direction.MT, client, "", 1, 1, source, 1, 1, **values)
        return Item(queue, priority, lane or client, due_at_ms, number, message)

    def mo(self, client: str = "acme", **fields: Any) -> Item:
        """A new MO with its place in the client's queue."""
        self.now_ms += 1
        number = self.ids.next(self.now_ms)
        values: dict[str, Any] = {"dest": "12345", "octets": b"VOTE 5", **fields}
        message = Message(number, Direction.MO, client, OPERATOR, 1, 1, HANDSET, 0, 1, **values)
        return Item(f"client:{client}", 0, "", 0, number, message)

    def report_on(self, reference: str, status: Status = Status.DELIVERED, **fields: Any) -> Report:
        """A delivery report; `forms` are further forms of its reference."""
        forms = (reference, *fields.pop("forms", ()))
        values = {"operator": OPERATOR, "handset": HANDSET, "word": status.name[:7], "error": "000", **fields}
        return Report(id=self.ids.next(self.now_ms), references=forms, status=status, at_ms=self.now_ms, **values)

    def once(
        self, key: str, *items: Item, asked: str = "one message", until_s: float = 86_400.0, **fields: Any
    ) -> Once:
        """Messages that a key guards; `answer` is what a repeat is told."""
        answer = fields.get("answer", f"answer to {key}").encode()
        number = self.ids.next(self.now_ms)
        return Once(number, key.encode(), asked.encode(), answer, self.now_ms + int(until_s * 1000), items)

    # -- verbs --------------------------------------------------------------------------------------

    def accept(self, *items: Item) -> Sequence[Fault | None]:
        """Store messages."""
        return self.run(self.store.accept(items, self._telling(EventName.MT_ACCEPTED, items)))

    def accept_once(self, *batch: Once) -> Sequence[Kept | Fault | None]:
        """Store messages that keys guard."""
        items = [item for once in batch for item in once.items]
        return self.run(self.store.accept_once(batch, self._telling(EventName.MT_ACCEPTED, items)))

    def lease(self, queue: str = QUEUE, limit: int = 1_000) -> list[Item]:
        """Take from a queue."""
        return self.run(self.store.lease(queue, limit))

    def leased_ids(self, queue: str = QUEUE, limit: int = 1_000) -> list[int]:
        """Take from a queue, and say which."""
        return [item.id for item in self.lease(queue, limit)]

    def release(self, *items: Item) -> None:
        """Give back."""
        self.run(self.store.release(items))

    def settle(self, *settlements: Settlement) -> Sequence[Fault | None]:
        """Say what became of items."""
        items = [each.item for each in settlements]
        self.now_ms += 1
        return self.run(self.store.settle(settlements, self._telling(EventName.MT_MOVED, items)))

    def report(self, *reports: Report) -> Sequence[Fault | None]:
        """Bring delivery reports."""
        # Between two commits time passes.
        self.now_ms += 1
        return self.run(self.store.report(reports, self.events()))

    def find(self, message_id: int) -> Life:
        """Look a message up that must be there."""
        life = self.run(self.store.find(message_id))
        assert life is not None
        return life

    def status(self, item: Item) -> Status:
        """What became of a message."""
        return self.find(item.id).status

    def lines(self) -> list[str]:
        """All event lines in the store, oldest first, but for what only tells of a busy machine."""
        blocks = self.run(self.store.blocks_after(0, 1_000_000))
        lines = [line for block in blocks for line in block.lines.decode().splitlines()]
        return [line for line in lines if f",{EventName.STORE_SLOW}," not in line]

    def told(self, message_id: int) -> list[str]:
        """The events of one message."""
        return [line.split(",")[1] for line in self.lines() if line.split(",")[2] == str(message_id)]

    def _telling(self, event: EventName, items: Sequence[Item]) -> EventBatch:
        events = self.events()
        for item in items:
            events.add(event, item.id, item.content.client)
        return events

    # -- ways of a message --------------------------------------------------------------------------

    def sent(self, item: Item, reference: str, part: int = 1, operator: str = OPERATOR) -> Sent:
        """The operator took it."""
        return Sent(item, operator, reference, self.now_ms * 1000, part)

    def ended(self, item: Item, status: Status = Status.FAILED, receipt: Item | None = None) -> Ended:
        """It ends here."""
        return Ended(item, status, "011", self.now_ms * 1000, receipt, OPERATOR)

    def delivered(self, item: Item) -> Delivered:
        """Its client has it."""
        return Delivered(item, self.now_ms * 1000)

    def send_one(self, operator_ref: str, /, **fields: Any) -> Item:
        """Accept one message and have the operator take it under `operator_ref`."""
        item = self.mt(**fields)
        assert self.accept(item) == [None]
        assert item.id in self.leased_ids()
        assert self.settle(self.sent(item, operator_ref)) == [None]
        return item


async def _dropped(store: PostgresStore) -> None:
    """What a kill does to the connections of a process."""
    store.drop()
    await asyncio.sleep(0)


__all__ = ["ENGINES", "HANDSET", "OPERATOR", "QUEUE", "Box", "Deferred", "Held", "Moved", "Sending"]
