"""What several statements say of rows and their keys: pieces of SQL that are no statements themselves."""

from typing import Final

from chappe.model.lifecycle import NEVER_SENT as STATUSES

NEVER_SENT: Final = ",".join(str(int(status)) for status in sorted(STATUSES))

KEYS: Final = "unnest($1::integer[], $2::smallint[], $3::integer[], $4::bigint[], $5::bigint[])"
#: Where rows of a big table are joined by their key, its first column is compared with an array of one: by = alone a
#: whole table may be joined as well, and a plan that was made while it was empty, or full of dead rows, does that.
IS_ROW: Final = (
    "q.queue = ANY (ARRAY[v.queue]) AND q.priority = v.priority AND q.lane = v.lane AND q.place = v.place"
    " AND q.id = v.id"
)
