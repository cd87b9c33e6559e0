"""Our operations that wait for a result, by TRN.  EMI-UCP 4.x §2.

It must never know an operation: it keeps what the owner gave as `context`, and says whose turn it is to wait no longer.
"""

from collections import deque

from chappe.wire.ucp.constants import TRNS

#: (when it was sent in monotonic seconds, its operation type, the owner's context)
Sent = tuple[float, int, object]


class Window:
    """At most `window` operations in flight, and at most 100: a TRN has two digits.

    A TRN whose time ran out rests for as long again, and until the peer is heard of, so that a late result is not taken
    for that of another operation.
    """

    def __init__(self, window: int, *, response_s: float) -> None:
        self._window = min(window, TRNS)
        self._response_s = response_s
        self._free = deque(range(TRNS))
        # A dict keeps the order of sending, so the oldest is first and no timer is needed for each.
        self._sent: dict[int, Sent] = {}
        #: TRN → what was sent under it, and when it may be used again.
        self._resting: dict[int, tuple[Sent, float]] = {}

    def __len__(self) -> int:
        return len(self._sent)

    @property
    def room(self) -> int:
        """How many more operations may be sent now."""
        return min(self._window - len(self._sent), len(self._free))

    @property
    def is_exhausted(self) -> bool:
        """All numbers wait for a result, or rest."""
        return not self._free

    def resize(self, window: int) -> None:
        """From now on so many at a time; what is in flight stays."""
        self._window = min(window, TRNS)

    def reserve(self, now: float, ot: int, context: object) -> int:
        """Take the TRN that has been free for longest; whoever sends looks at `room` first."""
        trn = self._free.popleft()
        self._sent[trn] = (now, ot, context)
        return trn

    def release(self, trn: int, ot: int) -> Sent | None:
        """What waited for this result, or None if nothing did."""
        sent = self._sent.get(trn)
        if sent is None or sent[1] != ot:
            return None
        del self._sent[trn]
        self._free.append(trn)
        return sent

    def forgive(self, trn: int, ot: int) -> Sent | None:
        """What waited for this result until its time ran out, or None if nothing did."""
        resting = self._resting.get(trn)
        if resting is None or resting[0][1] != ot:
            return None
        del self._resting[trn]
        self._free.append(trn)
        return resting[0]

    def deadline(self) -> float | None:
        """When the oldest operation has waited long enough, or the first TRN has rested; None for neither."""
        moments = [sent_at + self._response_s for sent_at, _, _ in list(self._sent.values())[:1]]
        moments += [until for _, until in list(self._resting.values())[:1]]
        return min(moments, default=None)

    def expire(self, now: float, heard_at: float) -> list[object]:
        """The contexts of operations that have waited long enough, oldest first; they wait no more.

        `heard_at` is when the peer said anything last: one that was stalled answers everything when it goes on.
        """
        rested = [
            trn for trn, (_, until) in self._resting.items() if until <= now and heard_at > until - self._response_s
        ]
        for trn in rested:
            del self._resting[trn]
            self._free.append(trn)
        due = [trn for trn, (sent_at, _, _) in self._sent.items() if sent_at + self._response_s <= now]
        for trn in due:
            self._resting[trn] = (self._sent.pop(trn), now + self._response_s)
        return [self._resting[trn][0][2] for trn in due]

    def abandon(self) -> list[object]:
        """The contexts of all that wait, oldest first; the connection is gone."""
        contexts = [context for _, _, context in self._sent.values()]
        self._sent.clear()
        self._resting.clear()
        self._free = deque(range(TRNS))
        return contexts
