"""The second person: what waits for one goes on, or ends, when somebody says so who did not ask for it.

It must never know what an instruction does.
"""

from collections.abc import Awaitable, Callable

import msgspec

from chappe.conf.forgetting import bare_body
from chappe.conf.inbox import Inbox
from chappe.instructions.kinds import Approve, Instruction, Reject
from chappe.instructions.outcome import Asked, Outcome, State
from chappe.model.errors import SettingsError

CarryOut = Callable[[Instruction, Asked, str], Awaitable[Outcome]]


class Approvals:
    """Approves and rejects.  Every method raises ResourceError."""

    def __init__(self, inbox: Inbox, carry_out: CarryOut) -> None:
        self._inbox = inbox
        self._carry_out = carry_out

    async def approve(self, approve: Approve, asked: Asked) -> Outcome:
        """Let it go on; the outcome is that of what was approved.  Asked again after a death it answers the same."""
        found = await self._inbox.find(approve.instruction)
        fault = self._fault(found, asked)
        if found is None or fault:
            return _done_before(found, asked) or Outcome(fault=fault)
        try:
            instruction = found.read()
        except msgspec.MsgspecError as error:
            return Outcome(fault=f"this release cannot read it: {error}")
        except SettingsError as error:
            return Outcome(fault=str(error))
        outcome = await self._carry_out(instruction, found, asked.asked_by)
        outcome = msgspec.structs.replace(outcome, approved_by=asked.asked_by)
        await self._inbox.note(found.id, outcome, bare_body(found))
        return msgspec.structs.replace(outcome, secret="")

    async def reject(self, reject: Reject, asked: Asked) -> Outcome:
        """End it; whoever asked for something may reject that too."""
        found = await self._inbox.find(reject.instruction)
        if found is None or found.state is not State.WAITING_APPROVAL:
            return Outcome(fault=_nothing_waits(reject.instruction, found))
        why = f": {reject.reason}" if reject.reason else ""
        await self._inbox.note(found.id, Outcome(fault=f"rejected by {asked.asked_by}{why}"), bare_body(found))
        return Outcome(changed=(found.id,))

    def _fault(self, found: Asked | None, asked: Asked) -> str:
        if found is None or found.state is not State.WAITING_APPROVAL:
            number = found.id if found is not None else 0
            return _nothing_waits(number, found)
        if not are_two(found.asked_by, asked.asked_by):
            return f"{found.asked_by} asked for it: somebody else must approve it"
        return ""


def _nothing_waits(number: int, found: Asked | None) -> str:
    if found is None:
        return "there is no such instruction: look with: chappe instruct list"
    return f"instruction {number} waits for nobody: it is {found.state.value}"


def _done_before(found: Asked | None, asked: Asked) -> Outcome | None:
    """The outcome of what this very approval has let through before we died."""
    if found is None or found.outcome is None or found.outcome.approved_by != asked.asked_by:
        return None
    return found.outcome if found.state in (State.DONE, State.PARTLY) else None


def are_two(one: str, other: str) -> bool:
    """Two names are two persons: `ada (as root)` is ada, whoever else works as root."""
    return one.partition(" (")[0] != other.partition(" (")[0]
