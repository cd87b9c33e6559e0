"""The queues as their readers meet them: leases over lanes, moments, bells.

Nothing here is the only copy of anything.  A lease names our run in the row; the row is the truth.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import msgspec

from chappe.model.message import Content, Item
from chappe.store.bodies import unpack_message, unpack_receipt
from chappe.store.port import Picked, Place, StoreAway
from chappe.store.postgres import lease_statements as leases
from chappe.store.postgres import statements as sql
from chappe.store.postgres.bells import Places
from chappe.store.postgres.lanes import LaneKey, Lanes, Share
from chappe.store.postgres.looking import NEAR_MS, Looking, Reader
from chappe.store.postgres.names import Names
from chappe.store.postgres.opening import Session
from chappe.store.postgres.writes import columns

#: Rounds of one lease: lanes that have less than their share leave room for others.
ROUNDS: Final = 4

#: Before all rows of a queue.
_START: Final = (-1, -1, -1, -1)

Unreadable = Callable[[str, Any, str], None]


class Queues:
    """All queues that this process reads."""

    def __init__(
        self, session: Session, names: Names, now_us: Callable[[], int], hold_unreadable: Callable[[Item, str], None]
    ) -> None:
        self._session = session
        self._names = names
        self._now_us = now_us
        self._hold = hold_unreadable
        self._looking = Looking(names, now_us)
        self._readers: dict[str, Reader] = {}
        self._bells: dict[str, list[Callable[[], None]]] = {}
        #: What is leased here, by queue and id.
        self._held: dict[tuple[str, int], Item] = {}
        #: Queues of which the answer to a lease was lost: rows may bear our run that nobody here has.
        self._doubtful: set[str] = set()
        #: Given back while the database was away.
        self._unreleased: list[Item] = []
        #: Called with a queue in which something is free again, for readers elsewhere.
        self.tell_others: Callable[[str], None] = _nobody_hears
        self.run = 0

    # -- leases ---------------------------------------------------------------------------------------

    async def lease(self, queue: str, limit: int) -> list[Item]:
        """Take items; none while the store is away."""
        reader = self._readers.get(queue)
        if reader is None:
            reader = self._readers[queue] = Reader(queue)
        if reader.is_known and not reader.lanes.is_ready(self._now_ms):
            return []
        try:
            async with self._session.lend() as connection:
                if queue in self._doubtful and not await self._free_orphans(connection, queue):
                    return []
                lanes = reader.lanes
                if not reader.is_known:
                    await self._looking.look(connection, queue, reader)
                # What was found counts for the lanes that were asked; whoever forgot them meanwhile looks anew.
                items = await self._lease(connection, queue, reader.number, lanes, limit)
        except StoreAway:
            self._doubtful.add(queue)
            return []
        except BaseException:
            # Whoever asked no longer listens.
            self._doubtful.add(queue)
            raise
        self.keep(items)
        return items

    async def _free_orphans(self, connection: Any, queue: str) -> bool:
        """What bears our run and is nobody's here is free again.  False: a lost lease may still be on its way."""
        if not await self._session.outlives_the_lost():
            return False
        number = self._names.known(queue)
        if number is not None:
            held = [each for of, each in self._held if of == queue]
            await connection.execute(leases.ORPHANS, number, self.run, held)
        self._doubtful.discard(queue)
        self.look_everywhere(queue)
        self.tell_others(queue)
        return True

    @property
    def is_certain(self) -> bool:
        """Nothing bears our run but what is known to be leased here."""
        return not (self._doubtful or self._unreleased or self._held)

    def held(self) -> list[Item]:
        """What is leased here."""
        return [*self._held.values()]

    @property
    def _now_ms(self) -> int:
        return self._now_us() // 1000

    async def _lease(self, connection: Any, queue: str, number: int | None, lanes: Lanes, limit: int) -> list[Item]:
        items: list[Item] = []
        for _ in range(ROUNDS):
            shares = lanes.allot(limit - len(items), self._now_ms)
            if not shares or number is None:
                break
            found = await connection.fetch(leases.LEASE, number, *columns(shares), self._now_ms, self.run)
            await self._note(connection, number, lanes, shares, found)
            items += self._items(queue, shares, found)
            if len(items) >= limit:
                break
        return items

    async def _note(
        self, connection: Any, queue: int, lanes: Lanes, shares: Sequence[Share], found: Sequence[Any]
    ) -> None:
        """What the lanes gave tells what they still have."""
        given: dict[int, list[int]] = {}
        for row in found:
            given.setdefault(row["turn"], []).append(row["place"])
        waiting: list[LaneKey] = []
        for turn, share in enumerate(shares, 1):
            places = given.get(turn, ())
            key = (share.priority, share.lane)
            if lanes.took(share, len(places), places[-1] if places else 0) and key in lanes.may_wait:
                waiting.append(key)
        if waiting:
            await self._looking.look_for_moments(connection, queue, lanes, waiting)
        await self._names.meet(connection, {share.lane for share in shares})

    def _items(self, queue: str, shares: Sequence[Share], found: Sequence[Any]) -> list[Item]:
        items = []
        for row in found:
            share = shares[row["turn"] - 1]
            place = (queue, share.priority, self._names.name(share.lane), row["due_at_ms"], row["id"])
            content = self._content(row)
            if isinstance(content, str):
                self._hold(Item(*place, None, row["attempts"], True, row["place"]), content)  # type: ignore[arg-type]
            else:
                items.append(Item(*place, content, row["attempts"], True, row["place"]))
        return items

    def _content(self, row: Any) -> Content | str:
        """What lies in the queue; what cannot be read stops nobody else: why it cannot."""
        try:
            return unpack_message(row["body"]) if row["packed"] is None else unpack_receipt(row["packed"])
        except (msgspec.MsgspecError, TypeError, ValueError) as error:
            return f"{type(error).__name__}: {error}"

    async def release(self, items: Sequence[Item]) -> None:
        """Leased items go back to where they were taken, as soon as the database is there."""
        try:
            found = await self._work(leases.RELEASE, items)
        except StoreAway:
            self._unreleased += items
            return
        except BaseException:
            # Whoever gave them back no longer listens.
            self._unreleased += items
            raise
        self.left([(item.queue, item.id) for item in items])
        now_ms = self._now_ms
        for item in items:
            if item.id in found and item.place:
                self.laid(item.queue, (item.priority, self._names.number(item.lane)), item.place, now_ms)
            else:
                # Its place is not known here, or the answer to an earlier release was lost.
                self.look_everywhere(item.queue)
        for queue in {item.queue for item in items}:
            self.ring(queue)
            self.tell_others(queue)

    async def claim(self, items: Sequence[Item]) -> list[Item]:
        """Lease these very items, as far as nobody holds them.  Raises: StoreAway."""
        try:
            found = await self._work(leases.CLAIM, items)
        except BaseException:
            # The database is away, or whoever asked no longer listens.
            self._doubtful.update(item.queue for item in items)
            raise
        claimed = [item for item in items if item.id in found]
        self.keep(claimed)
        return claimed

    def keep(self, items: Sequence[Item]) -> None:
        """These are leased here."""
        self._held.update([((item.queue, item.id), item) for item in items])

    def left(self, gone: Sequence[tuple[str, int]]) -> None:
        """These have left their queues."""
        for each in gone:
            self._held.pop(each, None)

    async def pick(self, queue: str, fits: Callable[[Item], bool], place: Place, limit: int) -> Picked:
        """Lease those among the next `limit` items that fit.  Raises: StoreAway."""
        async with self._session.lend() as connection:
            await self._names.look(connection, [queue])
            number = self._names.known(queue)
            if number is None:
                return Picked([], ())
            found = await connection.fetch(leases.BEHIND, number, *(place or _START), limit)
            await self._names.meet(connection, {row["lane"] for row in found})
        chosen = [item for item in self._free_items(queue, found) if fits(item)]
        behind = found[-1] if len(found) == limit else None
        taken = await self.claim(chosen)
        return Picked(taken, () if behind is None else tuple(behind.values())[:4])

    def _free_items(self, queue: str, found: Iterable[Any]) -> Iterable[Item]:
        """Those that nobody holds; what cannot be read is left to whoever leases it."""
        for row in found:
            content = self._content(row)
            if not row["run"] and not isinstance(content, str):
                place = (queue, row["priority"], self._names.name(row["lane"]), row["due_at_ms"], row["id"])
                yield Item(*place, content, row["attempts"], True, row["place"])

    async def _work(self, statement: str, items: Sequence[Item]) -> set[int]:
        if not items:
            return set()
        async with self._session.lend() as connection:
            await self._names.learn(connection, {name for item in items for name in (item.queue, item.lane)})
            number, places = self._names.number, await self._places_of(connection, items)
            keys = sorted(
                (number(item.queue), item.priority, number(item.lane), place, item.id)
                for item, place in zip(items, places, strict=True)
            )
            return {row["id"] for row in await connection.fetch(statement, *columns(keys), self.run)}

    async def _places_of(self, connection: Any, items: Sequence[Item]) -> list[int]:
        """Where items are; of those that were not leased here a look tells."""
        number = self._names.number
        rows = [(number(i.queue), i.priority, number(i.lane), i.id, i.due_at_ms) for i in items if not i.place]
        found = await connection.fetch(sql.FIND, *columns(rows)) if rows else ()
        place_by_row = {(queue, each): place for each, queue, place, _ in found}
        return [item.place or place_by_row.get((number(item.queue), item.id), 0) for item in items]

    # -- what lies where ------------------------------------------------------------------------------

    def laid(self, queue: str, lane: LaneKey, place: int, now_ms: int) -> bool:
        """Items lie at a place of a queue now.  True: somebody here reads it, and they are due."""
        reader = self._readers.get(queue)
        if reader is None:
            return False
        if reader.number is None:
            reader.forget()
            return True
        reader.lanes.laid(lane, place, now_ms)
        return place <= now_ms

    def rung(self, queue: str, places: Places) -> None:
        """Another process laid something at these places of lanes."""
        reader = self._readers.get(queue)
        if reader is None or reader.number is None:
            if reader is not None:
                reader.forget()
            return self.ring(queue)
        now_ms = self._now_ms
        for key, place in places.items():
            # Its clock may be ahead of ours by a little: what is due is due here, too.
            reader.lanes.laid(key, min(place, now_ms) or now_ms - NEAR_MS, now_ms)
        return self.ring(queue)

    def look_everywhere(self, queue: str = "") -> None:
        """Something may lie below the marks: the next lease looks at everything."""
        for name, reader in self._readers.items():
            if queue in ("", name):
                reader.forget()
                self.ring(name)

    async def look(self) -> None:
        """The net under bells: what was laid by others is found by looking.  Raises: StoreAway."""
        waiting, self._unreleased = self._unreleased, []
        if waiting:
            await self.release(waiting)
        for queue in [*self._doubtful]:
            async with self._session.lend() as connection:
                await self._free_orphans(connection, queue)
        for queue in [*self._bells]:
            reader = self._readers.setdefault(queue, Reader(queue))
            if time.monotonic() < reader.look_again_at:
                continue
            async with self._session.lend() as connection:
                await self._looking.look(connection, queue, reader)
            if reader.lanes.is_ready(self._now_ms):
                self.ring(queue)

    # -- bells ----------------------------------------------------------------------------------------

    def listen(self, queue: str, bell: Callable[[], None]) -> None:
        """Call `bell` whenever something may be leased from the queue."""
        self._bells.setdefault(queue, []).append(bell)

    def unlisten(self, queue: str, bell: Callable[[], None]) -> None:
        """Call it no more."""
        self._bells[queue].remove(bell)

    def ring(self, queue: str) -> None:
        """Wake who reads the queue."""
        for bell in self._bells.get(queue, ()):
            bell()

    def ring_due(self) -> None:
        """Wake who reads queues in which something has become due."""
        for queue, reader in self._readers.items():
            if reader.lanes.is_ready(self._now_ms):
                self.ring(queue)

    def ring_all(self) -> None:
        """Wake everyone."""
        for queue in list(self._bells):
            self.ring(queue)

    def lanes_of(self, queue: str) -> list[LaneKey]:
        """The lanes that are known of a queue."""
        reader = self._readers.get(queue)
        return [] if reader is None else reader.lanes.keys()

    def number_of(self, queue: str) -> int | None:
        """The number of a queue that somebody reads."""
        return self._names.known(queue)


def _nobody_hears(queue: str) -> None:
    """Before the bells hang."""
