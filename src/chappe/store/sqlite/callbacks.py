"""Callbacks that were given up, and clients whose URL is gone: what a person looks at, and what a person decides.

It must never know how a callback is posted.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from chappe.model.lifecycle import Status
from chappe.model.message import Message
from chappe.store.port import CallbacksOff, FailedCallback
from chappe.store.sqlite import rows
from chappe.store.sqlite.names import Names
from chappe.store.sqlite.writes import Writes

#: Callbacks that one call forgets.
FORGET_CALLBACKS: Final = 500

SWITCH_OFF: Final = (
    "INSERT INTO callbacks_off (client, url, at_us, reason) VALUES (?, ?, ?, ?) ON CONFLICT (client)"
    " DO UPDATE SET url = excluded.url, at_us = excluded.at_us, reason = excluded.reason"
)
SWITCH_ON: Final = "DELETE FROM callbacks_off WHERE client = ?"
_OFF: Final = "SELECT client, url, at_us, reason FROM callbacks_off ORDER BY client"


def replay(
    connection: sqlite3.Connection,
    writes: Writes,
    names: Names,
    ids: Sequence[int],
    *,
    client: str,
    replayed: list[int],
) -> None:
    """Lay callbacks into their queues again; what cannot be read, or is of another client, stays.  Fills `replayed`."""
    replayed.clear()
    for row in rows.FAILED_CALLBACKS.fetch(connection, list(dict.fromkeys(ids))):
        item = rows.held_item(row)
        if item is None or (client and item.content.client != client):
            continue
        replayed.append(item.id)
        writes.enqueue(msgspec.structs.replace(item, has_row=True))
        if isinstance(item.content, Message):
            writes.requeued.append((item.id, int(Status.ACCEPTED), names.number(item.queue), 0))
    rows.FORGET_FAILED_CALLBACKS.run_list(connection, replayed)


def forget_failed(connection: sqlite3.Connection, writes: Writes, before_id: int) -> None:
    """Some of those that were made before `before_id` go; an MO ends as failed."""
    found = connection.execute(rows.OLD_FAILED_CALLBACKS, (before_id, FORGET_CALLBACKS)).fetchall()
    rows.FORGET_FAILED_CALLBACKS.run_list(connection, [each for each, _ in found])
    ended = [each for each, is_message in found if is_message]
    at_us = writes.events.at_us
    writes.moved += [(each, int(Status.FAILED), "000", at_us) for each in ended]
    writes.finished += [(each,) for each in ended]


def has_failed(connection: sqlite3.Connection, before_id: int) -> bool:
    """A callback that was made before `before_id` is in the list."""
    return connection.execute(rows.OLD_FAILED_CALLBACKS, (before_id, 1)).fetchone() is not None


def list_failed(connection: sqlite3.Connection, client: int | None, before_id: int, limit: int) -> list[FailedCallback]:
    """Those that were made last first; of all clients when `client` is None."""
    if client is None:
        found = connection.execute(
            f"{rows.LIST_FAILED_CALLBACKS} WHERE f.id < ? ORDER BY f.id DESC LIMIT ?", (before_id, limit)
        )
    else:
        query = f"{rows.LIST_FAILED_CALLBACKS} WHERE f.client = ? AND f.id < ? ORDER BY f.id DESC LIMIT ?"
        found = connection.execute(query, (client, before_id, limit))
    return list(_readable(found))


def list_off(connection: sqlite3.Connection) -> list[CallbacksOff]:
    """Clients whose URL is gone."""
    return [CallbacksOff(*row) for row in connection.execute(_OFF)]


def _readable(found: Iterable[tuple[Any, ...]]) -> Iterable[FailedCallback]:
    """What cannot be read stays in the list for a person with better tools, and hides nothing else."""
    for number, client, at_us, attempts, reason, packed, body in found:
        item = rows.held_item((number, "", 0, "", packed, body))
        if item is not None:
            yield FailedCallback(number, client, at_us, attempts, reason, item.content)
