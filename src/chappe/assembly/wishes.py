"""What people ask of links and nodes, carried out here or passed on to whoever has them.

It must never know who asks.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

import msgspec

from chappe.assembly.versions import Versioned
from chappe.box.desk import Granted, Wish, wish_at
from chappe.conf.passing import Passing
from chappe.engines import errands_of
from chappe.instructions.kinds import DrainNode, ResetLink
from chappe.model.errors import SettingsError
from chappe.runtime.settings_table import nearest


class Steered(Versioned):
    """Links bound anew, nodes drained and had back."""

    async def _reset(self, wishes: Sequence[ResetLink], instruction: int) -> int:
        """Have links of operators bound anew, here or wherever they are; returns how many.  Raises: SettingsError."""
        operators = {each.name: each for each in self.settings.operators}
        for wish in wishes:
            if wish.operator not in operators:
                known = nearest(wish.operator, operators)
                raise SettingsError(f"no operator {wish.operator!r} is in the configuration{known}")
        if self.following is not None:
            await self.following.order(instruction, msgspec.json.encode(wishes), self._clock.utc_us())
            self._resetting.update(wish.operator for wish in wishes)
            return sum(1 if wish.link else operators[wish.operator].binds for wish in wishes)
        return sum([await self._reset_here(wish) for wish in wishes])

    async def _reset_here(self, wish: ResetLink) -> int:
        if not wish.link:
            async with self._taking:
                if await self.swapping.renew(wish.operator):
                    await self._tell_unmoved(self.swapping.unmoved)
                    return sum(node.links.terms.links for node in self.operators if node.name == wish.operator)
        return sum(node.links.reset(wish.link) for node in self.operators if node.name == wish.operator)

    async def _obey(self, order: bytes) -> None:
        """Do what was ordered, as far as it concerns this process."""
        # A release before this one ordered one thing at a time.
        with suppress(msgspec.MsgspecError):
            ordered = msgspec.json.decode(order, type=ResetLink | tuple[ResetLink, ...])
            for wish in (ordered,) if isinstance(ordered, ResetLink) else ordered:
                with suppress(SettingsError):
                    await self._reset_here(wish)

    def _passing(self) -> Passing | None:
        """What passes wishes on to other boxes, where several share the store."""
        errands, own = errands_of(self.store), self.settings.gateway
        if errands is None:
            return None
        return Passing(errands, self.fleet, self._clock, own.box, self._drain_here, own.drain_s)

    async def _steer(self, wish: DrainNode, instruction: int) -> int:
        """Drain a node, or have it back, wherever it is.  Raises: SettingsError, ResourceError."""
        if self.passing is not None:
            return await self.passing.pass_on(wish, instruction)
        own = self.settings.gateway
        if wish.box not in ("", own.box):
            raise SettingsError(f"there is no box {wish.box!r} but this one, {own.box}")
        return await self._drain_here(wish)

    async def _drain_here(self, wish: DrainNode) -> int:
        """The same at this box, whichever process has the node.  Raises: SettingsError, ResourceError."""
        granted = await wish_at(self.settings.gateway.data_path, Wish(wish.node, is_drain=not wish.resumes))
        if granted.fault:
            raise SettingsError(granted.fault)
        return granted.unanswered

    async def grant(self, wish: Wish) -> Granted:
        """Drain one node of a gateway in one process.  Raises: SettingsError."""
        if not wish.is_drain:
            raise SettingsError("all nodes of this gateway live in one process: start it again to have one back")
        if wish.node not in self._nodes:
            known = ", ".join(self._nodes)
            raise SettingsError(
                f"no node {wish.node!r} to drain here{nearest(wish.node, self._nodes)} (it has: {known})"
            )
        return Granted(await self._drain(wish.node))

    async def _drain(self, *names: str) -> int:
        """Drain these nodes within `drain_s`; returns how many answers did not come in time."""
        until = self._clock.monotonic() + self.settings.gateway.drain_s
        wanted = [name for name in names if name not in self._drained]
        self._drained.update(wanted)
        return sum(await asyncio.gather(*(self._nodes[name].drain(until) for name in wanted)))

    async def _drain_removed(self, name: str) -> int:
        """Drain a node that the configuration names no longer; one of the same name may come later."""
        unanswered = await self._drain(name)
        self._drained.discard(name)
        return unanswered
