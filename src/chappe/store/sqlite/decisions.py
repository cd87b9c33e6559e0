"""What people decide about messages, receipts and callbacks, and what is told of each decision only once.

It must never know who decides.
"""

from collections.abc import Sequence
from functools import partial

from chappe.model.events import EventBatch
from chappe.store.parked import Parked, Readings, Replayed
from chappe.store.port import MAX_ID, CallbacksOff, FailedCallback
from chappe.store.sqlite import callbacks
from chappe.store.sqlite.group_commit import GroupCommit
from chappe.store.sqlite.once import once
from chappe.store.sqlite.reading import Reading
from chappe.store.sqlite.store_file import StoreFile
from chappe.store.sqlite.transaction import Transaction


class Decisions:
    """What `SqliteStore` does for people; it sets these before anything is asked."""

    _file: StoreFile
    _group: GroupCommit
    _reading: Reading

    async def replay_parked(self, parked: Parked, readings: Readings) -> Replayed:
        made = [Replayed()]

        def act(transaction: Transaction) -> None:
            made[0] = transaction.replay_parked(parked, readings)

        await self._group.ask("sweep", [act], None)
        return made[0]

    async def resolve_held(
        self, ids: Sequence[int], *, is_resent: bool, instruction: int = 0, told: str = ""
    ) -> list[int]:
        """A person decides about held items: they go on in their queues, or they end as cancelled.

        Returns those that were held and could be read; the others are left alone.  The last `instruction` is not
        carried out again, but answered as before; `told` is what its event says.  Raises: StoreAway.
        """
        resolved: list[int] = []

        def decide(transaction: Transaction) -> None:
            act = partial(transaction.resolve_held, ids, is_resent=is_resent, resolved=resolved)
            if not instruction:
                return act()
            return once(self._file.connection, instruction, resolved, transaction.events, told, act)

        await self._group.ask("sweep", [decide], None)
        return resolved

    async def replay_callbacks(
        self, ids: Sequence[int], *, client: str = "", instruction: int = 0, told: str = ""
    ) -> list[int]:
        replayed: list[int] = []

        def decide(transaction: Transaction) -> None:
            act = partial(transaction.replay_callbacks, ids, client=client, replayed=replayed)
            if not instruction:
                return act()
            return once(self._file.connection, instruction, replayed, transaction.events, told, act)

        await self._group.ask("sweep", [decide], None)
        return replayed

    async def failed_callbacks(
        self, client: str = "", *, before_id: int = MAX_ID, limit: int = 100
    ) -> list[FailedCallback]:
        return self._reading.failed_callbacks(client, before_id, limit)

    async def forget_failed_callbacks(self, before_id: int) -> bool:
        if not self._reading.has_failed_callbacks(before_id):
            return False
        await self._group.ask("sweep", [partial(Transaction.forget_failed_callbacks, before_id=before_id)], None)
        return self._reading.has_failed_callbacks(before_id)

    async def switch_callbacks_off(self, off: CallbacksOff, events: EventBatch) -> None:
        row = (off.client, off.url, off.at_us, off.reason)
        await self._group.ask("write", [[(callbacks.SWITCH_OFF, [row])]], events)

    async def switch_callbacks_on(self, client: str, events: EventBatch) -> bool:
        if all(off.client != client for off in self._reading.callbacks_off()):
            return False
        await self._group.ask("write", [[(callbacks.SWITCH_ON, [(client,)])]], events)
        return True

    async def callbacks_off(self) -> list[CallbacksOff]:
        return self._reading.callbacks_off()
