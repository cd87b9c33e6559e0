"""Accepting: each new message gets its row and its place in a queue; what keys guard is stored once."""

from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from chappe.model.address import handset_key
from chappe.model.lifecycle import Direction, Status
from chappe.model.message import Item, Message
from chappe.store.bodies import pack
from chappe.store.port import Fault, Kept, Once
from chappe.store.postgres import statements as sql
from chappe.store.postgres.hashing import ref_key
from chappe.store.postgres.names import Names
from chappe.store.postgres.writes import Row, Writes, checked, columns

#: What an item raises that can never be stored, as it is.
POISON: Final = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
    msgspec.MsgspecError,
)


_Asked = tuple[Item, Row, Callable[[Fault], None]]
#: Where a row has them.
_LANE: Final = 5
_PLACE: Final = 6


class Accepting:
    """The new messages of one transaction."""

    def __init__(self, names: Names, writes: Writes) -> None:
        self._names = names
        self._writes = writes
        #: The messages of the next write, each with its row and who is told when it cannot be stored.
        self._asked: list[_Asked] = []
        #: Messages that are not stored after all, or were before: what tells of them is not true.
        self.left_out: set[int] = set()

    def row_of(self, item: Item) -> Row:
        """The row of a new message.  Raises: UnknownName, or one of POISON."""
        number, message = self._names.number, item.content
        if not isinstance(message, Message):
            raise TypeError("only a message is accepted")
        is_mt, due = message.direction is Direction.MT, checked(item.due_at_ms)
        status = (Status.SCHEDULED if due else Status.QUEUED) if is_mt else Status.ACCEPTED
        checked(message.expires_at_ms)
        return (
            checked(item.id),
            number(message.client),
            int(status),
            number(item.queue),
            item.priority,
            number(item.lane),
            due or self._writes.now_ms,
            due,
            number(message.operator) if message.operator else None,
            handset_key(message.handset),
            ref_key(message.reference) if message.reference else None,
            pack(message),
        )

    def add(self, item: Item, told: Callable[[Fault], None]) -> None:
        """Have a message stored by the next `write`; `told` hears when it cannot be.  Raises: like `row_of`."""
        self._asked.append((item, self.row_of(item), told))

    async def write(self, connection: Any) -> None:
        """Store what was added."""
        if not self._asked:
            return
        asked, self._asked = self._asked, []
        row_by_id = {row[0]: row for _, row, _ in reversed(asked)}
        new = set(
            await connection.fetchval(sql.ACCEPT, *columns([row_by_id[each] for each in sorted(row_by_id)])) or ()
        )
        if len(new) == len(asked):
            self._stored(asked)
        else:
            known = dict(await connection.fetch(sql.BODIES, list(row_by_id)))
            for item, row, told in asked:
                self._stored_or_known(item, row, told, new, known)

    def _stored_or_known(
        self, item: Item, row: Row, told: Callable[[Fault], None], new: set[int], known: dict[int, bytes]
    ) -> None:
        if item.id in new:
            new.discard(item.id)
            self._stored([(item, row, told)])
            return
        self.left_out.add(item.id)
        if known.get(item.id) != row[-1]:
            told(Fault("another message has this id"))

    def _stored(self, asked: Sequence[_Asked]) -> None:
        effects, expiries, mt = self._writes.effects, self._writes.expiries, Direction.MT
        for item, _, _ in asked:
            message: Message = item.content  # type: ignore[assignment]
            if message.expires_at_ms:
                expiries.append((message.expires_at_ms, item.id))
            if message.direction is mt:
                effects.opened.append(message.client)
                if message.price is not None:
                    self._writes.charge(message.client, message.price)
        effects.queued.update([(item.queue, item.priority, row[_LANE], row[_PLACE]) for item, row, _ in asked])


class Keeping:
    """The guarded messages of one transaction."""

    def __init__(self, accepting: Accepting, now_ms: int) -> None:
        self._accepting = accepting
        self._now_ms = now_ms

    async def accept(self, connection: Any, batch: Sequence[Once]) -> list[Kept | Fault | None]:
        """Add what is new to what is accepted; for the rest, in order, what is kept of it."""
        faults = [self._fault_of(once) for once in batch]
        first_by_key: dict[bytes, Once] = {}
        for once, fault in zip(batch, faults, strict=True):
            if fault is None:
                first_by_key.setdefault(once.key, once)
        won = await self._keep(connection, list(first_by_key.values()))
        lost = [key for key in first_by_key if key not in won]
        kept = {row[0]: (row[1], Kept(row[2], row[3])) for row in await connection.fetch(sql.KEPT, lost)}
        outcomes: list[Kept | Fault | None] = []
        for once, fault in zip(batch, faults, strict=True):
            outcomes.append(fault or self._outcome(once, first_by_key[once.key], won, kept))
            if fault is not None:
                self._accepting.left_out.update(item.id for item in once.items)
        return outcomes

    def _fault_of(self, once: Once) -> Fault | None:
        """It is stored whole or not at all: every message of it is looked at before its key is taken."""
        try:
            checked(once.id)
            checked(once.until_ms)
            for item in once.items:
                self._accepting.row_of(item)
        except POISON as error:
            return Fault(f"{type(error).__name__}: {error}")
        return None

    def _outcome(
        self, once: Once, first: Once, won: set[bytes], kept: dict[bytes, tuple[int, Kept]]
    ) -> Kept | Fault | None:
        if once.key in won and first is once:
            for item in once.items:
                self._accepting.add(item, _ignore)
            return None
        self._accepting.left_out.update(item.id for item in once.items)
        by, answer = kept.get(once.key) or (first.id, Kept(first.fingerprint, first.answer))
        # The very same again: its node did not hear that it was stored.
        return None if by == once.id else answer

    async def _keep(self, connection: Any, new: Sequence[Once]) -> set[bytes]:
        """Take these keys; returns those that were free."""
        if not new:
            return set()
        rows = sorted((each.key, each.id, each.fingerprint, each.answer, self._now_ms, each.until_ms) for each in new)
        return {row[0] for row in await connection.fetch(sql.KEEP, *columns(rows))}


def _ignore(fault: Fault) -> None:
    """The key decides what is told."""
