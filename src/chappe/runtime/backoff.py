"""How long to wait before dialling again: doubling, jittered, and short again after a link that held."""

#: A link that was bound for this long was a good one: the next pause is the first again.
STABLE_S = 30.0


class Backoff:
    """Pauses between tries.  `jitter` comes in as 0 to 1, so that many links never dial at the same instant."""

    def __init__(self, first_s: float, longest_s: float) -> None:
        self._first_s = first_s
        self._longest_s = longest_s
        self._next_s = first_s

    def pause_s(self, jitter: float) -> float:
        """The pause before the next try; the one after it is twice as long."""
        pause = self._next_s
        self._next_s = min(self._next_s * 2, self._longest_s)
        return pause * (0.5 + jitter / 2)

    def held(self, bound_s: float) -> None:
        """The last link was bound for so long."""
        if bound_s >= STABLE_S:
            self._next_s = self._first_s
