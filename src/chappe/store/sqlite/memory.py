"""What memory knows of the file beside its queues: counts, references, messages in parts.

Follows what the engine has committed; a start recovers it from the rows.
"""

from collections import Counter
from typing import Final

from chappe.store.port import Life
from chappe.store.sqlite.crediting import Crediting
from chappe.store.sqlite.early import Early
from chappe.store.sqlite.references import References
from chappe.store.sqlite.writes import Effects

#: Messages in parts kept in memory; what is evicted comes back from disk when a report is about it.
LONG_LIVES: Final = 20_000


class Memory:
    """Nothing here is the only copy of anything."""

    __slots__ = ("crediting", "early", "long", "open_by_client", "parked", "references", "run", "seq")

    def __init__(self) -> None:
        #: Messages that each client has open.
        self.open_by_client: dict[str, int] = {}
        #: Messages in parts: id → life.
        self.long: dict[int, Life] = {}
        #: Reports that match nothing so far.
        self.parked = 0
        #: The recent ones of them.
        self.early = Early()
        self.references: References
        #: What is in hand of clients' balances.
        self.crediting: Crediting
        #: The number of this run, and that of the newest event block.
        self.run = 0
        self.seq = 0

    def follow(self, effects: Effects) -> None:
        """Counts are what a commit made of them."""
        counts = self.open_by_client
        for client, opened in Counter(effects.opened).items():
            counts[client] = counts.get(client, 0) + opened
        for client, closed in Counter(effects.closed).items():
            counts[client] = counts.get(client, 0) - closed
        if effects.charged:
            self.crediting.charged(effects.charged)
        self.parked += effects.parked
        self.early.add(effects.newly_parked)
        self.early.remove(effects.unparked)

    def trim(self) -> None:
        """Messages in parts that nobody spoke of for long leave memory."""
        while len(self.long) > LONG_LIVES:
            del self.long[next(iter(self.long))]
