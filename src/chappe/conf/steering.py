"""What people want of the running nodes at once: a message cancelled, a link bound anew, a node drained.

It must never know where a node runs: that is for those who are handed in.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from chappe.instructions.kinds import CancelMessage, DrainNode, ResetLink
from chappe.instructions.outcome import Asked, Outcome
from chappe.model.errors import SettingsError
from chappe.store.port import Cancel, Granted, Life, Wish


class SteeredStore(Protocol):
    """What steering asks of a store."""

    async def find(self, message_id: int) -> Life | None:
        """One message."""
        ...

    async def grant(self, wishes: Sequence[Wish]) -> Sequence[Granted]:
        """Cancel what only waits.  Raises: StoreAway."""
        ...


#: Has links of operators bound anew; returns how many.  Raises: SettingsError.
Reset = Callable[[Sequence[ResetLink], int], Awaitable[int]]
#: Drains a node, or starts it again; returns how many answers were still open.  Raises: SettingsError.
Drain = Callable[[DrainNode, int], Awaitable[int]]


class Steering:
    """Carries out what changes nothing durable but the message that it names.  Every method raises StoreAway."""

    def __init__(self, store: SteeredStore, reset: Reset, drain: Drain) -> None:
        self._store = store
        self._reset = reset
        self._drain = drain

    async def carry_out(self, instruction: CancelMessage | ResetLink | DrainNode, asked: Asked) -> Outcome:
        """Do it; what has been done before is done."""
        try:
            if isinstance(instruction, ResetLink):
                return Outcome(count=await self._reset((instruction,), asked.id))
            if isinstance(instruction, DrainNode):
                return Outcome(count=await self._drain(instruction, asked.id))
        except SettingsError as error:
            return Outcome(fault=str(error))
        return await self._cancel(instruction)

    async def _cancel(self, instruction: CancelMessage) -> Outcome:
        life = await self._store.find(instruction.id)
        if life is None or life.message is None:
            return Outcome(fault=f"there is no message {instruction.id}")
        (granted,) = await self._store.grant([Cancel(instruction.id, life.message.client)])
        if granted in (Granted.DONE, Granted.ALREADY):
            return Outcome(changed=(instruction.id,))
        return Outcome(left=(instruction.id,), fault=f"message {instruction.id}: too late, it is {life.status.word}")
