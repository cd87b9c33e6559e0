"""The conf node: carries out what people ask of a running gateway.

Reads instructions; writes what they change in the store, versions of the configuration, and outcomes.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol, get_args

import msgspec

from chappe.conf.approving import Approvals
from chappe.conf.callbacks import CallbackWishes
from chappe.conf.configuring import Configuring
from chappe.conf.crediting import CreditWishes
from chappe.conf.dropping import QueueDrop
from chappe.conf.forgetting import bare_body
from chappe.conf.inbox import Inbox
from chappe.conf.opting import OptOutWishes
from chappe.conf.replaying import ReceiptWishes
from chappe.conf.sending import TestSending
from chappe.conf.steering import Steering
from chappe.crash import CrashPoint, reach
from chappe.instructions.kinds import (
    AddCredit,
    AddOptOut,
    Approve,
    CancelMessage,
    Change,
    DrainNode,
    DropQueue,
    EnableCallbacks,
    Instruction,
    Reject,
    RemoveOptOut,
    ReplayCallbacks,
    ReplayReceipts,
    ResendMessage,
    ResetLink,
    ResolveHeld,
    SendTest,
    SetDemoTraffic,
)
from chappe.instructions.outcome import OPEN, Asked, Outcome
from chappe.model.errors import ResourceError, SettingsError

#: How often the node looks whether somebody asked for something.
LOOK_EVERY_S: Final = 0.25
#: Instructions of one look.
LOOK_ITEMS: Final = 25
#: Looks after which an outcome no longer bears a secret: about a minute.
SECRET_LOOKS: Final = 240

#: Waits until the nodes of all boxes go by a version, for a while; returns who does not, and why.
Everywhere = Callable[[int], Awaitable[dict[str, str]]]

#: Sets the pace of demo traffic; returns why not.
SetPace = Callable[[float], str]

_CHANGES: Final = get_args(Change)


class InstructedStore(Protocol):
    """What instructions ask of a store."""

    async def resolve_held(
        self, ids: Sequence[int], *, is_resent: bool, instruction: int = 0, told: str = ""
    ) -> list[int]:
        """Decide about held items, once for each `instruction`; returns those that were held.  Raises: StoreAway."""
        ...


class ConfNode:
    """Carries out instructions, one after the other."""

    name = "conf"

    def __init__(
        self,
        inbox: Inbox,
        store: InstructedStore,
        queues: QueueDrop | None = None,
        callbacks: CallbackWishes | None = None,
        configuring: Configuring | None = None,
        steering: Steering | None = None,
        credit: CreditWishes | None = None,
        sending: TestSending | None = None,
        everywhere: Everywhere | None = None,
        receipts: ReceiptWishes | None = None,
        demo: SetPace | None = None,
        opting: OptOutWishes | None = None,
    ) -> None:
        """`everywhere` waits for the nodes of other processes, where there are some; `demo` is of a demo alone."""
        self._inbox = inbox
        self._store = store
        self._queues = queues
        self._callbacks = callbacks
        self._configuring = configuring
        self._steering = steering
        self._everywhere = everywhere
        self._credit = credit
        self._sending = sending
        self._receipts = receipts
        self._demo = demo
        self._opting = opting
        self._approvals = Approvals(inbox, self._carry_out)
        #: The last look left something undone: look again, although nobody wrote.
        self._is_behind = True
        #: Outcomes that bear a secret, and the look after which they no longer do.
        self._secrets: dict[int, int] = {}
        #: Looks so far.
        self.looks = 0

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            await self.look()
            self.looks += 1
            await asyncio.sleep(LOOK_EVERY_S)

    async def look(self) -> None:
        """Carry out what waits.  While store or inbox cannot be written, it goes on waiting."""
        try:
            await self._forget_secrets()
            if not await self._inbox.has_changed() and not self._is_behind:
                return
            self._is_behind = True
            while waiting := await self._inbox.waiting(LOOK_ITEMS):
                made: list[tuple[Asked, Outcome]] = []
                for asked in waiting:
                    outcome = await self._outcome_of(asked)
                    if outcome.version and self._everywhere is not None:
                        # Its version is its own proof: whoever dies now finds it.  One wait does for all of them.
                        made.append((asked, outcome))
                    else:
                        await self._note_all(made)
                        made = []
                        await self._note(asked, outcome)
                await self._note_all(made)
            self._is_behind = False
        except ResourceError:
            return

    async def close(self) -> None:
        """Give everything back."""
        await self._inbox.close()

    async def _note_all(self, made: Sequence[tuple[Asked, Outcome]]) -> None:
        """Outcomes of changes, once the nodes of all boxes have said what they go by."""
        if not made or self._everywhere is None:
            return
        unmoved = await self._everywhere(max(outcome.version for _, outcome in made))
        for asked, outcome in made:
            await self._note(asked, msgspec.structs.replace(outcome, unmoved=outcome.unmoved | unmoved))

    async def _note(self, asked: Asked, outcome: Outcome) -> None:
        is_open = outcome.state in OPEN
        await self._inbox.note(asked.id, outcome, None if is_open else bare_body(asked))
        reach(CrashPoint.AFTER_OUTCOME)
        if outcome.secret:
            self._secrets[asked.id] = self.looks + SECRET_LOOKS

    async def _forget_secrets(self) -> None:
        for number in [each for each, look in self._secrets.items() if look <= self.looks]:
            await self._inbox.forget_secret(number)
            del self._secrets[number]

    async def _outcome_of(self, asked: Asked) -> Outcome:
        """Carry one out.  Raises: StoreAway."""
        try:
            instruction = asked.read()
        except msgspec.MsgspecError as error:
            return Outcome(fault=f"this release cannot read it: {error}")
        except SettingsError as error:
            why = f"the gateway cannot read what was asked: {error}"
            return Outcome(fault=f"{why}; gateway and commands need the same key")
        if isinstance(instruction, Approve):
            return await self._approvals.approve(instruction, asked)
        if isinstance(instruction, Reject):
            return await self._approvals.reject(instruction, asked)
        return await self._carry_out(instruction, asked, "")

    async def _carry_out(self, instruction: Instruction, asked: Asked, approved_by: str) -> Outcome:
        """Raises: StoreAway."""
        told = f"{asked.kind} by {asked.asked_by}"
        if isinstance(instruction, ResolveHeld):
            return await self._resolve_held(asked, instruction)
        if isinstance(instruction, _CHANGES) and self._configuring is not None:
            return await self._configuring.carry_out(instruction, asked, approved_by)
        if isinstance(instruction, AddCredit) and self._credit is not None:
            return await self._credit.add(instruction, asked.id, told)
        if isinstance(instruction, AddOptOut | RemoveOptOut) and self._opting is not None:
            return await self._opting.carry_out(instruction, asked, approved_by)
        if isinstance(instruction, SendTest) and self._sending is not None:
            return await self._sending.send(instruction, asked.id, told)
        if isinstance(instruction, ResendMessage) and self._sending is not None:
            return await self._sending.resend(instruction, asked.id, told)
        if isinstance(instruction, SetDemoTraffic):
            no = "there is demo traffic only where there is no settings file"
            return Outcome(fault=no if self._demo is None else self._demo(instruction.per_s))
        if isinstance(instruction, DropQueue) and self._queues is not None:
            return await self._queues.drop(instruction.queue, told)
        if isinstance(instruction, ReplayCallbacks) and self._callbacks is not None:
            return await self._callbacks.replay(instruction, asked.id, told)
        if isinstance(instruction, ReplayReceipts) and self._receipts is not None:
            return await self._receipts.replay(instruction, told)
        if isinstance(instruction, EnableCallbacks) and self._callbacks is not None:
            return await self._callbacks.enable(instruction, told)
        if isinstance(instruction, CancelMessage | ResetLink | DrainNode) and self._steering is not None:
            return await self._steering.carry_out(instruction, asked)
        return Outcome(fault="this process looks after no such thing")

    async def _resolve_held(self, asked: Asked, instruction: ResolveHeld) -> Outcome:
        told = f"{asked.kind} by {asked.asked_by}: {'resend' if instruction.is_resent else 'drop'}"
        changed = await self._store.resolve_held(
            instruction.ids, is_resent=instruction.is_resent, instruction=asked.id, told=told
        )
        found = set(changed)
        return Outcome(tuple(changed), tuple(each for each in instruction.ids if each not in found))
