"""What is to be done once, however often it is asked for: a death between doing it and noting it repeats nothing.

The mark lies in the store's own file and is written by the transaction that does the work.
"""

import sqlite3
from collections.abc import Callable

import msgspec

from chappe.model.events import EventBatch, EventName

_LAST = "SELECT value FROM meta WHERE key = 'last_instruction'"
_NOTE = "INSERT INTO meta VALUES ('last_instruction', ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value"


class Done(msgspec.Struct, frozen=True):
    """The last instruction that was carried out, and the ids that it changed."""

    instruction: int
    ids: list[int]


def once(
    connection: sqlite3.Connection,
    instruction: int,
    changed: list[int],
    events: EventBatch,
    told: str,
    act: Callable[[], None],
) -> None:
    """Call `act`, which fills `changed`, unless this instruction was the last one done: then fill in what it did.

    Instructions come one after the other, so only the last one can be asked for again.  `told` is what its event says.
    """
    row = connection.execute(_LAST).fetchone()
    done = msgspec.msgpack.decode(row[0], type=Done) if row is not None else None
    if done is not None and done.instruction == instruction:
        changed[:] = done.ids
        return
    act()
    connection.execute(_NOTE, (msgspec.msgpack.encode(Done(instruction, changed)),))
    events.add(EventName.INSTRUCTION_DONE, detail=f"{told} {len(changed)}")
