"""The conf node: carries out what people ask of a running gateway.

Reads the file of instructions; writes what they change in the store, and their outcomes.
"""

import asyncio
from collections.abc import Sequence
from typing import Final, Protocol

import msgspec

from chappe.conf.callbacks import CallbackWishes
from chappe.conf.dropping import QueueDrop
from chappe.conf.instructions import Asked, DropQueue, Instructions, Outcome, ReplayCallbacks, ResolveHeld
from chappe.model.errors import ResourceError

#: How often the node looks whether somebody wrote into the file.
LOOK_EVERY_S: Final = 0.25
#: Instructions of one look.
LOOK_ITEMS: Final = 10


class InstructedStore(Protocol):
    """What instructions ask of a store."""

    async def resolve_held(
        self, ids: Sequence[int], *, is_resent: bool, instruction: int = 0, told: str = ""
    ) -> list[int]:
        """Decide about held items, once for each `instruction`; returns those that were held.  Raises: StoreAway."""
        ...


class ConfNode:
    """Carries out the instructions of one box, one after the other."""

    name = "conf"

    def __init__(
        self,
        instructions: Instructions,
        store: InstructedStore,
        queues: QueueDrop | None = None,
        callbacks: CallbackWishes | None = None,
    ) -> None:
        self._instructions = instructions
        self._store = store
        self._queues = queues
        self._callbacks = callbacks
        #: The last look left something undone: look again, although nobody wrote.
        self._is_behind = True
        #: Looks so far.
        self.looks = 0

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            await self.look()
            self.looks += 1
            await asyncio.sleep(LOOK_EVERY_S)

    async def look(self) -> None:
        """Carry out what waits.  While store or file cannot be written, it goes on waiting."""
        try:
            if not self._instructions.has_changed() and not self._is_behind:
                return
            self._is_behind = True
            waiting = self._instructions.waiting(LOOK_ITEMS)
            for asked in waiting:
                self._instructions.note(asked.id, await self._outcome_of(asked))
            self._is_behind = len(waiting) == LOOK_ITEMS
        except ResourceError:
            return

    def close(self) -> None:
        """Give the file back."""
        self._instructions.close()

    async def _outcome_of(self, asked: Asked) -> Outcome:
        """Carry one out.  Raises: StoreAway."""
        try:
            instruction = asked.read()
        except msgspec.MsgspecError as error:
            return Outcome(fault=f"this release cannot read it: {error}")
        if isinstance(instruction, ResolveHeld):
            return await self._resolve_held(asked, instruction)
        if self._queues is None or self._callbacks is None:
            return Outcome(fault="this process looks after no queues")
        told = f"{asked.kind} by {asked.asked_by}"
        if isinstance(instruction, DropQueue):
            return await self._queues.drop(instruction.queue, told)
        if isinstance(instruction, ReplayCallbacks):
            return await self._callbacks.replay(instruction, asked.id, told)
        return await self._callbacks.enable(instruction, told)

    async def _resolve_held(self, asked: Asked, instruction: ResolveHeld) -> Outcome:
        told = f"{asked.kind} by {asked.asked_by}: {'resend' if instruction.is_resent else 'drop'}"
        changed = await self._store.resolve_held(
            instruction.ids, is_resent=instruction.is_resent, instruction=asked.id, told=told
        )
        found = set(changed)
        return Outcome(tuple(changed), tuple(each for each in instruction.ids if each not in found))
