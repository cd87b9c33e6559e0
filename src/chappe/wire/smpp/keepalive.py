"""What time brings about in a session: probes, response timers, and the end of patience.

It must never know a message.  Every time is monotonic seconds and comes in as `now`.
"""

from chappe.wire.smpp.facts import Fact, Unanswered
from chappe.wire.smpp.framer import Frame
from chappe.wire.smpp.handshake import Handshake
from chappe.wire.smpp.link_watch import Due, LinkWatch
from chappe.wire.smpp.pdus import EnquireLink, EnquireLinkResp
from chappe.wire.smpp.states import Role, State
from chappe.wire.smpp.timers import Timers


class Keepalive(Handshake):
    """A handshake that watches the clock; `Session` builds on it."""

    def __init__(
        self, role: Role, now: float, timers: Timers, window_pdus: int, system_id: str, interface_version: int
    ) -> None:
        super().__init__(role, now, timers, window_pdus, system_id, interface_version)
        self._watch = LinkWatch(now, probe_after_s=timers.enquire_link_s, patience_s=timers.response_s)
        #: When a message last came or went.
        self._busy_at = now
        #: The sequence number of the enquire_link that waits for an answer, and when it was sent.
        self._probe: tuple[int, float] | None = None
        #: When the newest request that the peer has answered was sent: it has read all that we wrote before.
        self.heard_us_at = -1.0

    def agree(self, now: float, *, timers: Timers, window_pdus: int) -> None:
        """Set timers and window to what this peer's owner wants, once the bind has told who it is."""
        self._timers = timers
        self._window.resize(window_pdus, response_s=timers.response_s)
        self._watch = LinkWatch(now, probe_after_s=timers.enquire_link_s, patience_s=timers.response_s)

    def probe(self, now: float) -> None:
        """Ask a bound peer for a sign of life: its answer moves `heard_us_at` to `now`.

        One probe at a time is on its way; until it is answered, or `response_s` is over, another says nothing.
        """
        is_waiting = self._probe is not None and now < self._probe[1] + self._timers.response_s
        if self._is_bound and not is_waiting:
            self._send_probe(now)

    # --- time ---------------------------------------------------------------------------------------------------

    def deadline(self) -> float | None:
        """When `tick` next has something to say; it may lie in the past.  None if never."""
        if self._untold:
            return 0.0
        dues = [self._limit_at, self._window.deadline()]
        if self._is_bound:
            dues += self._watch.deadline(), self._idle_until()
        return min((due for due in dues if due is not None), default=None)

    def tick(self, now: float) -> list[Fact]:
        """What time alone brings about.  Early calls are free and say nothing."""
        facts = self._take_untold()
        if self.is_closed:
            return facts
        facts += map(Unanswered, self._window.expire(now))
        if self._limit_at is not None and now >= self._limit_at:
            facts.append(self._end(self._why_limited(), is_clean=False))
        elif self._is_bound:
            facts += self._look_after_link(now)
        return facts

    def abandon(self) -> list[object]:
        """The contexts of all our unanswered requests, in the order of sending: the connection is gone."""
        self._end("abandoned", is_clean=False)
        self._untold.clear()
        return self._window.abandon()

    def _look_after_link(self, now: float) -> list[Fact]:
        due = self._watch.tick(now)
        if due is Due.LOST:
            return [self._end(f"enquire_link was not answered within {self._timers.response_s:g} s", is_clean=False)]
        if due is Due.PROBE:
            self._send_probe(now)
        idle_until = self._idle_until()
        if idle_until is not None and now >= idle_until:
            self.unbind(now)
        return []

    def _send_probe(self, now: float) -> None:
        self._probe = (self._window.take_number(), now)
        self._outbox.put_pdu(EnquireLink(), self._probe[0])

    def _idle_until(self) -> float | None:
        return self._busy_at + self._timers.inactivity_s if self._timers.inactivity_s else None

    def _why_limited(self) -> str:
        if self.state is State.UNBINDING and self._last_words is not None:
            # The goodbye is said in any case; what was not answered by now is not going to be.
            self._outbox.add(self._last_words)
            return f"{len(self._docket)} requests were not answered within {self._timers.response_s:g} s of unbind"
        if self.state in (State.BINDING, State.UNBINDING):
            asked = "bind" if self.state is State.BINDING else "unbind"
            return f"{asked} was not answered within {self._timers.response_s:g} s"
        return f"no bind within {self._timers.session_init_s:g} s"

    def _take_untold(self) -> list[Fact]:
        facts, self._untold = self._untold, []
        return facts

    def _on_enquire_link(self, frame: Frame, now: float) -> list[Fact]:
        self._outbox.put_pdu(EnquireLinkResp(), frame[2])
        return []

    def _on_enquire_link_resp(self, frame: Frame, now: float) -> list[Fact]:
        if self._probe is not None and self._probe[0] == frame[2]:
            self.heard_us_at = max(self.heard_us_at, self._probe[1])
            self._probe = None
        return []
