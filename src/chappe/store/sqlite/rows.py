"""The statements of the message path, each for any number of rows, and how rows carry messages."""

from typing import Any

import msgspec

from chappe.model.errors import MisuseError
from chappe.model.lifecycle import NEVER_SENT, Status
from chappe.model.message import Content, Item, Message
from chappe.store.bodies import unpack_message, unpack_receipt
from chappe.store.port import Life, Report
from chappe.store.sqlite.statements import Batched, insert, with_list, with_values

pack_report = msgspec.msgpack.Encoder().encode
unpack_report = msgspec.msgpack.Decoder(Report).decode

NEW_MESSAGES = Batched(insert("messages", "id, client, status, queue, priority, lane, due_at_ms, operator, body"))
NEW_IN_QUEUE = Batched(insert("queue", "queue, priority, lane, due_at_ms, id, attempts, body"))
NEW_EXPIRIES = Batched(insert("expiries", "at_ms, id", "INSERT OR IGNORE"))
NEW_FINISHED = Batched(insert("finished", "id"))
NEW_PARKED = Batched(insert("parked", "id, operator, at_ms, body"))
NEW_HELD = Batched(insert("held", "id, queue, at_us, reason, priority, lane, body", "INSERT OR REPLACE"))
NEW_FAILED_CALLBACKS = Batched(
    insert(
        "failed_callbacks",
        "id, client, queue, priority, lane, at_us, attempts, reason, body",
        "INSERT OR REPLACE",
    )
)
PARTS_SENT = Batched(
    insert(
        "parts",
        "id, part, status, operator, operator_ref, sent_at_us",
        after=" ON CONFLICT (id, part) DO UPDATE SET operator = excluded.operator,"
        " operator_ref = excluded.operator_ref, sent_at_us = excluded.sent_at_us",
    )
)
PARTS_MOVE = Batched(
    with_values(
        "id, part, status, error",
        "UPDATE parts SET status = v.status, error = v.error FROM v WHERE parts.id = v.id AND parts.part = v.part",
    )
)
SENT = Batched(
    with_values(
        "id, operator, operator_ref, at_us",
        f"UPDATE messages SET status = {Status.SENT:d}, operator = v.operator, operator_ref = v.operator_ref,"
        " sent_at_us = v.at_us FROM v WHERE messages.id = v.id",
    )
)
MOVE = Batched(
    with_values(
        "id, status, error, final_at_us",
        "UPDATE messages SET status = v.status, error = v.error, final_at_us = v.final_at_us"
        " FROM v WHERE messages.id = v.id",
    )
)
ENDED = Batched(
    with_values(
        "id, status, error, final_at_us, operator",
        "UPDATE messages SET status = v.status, error = v.error, final_at_us = v.final_at_us, operator = v.operator"
        " FROM v WHERE messages.id = v.id",
    )
)
REQUEUED = Batched(
    with_values(
        "id, status, queue, due_at_ms",
        "UPDATE messages SET status = v.status, queue = v.queue, due_at_ms = v.due_at_ms"
        " FROM v WHERE messages.id = v.id",
    )
)
REPLACED = Batched(
    with_values(
        "id, status, due_at_ms, body",
        "UPDATE messages SET status = v.status, due_at_ms = v.due_at_ms, body = v.body FROM v WHERE messages.id = v.id",
    )
)
FORGET_EXPIRY = "DELETE FROM expiries WHERE at_ms = ? AND id = ?"
FORGET_EXPIRIES = "DELETE FROM expiries WHERE at_ms <= ? AND id = ?"
HOLD = "INSERT OR REPLACE INTO held (id, queue, at_us, reason, priority, lane, body) VALUES (?, ?, ?, ?, ?, ?, ?)"
MARK_HELD = f"UPDATE messages SET status = {Status.HELD:d} WHERE id = ?"
DEQUEUE = "DELETE FROM queue WHERE queue = ? AND priority = ? AND lane = ? AND due_at_ms = ? AND id = ?"

COPIED = "SELECT seq, position FROM copies WHERE name = ?"
COPY = (
    "INSERT INTO copies (name, seq, position) VALUES (?, ?, ?)"
    " ON CONFLICT (name) DO UPDATE SET seq = excluded.seq, position = excluded.position"
)
COUNT = (
    "INSERT INTO counters (minute, event, client, operator, count) VALUES (?, ?, ?, ?, ?)"
    " ON CONFLICT (minute, event, client, operator) DO UPDATE SET count = count + excluded.count"
)

_LIFE = "id, status, body, operator, operator_ref, sent_at_us, final_at_us, error"
LIVES = Batched(with_list(f"SELECT {_LIFE} FROM messages WHERE id IN ({{list}})"))
KNOWN_AS = f"SELECT {_LIFE} FROM messages WHERE id >= ? AND id < ? AND client = ? AND instr(body, ?) > 0"
PARTS_OF = Batched(with_list("SELECT id, part, status, operator_ref FROM parts WHERE id IN ({list}) ORDER BY id, part"))
SENT_PARTS = "SELECT part, operator_ref, operator, sent_at_us FROM parts WHERE id = ? ORDER BY part"
HELD_ITEMS = Batched(
    with_list(
        "SELECT h.id, q.name, h.priority, l.name, h.body, m.body FROM held h JOIN names q ON q.number = h.queue"
        " JOIN names l ON l.number = h.lane LEFT JOIN messages m ON m.id = h.id WHERE h.id IN ({list})"
    )
)
FORGET_HELD = Batched(with_list("DELETE FROM held WHERE id IN ({list})"))
FAILED_CALLBACKS = Batched(
    with_list(
        "SELECT f.id, q.name, f.priority, l.name, f.body, m.body FROM failed_callbacks f"
        " JOIN names q ON q.number = f.queue JOIN names l ON l.number = f.lane"
        " LEFT JOIN messages m ON m.id = f.id WHERE f.id IN ({list})"
    )
)
FORGET_FAILED_CALLBACKS = Batched(with_list("DELETE FROM failed_callbacks WHERE id IN ({list})"))
LIST_FAILED_CALLBACKS = (
    "SELECT f.id, c.name, f.at_us, f.attempts, f.reason, f.body, m.body FROM failed_callbacks f"
    " JOIN names c ON c.number = f.client LEFT JOIN messages m ON m.id = f.id"
)
OLD_FAILED_CALLBACKS = "SELECT id, body IS NULL FROM failed_callbacks WHERE id < ? ORDER BY id LIMIT ?"
#: A report is compared with so many held messages; were there more, nobody could say that one is the only one.
HELD_LOOKED_AT = 1_000
HELD_OF_QUEUE = (
    "SELECT h.id, m.body FROM held h JOIN messages m ON m.id = h.id WHERE h.queue = ? AND h.body IS NULL"
    f" LIMIT {HELD_LOOKED_AT}"
)
SENDING_BODIES = Batched(with_list(f"SELECT body FROM messages WHERE id IN ({{list}}) AND status = {Status.SENDING:d}"))
DELETE_HELD = "DELETE FROM held WHERE id = ?"
MARK_UNKNOWN = Batched(with_list(f"UPDATE messages SET status = {Status.UNKNOWN:d} WHERE id IN ({{list}})"))
DELETE_PARKED = Batched(with_list("DELETE FROM parked WHERE id IN ({list})"))
PASSED_EXPIRIES = (
    "SELECT e.at_ms, e.id, m.status FROM expiries e LEFT JOIN messages m ON m.id = e.id"
    " WHERE e.at_ms <= ? ORDER BY e.at_ms LIMIT ?"
)
NEW_EXPIRY = "INSERT OR IGNORE INTO expiries VALUES (?, ?)"
OLD_OF_LANE = "SELECT id FROM queue WHERE queue = ? AND priority = ? AND lane = ? AND due_at_ms = 0 AND id < ? LIMIT ?"
OLD_DUE_OF_LANE = "SELECT id FROM queue WHERE queue = ? AND priority = ? AND lane = ? AND due_at_ms > 0 AND id < ?"
SILENT = "SELECT id, status, operator, sent_at_us, body FROM messages WHERE id > ? AND id < ? ORDER BY id LIMIT ?"
PARKED_OF_OPERATOR = "SELECT id, body FROM parked WHERE operator = ? AND id > ? AND id < ? ORDER BY id LIMIT ?"
PARKED_ITEMS = Batched(with_list("SELECT id, body FROM parked WHERE id IN ({list}) ORDER BY id"))
PARKED_AFTER = "SELECT id, body FROM parked WHERE id > ? AND at_ms < ? ORDER BY id LIMIT ?"
PROBE = "INSERT OR REPLACE INTO meta VALUES ('probe', zeroblob(?))"
WAITS = "SELECT 1 FROM queue WHERE queue = ? AND priority = ? AND lane = ? AND due_at_ms = ? AND id = ?"
WAITS_IN_MEMORY = (
    "SELECT 1 FROM messages WHERE id = ? AND queue = ? AND due_at_ms = ?"
    f" AND status IN ({','.join(str(int(status)) for status in (*NEVER_SENT, Status.SENDING))})"
)
STATUS_OF = "SELECT status FROM messages WHERE id = ?"
#: Of one lane's items, where those lie that wait for a moment.
DEFERRED_OF_LANE = Batched(
    with_list(
        "SELECT due_at_ms, id FROM queue WHERE queue = ? AND priority = ? AND lane = ? AND due_at_ms > 0"
        " AND id IN ({list})"
    )
)
PLACE = (
    "SELECT m.queue, m.due_at_ms, m.status, q.id IS NOT NULL FROM messages m LEFT JOIN queue q ON q.queue = m.queue"
    " AND q.priority = m.priority AND q.lane = m.lane AND q.due_at_ms = m.due_at_ms AND q.id = m.id WHERE m.id = ?"
)
#: Messages with their places in queues: what may still be taken out of one.
PLACED = Batched(
    with_list(
        "SELECT m.id, m.queue, m.priority, m.lane, m.due_at_ms, coalesce(q.attempts, 0), q.id IS NOT NULL, m.status,"
        " EXISTS (SELECT 1 FROM parts p WHERE p.id = m.id), m.body FROM messages m"
        " LEFT JOIN queue q ON q.queue = m.queue AND q.priority = m.priority AND q.lane = m.lane"
        " AND q.due_at_ms = m.due_at_ms AND q.id = m.id WHERE m.id IN ({list})"
    )
)
WAITING = (
    "SELECT body FROM messages WHERE id > ? AND client = ? AND instr(body, ?) > 0 AND instr(body, ?) > 0"
    f" AND status IN ({','.join(str(int(status)) for status in NEVER_SENT)}) ORDER BY id"
)
NEXT_OF_LANE = (
    "SELECT q.id, q.attempts, q.body, m.body FROM queue q LEFT JOIN messages m ON m.id = q.id"
    " WHERE q.queue = ? AND q.priority = ? AND q.lane = ? AND q.due_at_ms = 0 AND q.id > ? ORDER BY q.id LIMIT ?"
)
DUE_OF_LANE = (
    "SELECT q.due_at_ms, q.id, q.attempts, q.body, m.body"
    " FROM queue q LEFT JOIN messages m ON m.id = q.id"
    " WHERE q.queue = ? AND q.priority = ? AND q.lane = ? AND q.due_at_ms BETWEEN 1 AND ?"
    " ORDER BY q.due_at_ms, q.id LIMIT ?"
)
#: The waiting items of a queue from a place on.
ITEMS_AFTER = (
    "SELECT q.priority, q.lane, q.due_at_ms, q.id, q.attempts, q.body, m.body"
    " FROM queue q LEFT JOIN messages m ON m.id = q.id"
    " WHERE q.queue = ? AND (q.priority, q.lane, q.due_at_ms, q.id) > (?, ?, ?, ?)"
    " ORDER BY q.priority, q.lane, q.due_at_ms, q.id LIMIT ?"
)
NEXT_MOMENT = "SELECT min(due_at_ms) FROM queue WHERE queue = ? AND priority = ? AND lane = ? AND due_at_ms > ?"


def message_or_none(body: bytes) -> Message | None:
    """Read a message; None when its octets are broken, which must stop nobody else."""
    try:
        return unpack_message(body)
    except (msgspec.MsgspecError, ValueError):
        return None


def held_item(row: tuple[Any, ...]) -> Item | None:
    """A row of `HELD_ITEMS` as it lay in its queue; None when it cannot be read."""
    message_id, queue, priority, lane, packed, body = row
    try:
        content = unpack_message(body) if packed is None else unpack_receipt(packed)
    except (msgspec.MsgspecError, TypeError, ValueError):
        return None
    return Item(queue, priority, lane, 0, message_id, content, 0, has_row=True)


def content_of(packed: bytes | None, body: bytes | None) -> Content:
    """What a queue row holds: its own packed receipt, or else the message."""
    if packed is not None:
        return unpack_receipt(packed)
    if body is None:
        raise MisuseError("a queue row without a message: the file was changed by something else")
    return unpack_message(body)


def life_of(row: tuple[Any, ...], operator: str) -> Life:
    """Read a row of `LIVES`; `operator` is its operator's name."""
    message_id, status, body, _, operator_ref, sent_at_us, final_at_us, error = row
    message = message_or_none(body)
    return Life(
        id=int(message_id),
        status=Status(status),
        message=message,
        operator=operator,
        operator_ref=str(operator_ref or ""),
        sent_at_us=int(sent_at_us),
        final_at_us=int(final_at_us),
        error=str(error or ""),
        handset="" if message is None else message.handset,
    )
