"""Who wants to hear no more: one row for each handset and list, what it said last."""

from collections.abc import Sequence
from typing import Any, Final

from chappe.rules.opt_outs import OptOut

#: Of two words the later one counts, whichever is written first.
NOTE: Final = (
    "INSERT INTO opt_outs AS o (list, handset, is_out, message_id, at_us, word, reply_id)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (list, handset) DO UPDATE SET is_out = excluded.is_out,"
    " message_id = excluded.message_id, at_us = excluded.at_us, word = excluded.word, reply_id = excluded.reply_id"
    " WHERE excluded.at_us > o.at_us"
)
SINCE: Final = (
    "SELECT list, handset, is_out, message_id, at_us, word, reply_id FROM opt_outs WHERE at_us >= $1 ORDER BY at_us"
)


def rows_of(changes: Sequence[OptOut]) -> list[tuple[Any, ...]]:
    """The rows of what was said, in the order of their keys."""
    rows = [
        (
            each.list.encode(),
            octets(each.handset),
            each.is_out,
            each.message_id,
            each.at_us,
            octets(each.word),
            each.reply_id,
        )
        for each in changes
    ]
    return sorted(rows, key=lambda row: (row[0], row[1], row[4]))


def said_of(rows: Sequence[Any]) -> list[OptOut]:
    """What rows say."""
    return [OptOut(text(row[0]), text(row[1]), row[2], row[3], row[4], text(row[5]), row[6]) for row in rows]


def octets(written: str) -> bytes:
    """What a peer wrote, as it is stored."""
    return written.encode("utf-8", "surrogatepass")


def text(stored: bytes) -> str:
    """The same back."""
    return bytes(stored).decode("utf-8", "surrogatepass")
