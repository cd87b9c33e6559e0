"""Strays: what bears the lease of a run that was buried before, since the server still worked for it afterwards.

A process that dies in the midst of a lease is not there any more when the server is done with it, which may stand
waiting for its standby for long.  So what is leased is compared with who lives: all of the table, since no index tells
who leased; after an end soon, and then each time that twice as long has passed.
It must never know how a run is buried: whoever has something again is to be buried once more.
"""

import time
from typing import Any, Final

#: How often it is asked whether a run has ended.
ASK_EVERY_S: Final = 60.0
#: All of a table of many millions is read.
PATIENCE_S: Final = 300.0

_SINCE_LAST_END: Final = "SELECT extract(epoch FROM clock_timestamp() - max(ended_at))::float8 FROM runs"
_WHOLE_TABLE: Final = "SET LOCAL enable_seqscan = on"
#: A burial frees and clears in one transaction: of what it freed, nobody sees the one without the other.
_BURY_AGAIN: Final = (
    "UPDATE runs SET is_cleared = false"
    " WHERE is_cleared AND run = ANY (ARRAY (SELECT DISTINCT run FROM queue WHERE run <> 0))"
)


class Strays:
    """Looks for them, in one process of all."""

    def __init__(self) -> None:
        self._ask_at = 0.0
        self._looked_at = float("-inf")

    async def step(self, connection: Any) -> None:
        """Look if it is time to; the runs that have something are dead and not buried again."""
        now = time.monotonic()
        if now < self._ask_at:
            return
        self._ask_at = now + ASK_EVERY_S
        since_end_s = await connection.fetchval(_SINCE_LAST_END)
        if since_end_s is None or not is_due(since_end_s, now - self._looked_at):
            return
        # Also when it fails: whoever moves has more to do than that.
        self._looked_at = now
        async with connection.transaction():
            await connection.execute(_WHOLE_TABLE)
            await connection.execute(_BURY_AGAIN, timeout=PATIENCE_S)


def is_due(since_end_s: float, since_look_s: float) -> bool:
    """A run has ended since the last look, or the last end was twice as long ago as it was then."""
    return since_end_s <= 2 * since_look_s
