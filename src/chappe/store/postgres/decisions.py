"""What people decide: held items and given up callbacks go on or end; clients' URLs are switched off and on."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from chappe.model.events import EventBatch
from chappe.store.parked import Parked, Readings, Replayed
from chappe.store.port import (
    MAX_ID,
    CallbacksOff,
    FailedCallback,
)
from chappe.store.postgres import resolving
from chappe.store.postgres.group_commit import GroupCommit
from chappe.store.postgres.reading import Reading
from chappe.store.postgres.runs import Run
from chappe.store.postgres.transaction import Transaction


class Decisions:
    """What `PostgresStore` does for people and for callbacks; it sets these before anything is asked."""

    _group: GroupCommit
    _reading: Reading
    _run: Run

    async def resolve_held(
        self, ids: Sequence[int], *, is_resent: bool, instruction: int = 0, told: str = ""
    ) -> list[int]:
        """A person decides about held items: they go on in their queues, or they end as cancelled.

        Returns those that were held and could be read; the others are left alone.  The last `instruction` is not
        carried out again, but answered as before; `told` is what its event says.  Raises: StoreAway.
        """
        resolved: list[int] = []

        async def decide(transaction: Transaction) -> None:
            act = partial(transaction.resolving.resolve, ids, is_resent=is_resent, resolved=resolved)
            await self._once(transaction, instruction, resolved, told, act)

        await self._group.ask("sweep", [decide], None)
        return resolved

    async def replay_parked(self, parked: Parked, readings: Readings) -> Replayed:
        made = [Replayed()]

        async def act(transaction: Transaction) -> None:
            made[0] = await transaction.replay_parked(parked, readings)

        await self._group.ask("sweep", [act], None)
        return made[0]

    async def replay_callbacks(
        self, ids: Sequence[int], *, client: str = "", instruction: int = 0, told: str = ""
    ) -> list[int]:
        replayed: list[int] = []

        async def decide(transaction: Transaction) -> None:
            act = partial(transaction.resolving.replay, ids, client=client, replayed=replayed)
            await self._once(transaction, instruction, replayed, told, act)

        await self._group.ask("sweep", [decide], None)
        return replayed

    async def _once(
        self, transaction: Transaction, instruction: int, changed: list[int], told: str, act: Callable[[], Any]
    ) -> None:
        if not instruction:
            await act()
        else:
            await resolving.once(transaction.connection, instruction, changed, transaction.writes, told, act)

    async def failed_callbacks(
        self, client: str = "", *, before_id: int = MAX_ID, limit: int = 100
    ) -> list[FailedCallback]:
        return await self._reading.failed_callbacks(client, before_id, limit)

    async def forget_failed_callbacks(self, before_id: int) -> bool:
        if not await self._reading.has_failed_callbacks(before_id):
            return False

        async def forget(transaction: Transaction) -> None:
            await transaction.resolving.forget_failed(before_id)

        await self._group.ask("sweep", [forget], None)
        return await self._reading.has_failed_callbacks(before_id)

    async def switch_callbacks_off(self, off: CallbacksOff, events: EventBatch) -> None:
        row = (off.client.encode(), off.url.encode(), off.at_us, off.reason.encode())
        await self._group.ask("write", [[(resolving.SWITCH_OFF, [row])]], events)

    async def switch_callbacks_on(self, client: str, events: EventBatch) -> bool:
        if all(off.client != client for off in await self._reading.callbacks_off()):
            return False
        await self._group.ask("write", [[(resolving.SWITCH_ON, [(client.encode(),)])]], events)
        return True

    async def callbacks_off(self) -> list[CallbacksOff]:
        return await self._reading.callbacks_off()
