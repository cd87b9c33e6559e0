"""Where several boxes share a store: a wish reaches the box that has the node, and its answer comes back.

Writes errands and their answers.  The conf node that carries an instruction out asks, that of the node's box obeys.
It must never know what draining means.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Final

import msgspec

from chappe.crash import CrashPoint, reach
from chappe.instructions.kinds import DrainNode
from chappe.model.errors import GatewayError, SettingsError
from chappe.runtime.clock import Clock
from chappe.runtime.settings_table import nearest
from chappe.store.errands import Answer, Errands, Progress
from chappe.store.fleet import Fleet, Run
from chappe.store.port import StoreAway

#: How often a box looks for errands, and who asked for an answer.
LOOK_EVERY_S: Final = 0.5
ANSWER_EVERY_S: Final = 0.2
#: A box that has not begun after so long never will: the errand is taken back.
HEARD_S: Final = 10.0
#: What a box may take beyond `drain_s`: it ends a process that does not leave, and may itself have to start anew.
GRACE_S: Final = 30.0
#: A box whose runs were silent for longer has nobody who obeys.
SILENT_S: Final = 10.0
#: The node that obeys; in one process everything is one run.
_CONF: Final = "conf"
_ALL: Final = "all"

#: Carries a wish out at this box; returns how many answers were still open.  Raises: GatewayError.
Here = Callable[[DrainNode], Awaitable[int]]


class Said(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a box answers: first for how long it may take, then what came of it."""

    patience_s: float = 0.0
    #: When it began: a box that died begins anew.
    began_us: int = 0
    unanswered: int = 0
    fault: str = ""


class Passing:
    """Passes wishes on, and obeys those of others."""

    def __init__(
        self,
        errands: Errands,
        fleet: Fleet,
        clock: Clock,
        box: str,
        here: Here,
        drain_s: float,
        *,
        answer_every_s: float = ANSWER_EVERY_S,
    ) -> None:
        """`box` is ours, whose nodes drain within `drain_s`; `here` does there what others ask."""
        self._errands = errands
        self._fleet = fleet
        self._clock = clock
        self._box = box
        self._here = here
        self._patience_s = drain_s + GRACE_S
        self._answer_every_s = answer_every_s

    # -- asking -------------------------------------------------------------------------------------

    async def pass_on(self, wish: DrainNode, instruction: int) -> int:
        """Have a node of any box drained or had back; returns how many answers were open.

        Asked again after a death it waits for the same errand.  Raises: SettingsError, StoreAway.
        """
        if not await self._errands.answers(instruction):
            boxes = _boxes_for(wish, await self._fleet.runs())
            await self._errands.give(instruction, boxes, msgspec.json.encode(wish), self._clock.utc_us())
        said = {box: await self._answer_of(instruction, box) for box in await self._errands.answers(instruction)}
        faults = [f"box {box}: {each.fault}" for box, each in said.items() if each.fault]
        if faults and not (wish.resumes and len(faults) < len(said)):
            raise SettingsError("; ".join(faults))
        return sum(each.unanswered for each in said.values())

    async def _answer_of(self, instruction: int, box: str) -> Said:
        began_at, began_us = self._clock.monotonic(), 0
        while True:
            answer = (await self._errands.answers(instruction)).get(box, Answer(Progress.DONE, b""))
            said = _said(answer)
            if answer.progress is Progress.DONE:
                return said
            if said.began_us > began_us:
                began_at, began_us = self._clock.monotonic(), said.began_us
            waited_s = self._clock.monotonic() - began_at
            if answer.progress is Progress.HEARD and waited_s >= max(HEARD_S, said.patience_s):
                return Said(fault=f"is not done after {waited_s:.0f} s; look with: chappe status")
            if answer.progress is Progress.OPEN and waited_s >= HEARD_S:
                # Unless it has begun just now, it never will.
                await self._errands.give_up(instruction, box)
            else:
                await asyncio.sleep(self._answer_every_s)

    # -- obeying ------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Do what others ask of this box until cancelled; while the store is away nothing is asked."""
        while True:
            with suppress(StoreAway):
                await self.look()
            await asyncio.sleep(LOOK_EVERY_S)

    async def look(self) -> None:
        """Do all that is asked, one after the other.  Raises: StoreAway."""
        for instruction, body in await self._errands.undone(self._box):
            begun = msgspec.json.encode(Said(patience_s=self._patience_s, began_us=self._clock.utc_us()))
            if await self._errands.hear(instruction, self._box, begun):
                reach(CrashPoint.AFTER_ERRAND_HEARD)
                said = await self._done(body)
                reach(CrashPoint.BEFORE_ERRAND_DONE)
                await self._errands.finish(instruction, self._box, msgspec.json.encode(said))

    async def _done(self, body: bytes) -> Said:
        try:
            return Said(unanswered=await self._here(msgspec.json.decode(body, type=DrainNode)))
        except msgspec.MsgspecError as error:
            return Said(fault=f"its release cannot read what is asked: {error}")
        except GatewayError as error:
            return Said(fault=str(error))

    async def close(self) -> None:
        """Give everything back."""
        await self._errands.close()


def _said(answer: Answer) -> Said:
    if not answer.body:
        return Said(fault="does not answer; look whether it runs with: chappe status")
    try:
        return msgspec.json.decode(answer.body, type=Said)
    except msgspec.MsgspecError as error:
        return Said(fault=f"answers what this release cannot read: {error}")


def _boxes_for(wish: DrainNode, runs: Sequence[Run]) -> list[str]:
    """The boxes that a wish is for: the one that it names, or whose node it can only mean.  Raises: SettingsError."""
    wanted, many = wish.node.removesuffix("*"), wish.node.endswith("*")
    if wanted.partition("#")[0] == _CONF:
        raise SettingsError("node conf does what is asked of its box: drain it there, with: chappe drain conf")
    living = [each for each in runs if each.silent_s < SILENT_S]
    boxes = sorted({each.box for each in living if each.node.partition("#")[0] in (_CONF, _ALL)})
    if wish.box:
        if wish.box not in boxes:
            known = ", ".join(boxes)
            raise SettingsError(f"no box {wish.box!r} runs{nearest(wish.box, boxes)} (there are: {known})")
        return [wish.box]
    if wish.resumes:
        # Who has no such node, or has it running, changes nothing.
        return boxes
    having = sorted({each.box for each in living if _is_meant(each.node, wanted, many=many)} & {*boxes})
    if len(having) > 1:
        raise SettingsError(f"boxes {', '.join(having)} have a node {wish.node}: say which, with: box={having[0]}")
    if not having:
        nodes = sorted({each.node for each in living})
        raise SettingsError(f"no node {wish.node!r} runs{nearest(wish.node, nodes)} (there are: {', '.join(nodes)})")
    return having


def _is_meant(node: str, wanted: str, *, many: bool) -> bool:
    return node in (_ALL, wanted) or (many and node.partition("#")[0] == wanted)
