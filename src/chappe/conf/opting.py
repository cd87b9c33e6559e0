"""Opt-outs that a person adds or takes back, for a handset that said so otherwise than by a word.

Reads the configuration that counts; writes what handsets said.  It must never know a message.
"""

import asyncio
import re
from collections.abc import Sequence
from typing import Any, Final

from chappe.configuration.document import tables_of
from chappe.crash import CrashPoint, reach
from chappe.instructions.kinds import AddOptOut, RemoveOptOut
from chappe.instructions.outcome import Asked, Outcome
from chappe.model.address import international
from chappe.model.events import EventBatch, EventName
from chappe.rules.opt_outs import OptOut, OptOuts
from chappe.runtime.clock import Clock
from chappe.runtime.settings_table import nearest
from chappe.store.port import Store
from chappe.store.versions import Versions

_SECTION: Final = "opt_outs"
_NUMBER: Final = re.compile(r"\+?[0-9]{3,15}")
#: Below the milliseconds of an instruction's id.
_ID_BITS: Final = 20


class OptOutWishes:
    """Carries out what people ask about opt-outs."""

    def __init__(self, store: Store, clock: Clock, opt_outs: OptOuts, versions: Versions) -> None:
        self._store = store
        self._clock = clock
        self._opt_outs = opt_outs
        self._versions = versions

    async def carry_out(self, wish: AddOptOut | RemoveOptOut, asked: Asked, approved_by: str) -> Outcome:
        """Note it as said when it was asked for, once, however often a death repeats it.  Raises: StoreAway."""
        document = await self._document()
        names = [str(each.get("name")) for each in document.get(_SECTION, ())]
        if wish.list not in names:
            return Outcome(fault=f"no list of opt-outs is named {wish.list!r}{nearest(wish.list, names)}")
        if not _NUMBER.fullmatch(wish.handset):
            return Outcome(fault=f"{wish.handset!r} is no number of a handset, as in +37120000001")
        if not approved_by and _SECTION in document.get("conf", {}).get("approvals", ()):
            return Outcome(needs_approval=(_SECTION,), told=(_line(wish),))
        said = _said(wish, asked)
        known = _of(said, await self._store.opt_outs(said.at_us))
        if known is None:
            await self._note(said, wish, asked)
            known = _of(said, await self._store.opt_outs(said.at_us))
        if known is not None and known.at_us > said.at_us:
            word = "no more" if known.is_out else "again"
            return Outcome(fault=f"{wish.handset} said otherwise since it was asked for: {word} ({known.word})")
        return Outcome(count=1, told=(_line(wish),))

    async def _note(self, said: OptOut, wish: AddOptOut | RemoveOptOut, asked: Asked) -> None:
        events = EventBatch(self._clock.utc_us())
        event = EventName.OPTED_OUT if said.is_out else EventName.OPTED_IN
        note = f": {wish.note}" if wish.note else ""
        events.add(event, msisdn=said.handset, detail=f"list {wish.list}: {asked.kind} by {asked.asked_by}{note}")
        reach(CrashPoint.BEFORE_OPT_OUT)
        # Asked in one turn it is one transaction.
        await asyncio.gather(self._store.record(events), self._store.note_opt_outs([said]))
        reach(CrashPoint.AFTER_OPT_OUT)
        self._opt_outs.learn([said])

    async def _document(self) -> dict[str, Any]:
        newest = await self._versions.newest()
        return tables_of(newest) if newest is not None else {}


def _said(wish: AddOptOut | RemoveOptOut, asked: Asked) -> OptOut:
    at_us = (asked.id >> _ID_BITS) * 1000
    return OptOut(
        wish.list, international(wish.handset), isinstance(wish, AddOptOut), 0, at_us, f"by {asked.asked_by}"[:40]
    )


def _of(said: OptOut, known: Sequence[OptOut]) -> OptOut | None:
    """What is stored of the same handset and list since then."""
    return next((each for each in known if (each.list, each.handset) == (said.list, said.handset)), None)


def _line(wish: AddOptOut | RemoveOptOut) -> str:
    word = "hears no more" if isinstance(wish, AddOptOut) else "hears again"
    return f"{wish.handset} {word} from {wish.list}"
