"""The statements of the message path, each for any number of rows: columns come as arrays.

Rows are touched in the order of their keys.  Every statement tells in its docs what it expects of the arrays' order.
"""

from typing import Final

from chappe.model.lifecycle import Status
from chappe.store.postgres.fragments import IS_ROW as _IS_ROW
from chappe.store.postgres.fragments import KEYS as _KEYS

#: New messages with their places; those that are there already change nothing.  Returns the ids that were new.
ACCEPT: Final = """
WITH new AS (
  INSERT INTO messages (id, client, status, queue, priority, lane, place, due_at_ms, operator, handset,
                        client_ref, body)
  SELECT * FROM unnest($1::bigint[], $2::integer[], $3::smallint[], $4::integer[], $5::smallint[], $6::integer[],
                       $7::bigint[], $8::bigint[], $9::integer[], $10::bigint[], $11::integer[], $12::bytea[])
  ON CONFLICT (id) DO NOTHING
  RETURNING id, queue, priority, lane, place, due_at_ms
), laid AS (
  INSERT INTO queue (queue, priority, lane, place, id, due_at_ms)
  SELECT queue, priority, lane, place, id, due_at_ms FROM new
)
SELECT array_agg(id) FROM new"""
EXPIRIES: Final = (
    "INSERT INTO expiries (at_ms, id) SELECT * FROM unnest($1::bigint[], $2::bigint[]) ON CONFLICT DO NOTHING"
)
FORGET_EXPIRIES: Final = (
    "DELETE FROM expiries e USING unnest($1::bigint[], $2::bigint[]) AS v(at_ms, id)"
    " WHERE e.at_ms = ANY (ARRAY[v.at_ms]) AND e.id = v.id"
)
BODIES: Final = "SELECT id, body FROM messages WHERE id = ANY($1::bigint[])"

#: Messages of one part that an operator took: they leave their queue, whoever holds them, and their references meet
#: the reports that came before them.  Returns the ids that were in their place, and reports that wait for a reference.
#: From then on a message's place is that of what its client was told last: what is told next lies behind it.
SENT: Final = f"""
WITH v AS (
  SELECT * FROM unnest($1::integer[], $2::smallint[], $3::integer[], $4::bigint[], $5::bigint[], $6::integer[],
                       $7::bytea[], $8::bigint[], $9::bigint[], $10::bytea[])
    AS v(queue, priority, lane, place, id, operator, operator_ref, at_us, hash, entry)
), gone AS (
  DELETE FROM queue q USING v WHERE {_IS_ROW}
  RETURNING v.id, v.operator, v.operator_ref, v.at_us, v.hash, v.entry
), named AS (
  INSERT INTO refs AS r (hash, parts, day)
  SELECT hash, string_agg(entry, ''::bytea), $11::integer FROM gone GROUP BY hash ORDER BY hash
  ON CONFLICT (hash) DO UPDATE SET parts = r.parts || excluded.parts, day = excluded.day
  RETURNING r.reports
), moved AS (
  UPDATE messages m SET status = {Status.SENT:d}, operator = gone.operator, operator_ref = gone.operator_ref,
         sent_at_us = gone.at_us, place = greatest(m.place, $12::bigint)
  FROM gone WHERE m.id = ANY (ARRAY[gone.id])
)
SELECT (SELECT array_agg(id) FROM gone), (SELECT string_agg(reports, ''::bytea) FROM named WHERE reports <> '')"""

#: References of parts, each hash once, in the order of the hashes.  Returns reports that wait for one of them.
NAME: Final = """
INSERT INTO refs AS r (hash, parts, day)
SELECT hash, entries, $3::integer FROM unnest($1::bigint[], $2::bytea[]) AS v(hash, entries) ORDER BY hash
ON CONFLICT (hash) DO UPDATE SET parts = r.parts || excluded.parts, day = excluded.day
RETURNING r.reports"""
#: Reports wait for these references, each hash once, in the order of the hashes.  Returns parts that bear one.
WAIT: Final = """
INSERT INTO refs AS r (hash, reports, day)
SELECT hash, ids, $3::integer FROM unnest($1::bigint[], $2::bytea[]) AS v(hash, ids) ORDER BY hash
ON CONFLICT (hash) DO UPDATE SET reports = r.reports || excluded.reports
RETURNING r.hash, r.parts"""
REFERRED: Final = "SELECT hash, parts FROM refs WHERE hash = ANY($1::bigint[])"
#: The same of the generations before.  Whoever asks has asked REFERRED in the same transaction: until it ends, none is
#: closed and none is dropped.
REFERRED_OLDER: Final = REFERRED.replace(" refs ", " refs_older ")

#: Items leave their queues, if $6 or nobody holds them.  Returns which did.
TAKE_OUT: Final = (
    f"DELETE FROM queue q USING {_KEYS} AS v(queue, priority, lane, place, id)"
    f" WHERE {_IS_ROW} AND q.run IN ($6, 0) RETURNING q.id, q.queue"
)
#: Items leave their queues whoever holds them.
TAKE_OUT_ANYHOW: Final = (
    f"DELETE FROM queue q USING {_KEYS} AS v(queue, priority, lane, place, id) WHERE {_IS_ROW} RETURNING q.id, q.queue"
)
#: Items leave their lanes, whatever their place there is.
TAKE_OUT_OF_LANE: Final = (
    "DELETE FROM queue q USING unnest($1::integer[], $2::smallint[], $3::integer[], $4::bigint[])"
    " AS v(queue, priority, lane, id) WHERE q.queue = ANY (ARRAY[v.queue]) AND q.priority = v.priority"
    " AND q.lane = v.lane AND q.id = v.id RETURNING q.queue, q.id"
)
#: Who holds items that stay where they are.  Returns those that $6 or nobody holds.
STAY: Final = (
    f"SELECT q.id, q.queue FROM {_KEYS} AS v(queue, priority, lane, place, id) JOIN queue q ON {_IS_ROW}"
    " WHERE q.run IN ($6, 0) FOR UPDATE OF q"
)
#: Where items are whose place nobody noted, and whether another run holds what a settlement names.
FIND: Final = (
    "SELECT q.id, q.queue, q.place, q.run FROM unnest($1::integer[], $2::smallint[], $3::integer[], $4::bigint[],"
    " $5::bigint[]) AS v(queue, priority, lane, id, due_at_ms) JOIN queue q ON q.queue = ANY (ARRAY[v.queue])"
    " AND q.priority = v.priority AND q.lane = v.lane AND q.id = v.id AND q.due_at_ms = v.due_at_ms"
)
LAY: Final = """
INSERT INTO queue (queue, priority, lane, place, id, attempts, due_at_ms, body)
SELECT * FROM unnest($1::integer[], $2::smallint[], $3::integer[], $4::bigint[], $5::bigint[], $6::integer[],
                     $7::bigint[], $8::bytea[])
ON CONFLICT (queue, priority, lane, place, id) DO NOTHING"""

LIVES: Final = (
    "SELECT id, status, operator, operator_ref, sent_at_us, final_at_us, error, body FROM messages"
    " WHERE id = ANY($1::bigint[]) ORDER BY id"
)
#: Whether this very transaction has written the row tells whose place it names.
LOCKED_LIVES: Final = (
    LIVES.replace("body FROM", "body, place, xmin = pg_current_xact_id()::xid AS is_ours FROM") + " FOR NO KEY UPDATE"
)
PARTS_OF: Final = "SELECT id, part, status, operator_ref FROM parts WHERE id = ANY($1::bigint[]) ORDER BY id, part"

#: The place of a message that still waits in a queue says where it is, and stays.
MOVE: Final = f"""
UPDATE messages m SET status = v.status, error = v.error, final_at_us = v.final_at_us,
       place = CASE WHEN m.status IN ({Status.SENT:d}, {Status.BUFFERED:d}) THEN greatest(m.place, v.place)
               ELSE m.place END
FROM unnest($1::bigint[], $2::smallint[], $3::bytea[], $4::bigint[], $5::bigint[])
  AS v(id, status, error, final_at_us, place)
WHERE m.id = ANY (ARRAY[v.id])"""
END: Final = """
UPDATE messages m SET status = v.status, error = v.error, final_at_us = v.final_at_us, operator = v.operator
FROM unnest($1::bigint[], $2::smallint[], $3::bytea[], $4::bigint[], $5::integer[])
  AS v(id, status, error, final_at_us, operator)
WHERE m.id = ANY (ARRAY[v.id])"""
SEND: Final = f"""
UPDATE messages m SET status = {Status.SENT:d}, operator = v.operator, operator_ref = v.operator_ref,
       sent_at_us = v.at_us, place = greatest(m.place, v.place)
FROM unnest($1::bigint[], $2::integer[], $3::bytea[], $4::bigint[], $5::bigint[])
  AS v(id, operator, operator_ref, at_us, place)
WHERE m.id = ANY (ARRAY[v.id])"""
REQUEUE: Final = """
UPDATE messages m SET status = v.status, queue = v.queue, place = v.place, due_at_ms = v.due_at_ms
FROM unnest($1::bigint[], $2::smallint[], $3::integer[], $4::bigint[], $5::bigint[])
  AS v(id, status, queue, place, due_at_ms)
WHERE m.id = ANY (ARRAY[v.id])"""
REPLACE: Final = """
UPDATE messages m SET status = v.status, place = v.place, due_at_ms = v.due_at_ms, body = v.body
FROM unnest($1::bigint[], $2::smallint[], $3::bigint[], $4::bigint[], $5::bytea[])
  AS v(id, status, place, due_at_ms, body)
WHERE m.id = ANY (ARRAY[v.id])"""
SET_STATUS: Final = (
    "UPDATE messages m SET status = v.status FROM unnest($1::bigint[], $2::smallint[]) AS v(id, status)"
    " WHERE m.id = ANY (ARRAY[v.id])"
)
PARTS_SENT: Final = """
INSERT INTO parts (id, part, status, operator, operator_ref, sent_at_us)
SELECT * FROM unnest($1::bigint[], $2::smallint[], $3::smallint[], $4::integer[], $5::bytea[], $6::bigint[])
ON CONFLICT (id, part) DO UPDATE SET status = excluded.status, operator = excluded.operator,
  operator_ref = excluded.operator_ref, sent_at_us = excluded.sent_at_us"""
PARTS_MOVE: Final = """
UPDATE parts p SET status = v.status, error = v.error
FROM unnest($1::bigint[], $2::smallint[], $3::smallint[], $4::bytea[]) AS v(id, part, status, error)
WHERE p.id = ANY (ARRAY[v.id]) AND p.part = v.part"""

PARK: Final = (
    "INSERT INTO parked (id, operator, at_ms, body)"
    " SELECT * FROM unnest($1::bigint[], $2::integer[], $3::bigint[], $4::bytea[]) ON CONFLICT (id) DO NOTHING"
)
PARKED: Final = "SELECT id, body FROM parked WHERE id = ANY($1::bigint[]) ORDER BY id FOR UPDATE"
PARKED_OF_OPERATOR: Final = (
    "SELECT id, body FROM parked WHERE operator = $1 AND id > $2 AND id < $3 ORDER BY id LIMIT $4"
)
PARKED_AFTER: Final = "SELECT id, body FROM parked WHERE id > $1 AND at_ms < $2 ORDER BY id LIMIT $3"
UNPARK: Final = "DELETE FROM parked WHERE id = ANY($1::bigint[]) RETURNING id"

HOLD: Final = """
INSERT INTO held (id, queue, at_us, reason, priority, lane, body)
SELECT * FROM unnest($1::bigint[], $2::integer[], $3::bigint[], $4::bytea[], $5::smallint[], $6::integer[], $7::bytea[])
ON CONFLICT (id) DO UPDATE SET queue = excluded.queue, at_us = excluded.at_us, reason = excluded.reason,
  priority = excluded.priority, lane = excluded.lane, body = excluded.body"""
#: A report is compared with so many held messages; were there more, nobody could say that one is the only one.
HELD_LOOKED_AT: Final = 1_000
HELD_OF_QUEUE: Final = (
    "SELECT m.body FROM held h JOIN messages m ON m.id = ANY (ARRAY[h.id]) WHERE h.queue = $1 AND h.body IS NULL"
    f" LIMIT {HELD_LOOKED_AT} FOR UPDATE OF h"
)
HELD_ITEMS: Final = (
    "SELECT h.id, h.queue, h.priority, h.lane, h.body AS packed, m.body FROM held h"
    " LEFT JOIN messages m ON m.id = ANY (ARRAY[h.id]) WHERE h.id = ANY($1::bigint[]) ORDER BY h.id FOR UPDATE OF h"
)
FORGET_HELD: Final = "DELETE FROM held WHERE id = ANY($1::bigint[]) RETURNING id"

MARK: Final = (
    "INSERT INTO sending (id, queue) SELECT * FROM unnest($1::bigint[], $2::integer[]) ON CONFLICT (id) DO NOTHING"
)
UNMARK: Final = "DELETE FROM sending WHERE id = ANY($1::bigint[])"
MARKED_BODIES: Final = "SELECT m.body FROM sending s JOIN messages m ON m.id = ANY (ARRAY[s.id]) WHERE s.queue = $1"

GIVE_UP: Final = """
INSERT INTO failed_callbacks (id, client, queue, priority, lane, at_us, attempts, reason, body)
SELECT * FROM unnest($1::bigint[], $2::integer[], $3::integer[], $4::smallint[], $5::integer[], $6::bigint[],
                     $7::integer[], $8::bytea[], $9::bytea[])
ON CONFLICT (id) DO UPDATE SET at_us = excluded.at_us, attempts = excluded.attempts, reason = excluded.reason"""

#: Messages where they wait, for whoever wishes something about them; locked.
PLACED: Final = (
    "SELECT m.id, m.status, m.queue, m.priority, m.lane, m.place, m.due_at_ms, m.body,"
    " EXISTS (SELECT 1 FROM parts p WHERE p.id = m.id) AS is_begun FROM messages m"
    " WHERE m.id = ANY($1::bigint[]) ORDER BY m.id FOR NO KEY UPDATE OF m"
)
#: Those of these items that nobody holds and nobody is just about to: they are held by this transaction.
FREE: Final = (
    f"SELECT q.id, q.attempts FROM {_KEYS} AS v(queue, priority, lane, place, id) JOIN queue q ON {_IS_ROW}"
    " WHERE q.run = 0 FOR UPDATE OF q SKIP LOCKED"
)
#: The same of items that somebody holds.
HELD_BY_READER: Final = (
    f"SELECT q.id, q.attempts FROM {_KEYS} AS v(queue, priority, lane, place, id) JOIN queue q ON {_IS_ROW}"
    " WHERE q.run <> 0 FOR UPDATE OF q SKIP LOCKED"
)

KEEP: Final = """
INSERT INTO kept AS k (key, id, fingerprint, answer, at_ms, until_ms)
SELECT * FROM unnest($1::bytea[], $2::bigint[], $3::bytea[], $4::bytea[], $5::bigint[], $6::bigint[])
ON CONFLICT (key) DO UPDATE SET id = excluded.id, fingerprint = excluded.fingerprint, answer = excluded.answer,
  at_ms = excluded.at_ms, until_ms = excluded.until_ms WHERE k.until_ms <= excluded.at_ms
RETURNING key"""
KEPT: Final = "SELECT key, id, fingerprint, answer, until_ms FROM kept WHERE key = ANY($1::bytea[])"

#: The events of a transaction, and by how much it changes what is counted.
BLOCK: Final = """
INSERT INTO event_blocks (writer, seq, run, at_us, events, ids, counts, lines,
                          counted_kinds, counted_names, counted_numbers)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, nullif($9::smallint[], '{}'), nullif($10::integer[], '{}'),
        nullif($11::bigint[], '{}'))"""
#: Whether a block of this number is there: whoever is just writing it is waited for.
IS_WRITTEN: Final = (
    "INSERT INTO event_blocks (writer, seq, run, at_us, events, ids, counts, lines)"
    " VALUES ($1, $2, 0, 0, 0, '', '', '') ON CONFLICT DO NOTHING RETURNING run"
)
#: A commit of nothing that waits for the standby as any other does, and so for all that came before it.
CONFIRM: Final = "SELECT pg_logical_emit_message(true, 'chappe', '')"
BLOCK_RUN: Final = "SELECT run FROM event_blocks WHERE writer = $1 AND seq = $2"

SILENT: Final = (
    "SELECT id, status, operator, sent_at_us, body FROM messages WHERE id > $1 AND id < $2 ORDER BY id LIMIT $3"
)
MARK_UNKNOWN: Final = f"""
UPDATE messages m SET status = {Status.UNKNOWN:d} FROM (
  SELECT id FROM messages WHERE id = ANY($1::bigint[]) AND status IN ({Status.SENT:d}, {Status.BUFFERED:d})
  ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
) v WHERE m.id = ANY (ARRAY[v.id]) RETURNING m.id"""

#: Messages of which an operator took some part.
BEGUN: Final = "SELECT DISTINCT id FROM parts WHERE id = ANY($1::bigint[])"
