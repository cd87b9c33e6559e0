"""Our requests that wait for an answer, by sequence number and in the order of sending.

It must never know a PDU: it keeps what the owner gave as `context`, and says whose turn it is to wait no longer.
"""

#: The highest sequence number; the next is 1.  SMPP 3.4 §5.1.4.
MAX_SEQUENCE_NUMBER = 0x7FFF_FFFF

#: How many requests whose time ran out are remembered for the sake of a late answer, for as long as the link lives.
LATE_KEPT = 10_000

#: (when it was sent in monotonic seconds, the command_id that answers it, the owner's context)
Sent = tuple[float, int, object]


class Window:
    """At most `window_pdus` requests in flight.  SMPP 5.0 §2.4."""

    def __init__(self, window_pdus: int, *, response_s: float) -> None:
        self._window_pdus = window_pdus
        self._response_s = response_s
        # A dict keeps the order of sending, so the oldest is first and no timer is needed for each.
        self._sent: dict[int, Sent] = {}
        self._late: dict[int, Sent] = {}
        self._last_number = 0

    def __len__(self) -> int:
        return len(self._sent)

    @property
    def room(self) -> int:
        """How many more requests may be sent now."""
        return self._window_pdus - len(self._sent)

    def resize(self, window_pdus: int, *, response_s: float) -> None:
        """From now on so many at a time, with so much patience; what is in flight stays."""
        self._window_pdus = window_pdus
        self._response_s = response_s

    def take_number(self) -> int:
        """The next sequence number that is not in flight."""
        number = self._last_number + 1
        while number > MAX_SEQUENCE_NUMBER or number in self._sent:
            number = number + 1 if number < MAX_SEQUENCE_NUMBER else 1
        self._last_number = number
        return number

    def reserve(self, number: int, now: float, response_id: int, context: object) -> None:
        """Let the request `number` wait from `now` on for a `response_id`; whoever sends looks at `room` first."""
        self._sent[number] = (now, response_id, context)

    def release(self, number: int, response_id: int) -> Sent | None:
        """What waited for this answer, or None if nothing did."""
        sent = self._sent.get(number)
        if sent is None or sent[1] != response_id:
            return None
        del self._sent[number]
        return sent

    def release_any(self, number: int) -> Sent | None:
        """What was sent as `number`, whatever should have answered it: a generic_nack did."""
        return self._sent.pop(number, None)

    def forgive(self, number: int, response_id: int) -> Sent | None:
        """What waited for this answer until its time ran out, or None if nothing did; it is told only once."""
        sent = self._late.get(number)
        if sent is None or sent[1] != response_id:
            return None
        del self._late[number]
        return sent

    def forgive_any(self, number: int) -> Sent | None:
        """What was sent as `number` until its time ran out: a generic_nack answered it."""
        return self._late.pop(number, None)

    def deadline(self) -> float | None:
        """When the oldest request has waited long enough; None if none waits."""
        for sent_at, _, _ in self._sent.values():
            return sent_at + self._response_s
        return None

    def expire(self, now: float) -> list[object]:
        """The contexts of requests that have waited long enough, oldest first; they wait no more."""
        due = []
        for number, (sent_at, _, _) in self._sent.items():
            if sent_at + self._response_s > now:
                break
            due.append(number)
        return [self._give_up(number) for number in due]

    def abandon(self) -> list[object]:
        """The contexts of all that wait, oldest first; the connection is gone."""
        contexts = [context for _, _, context in self._sent.values()]
        self._sent.clear()
        self._late.clear()
        return contexts

    def _give_up(self, number: int) -> object:
        sent = self._sent.pop(number)
        self._late.pop(number, None)
        self._late[number] = sent
        if len(self._late) > LATE_KEPT:
            del self._late[next(iter(self._late))]
        return sent[2]
