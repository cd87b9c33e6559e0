"""Who wants to hear no more: one row for each handset and list, what it said last."""

import sqlite3
from collections.abc import Sequence
from typing import Final

from chappe.rules.opt_outs import OptOut

#: Of two words the later one counts, whichever is written first.
NOTE: Final = (
    "INSERT INTO opt_outs (list, handset, is_out, message_id, at_us, word, reply_id) VALUES (?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (list, handset) DO UPDATE SET is_out = excluded.is_out, message_id = excluded.message_id,"
    " at_us = excluded.at_us, word = excluded.word, reply_id = excluded.reply_id WHERE excluded.at_us > at_us"
)
_SINCE: Final = (
    "SELECT list, handset, is_out, message_id, at_us, word, reply_id FROM opt_outs WHERE at_us >= ? ORDER BY at_us"
)


def rows_of(changes: Sequence[OptOut]) -> list[tuple[object, ...]]:
    """The rows of what was said."""
    return [
        (each.list, octets(each.handset), each.is_out, each.message_id, each.at_us, octets(each.word), each.reply_id)
        for each in changes
    ]


def since(connection: sqlite3.Connection, at_us: int) -> list[OptOut]:
    """What was said since a moment, oldest first."""
    return [
        OptOut(name, text(handset), bool(is_out), message_id, said_us, text(word), reply_id)
        for name, handset, is_out, message_id, said_us, word, reply_id in connection.execute(_SINCE, (at_us,))
    ]


def octets(written: str) -> bytes:
    """What a peer wrote, as it is stored."""
    return written.encode("utf-8", "surrogatepass")


def text(stored: bytes) -> str:
    """The same back."""
    return bytes(stored).decode("utf-8", "surrogatepass")
