"""The statements of leases: what of a queue is taken, given back, found, and what has waited too long.

Whoever leases goes by lanes and their marks.  Every statement tells in its docs what it expects.
"""

from typing import Final

from chappe.store.postgres.fragments import IS_ROW as _IS_ROW
from chappe.store.postgres.fragments import KEYS as _KEYS
from chappe.store.postgres.fragments import NEVER_SENT as _NEVER_SENT

#: Up to `share` items of each lane from its mark on: they are leased to $7.  A row that is locked stays where it is, so
#: it is found again at once by its place in the table; one that changed in this very moment is left to the next lease.
LEASE: Final = """
WITH lanes AS (
  SELECT * FROM unnest($2::smallint[], $3::integer[], $4::bigint[], $5::integer[])
    WITH ORDINALITY AS l(priority, lane, mark, share, turn)
), picked AS (
  SELECT l.turn, x.ctid FROM lanes l CROSS JOIN LATERAL (
    SELECT q.ctid FROM queue q
    WHERE q.queue = $1 AND q.priority = l.priority AND q.lane = l.lane AND q.place >= l.mark AND q.place <= $6
      AND q.run = 0
    ORDER BY q.place, q.id LIMIT l.share FOR UPDATE SKIP LOCKED
  ) x
), leased AS (
  UPDATE queue q SET run = $7 FROM picked v WHERE q.ctid = v.ctid
  RETURNING v.turn, q.place, q.id, q.attempts, q.due_at_ms, q.body AS packed
)
SELECT leased.turn, leased.place, leased.id, leased.attempts, leased.due_at_ms, leased.packed, m.body
FROM leased LEFT JOIN messages m ON leased.packed IS NULL AND m.id = ANY (ARRAY[leased.id])
ORDER BY leased.turn, leased.place, leased.id"""
RELEASE: Final = (
    f"UPDATE queue q SET run = 0 FROM {_KEYS} AS v(queue, priority, lane, place, id)"
    f" WHERE {_IS_ROW} AND q.run = $6 RETURNING q.id"
)
#: Items of a queue that bear our run and that nobody here knows of are free again: an answer to a lease was lost.
#: What bears the mark before a write is none of them: it came to us from a dead run, and is about to be held.
ORPHANS: Final = (
    "UPDATE queue q SET run = 0 WHERE queue = $1 AND run = $2 AND id <> ALL ($3::bigint[])"
    " AND NOT EXISTS (SELECT 1 FROM sending s WHERE s.id = q.id)"
)
#: Named items that nobody holds are leased to $6.
CLAIM: Final = f"""
UPDATE queue q SET run = $6 FROM (
  SELECT q.queue, q.priority, q.lane, q.place, q.id FROM {_KEYS} AS v(queue, priority, lane, place, id)
  JOIN queue q ON {_IS_ROW} WHERE q.run = 0 FOR UPDATE OF q SKIP LOCKED
) v WHERE {_IS_ROW} RETURNING q.id, q.attempts"""

#: The first item of each known lane that nobody holds, from its mark on.
FIRST_OF_LANES: Final = """
SELECT l.priority, l.lane, x.place FROM unnest($2::smallint[], $3::integer[], $4::bigint[]) AS l(priority, lane, mark)
CROSS JOIN LATERAL (
  SELECT q.place FROM queue q
  WHERE q.queue = $1 AND q.priority = l.priority AND q.lane = l.lane AND q.place >= l.mark AND q.run = 0
  ORDER BY q.place, q.id LIMIT 1
) x"""
#: Every lane of a queue in which something is free, with the first of it: one look into the index for each.
EVERY_LANE: Final = """
WITH RECURSIVE found AS (
  SELECT p.priority, x.lane, x.place FROM unnest($2::smallint[]) AS p(priority) CROSS JOIN LATERAL (
    SELECT q.lane, q.place FROM queue q WHERE q.queue = $1 AND q.priority = p.priority AND q.run = 0
    ORDER BY q.lane, q.place, q.id LIMIT 1
  ) x
  UNION ALL
  SELECT f.priority, x.lane, x.place FROM found f CROSS JOIN LATERAL (
    SELECT q.lane, q.place FROM queue q WHERE q.queue = $1 AND q.priority = f.priority AND q.lane > f.lane AND q.run = 0
    ORDER BY q.lane, q.place, q.id LIMIT 1
  ) x
) SELECT priority, lane, place FROM found"""
#: The first item of each known lane, whoever holds it, from its floor on: below it all is dead for ever.
FLOORS_OF_LANES: Final = """
SELECT l.priority, l.lane, x.place FROM unnest($2::smallint[], $3::integer[], $4::bigint[]) AS l(priority, lane, floor)
CROSS JOIN LATERAL (
  SELECT q.place FROM queue q
  WHERE q.queue = $1 AND q.priority = l.priority AND q.lane = l.lane AND q.place >= l.floor
  ORDER BY q.place, q.id LIMIT 1
) x"""
#: Lanes between known ones: each gap (priority, lane, next lane) is one look into the index.
LANES_BETWEEN: Final = """
SELECT g.priority, x.lane, x.place FROM unnest($2::smallint[], $3::bigint[], $4::bigint[]) AS g(priority, after, before)
CROSS JOIN LATERAL (
  SELECT q.lane, q.place FROM queue q
  WHERE q.queue = $1 AND q.priority = g.priority AND q.lane > g.after AND q.lane < g.before AND q.run = 0
  ORDER BY q.lane, q.place, q.id LIMIT 1
) x"""

#: What waits behind a place, for whoever picks.
BEHIND: Final = (
    "SELECT q.priority, q.lane, q.place, q.id, q.run, q.attempts, q.due_at_ms, q.body AS packed, m.body FROM queue q"
    " LEFT JOIN messages m ON q.body IS NULL AND m.id = ANY (ARRAY[q.id])"
    " WHERE q.queue = $1 AND (q.priority, q.lane, q.place, q.id) > ($2::smallint, $3::integer, $4::bigint, $5::bigint)"
    " ORDER BY q.priority, q.lane, q.place, q.id LIMIT $6"
)

#: Passed moments from a floor on: below it all rows are dead.
PASSED_EXPIRIES: Final = (
    "SELECT e.at_ms, e.id, m.status, m.queue, m.priority, m.lane, m.place, m.due_at_ms, m.body"
    " FROM expiries e LEFT JOIN messages m ON m.id = ANY (ARRAY[e.id])"
    " WHERE e.at_ms >= $3 AND e.at_ms <= $1 ORDER BY e.at_ms LIMIT $2"
)
#: Messages of a lane that wait since before a moment.
OLD_OF_LANE: Final = (
    "SELECT q.place, q.id, q.due_at_ms, m.body FROM queue q JOIN messages m ON m.id = ANY (ARRAY[q.id])"
    " WHERE q.queue = $1 AND q.priority = $2 AND q.lane = $3 AND q.id < $4 AND q.run = 0"
    f" AND m.status IN ({_NEVER_SENT}) ORDER BY q.place, q.id LIMIT $5"
)
