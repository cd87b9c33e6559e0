"""How pages look at the gateway: the store through its reader, live things through `/status.json` and `/metrics`.

Pages never know an engine, and nothing here can change anything: instructions are `asking`'s.
"""

from __future__ import annotations

import threading
import time
import urllib.request
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

import msgspec

from chappe.frontend.figures import Sample, read_metrics, thinned
from chappe.frontend.terms import Terms
from chappe.model.errors import GatewayError
from chappe.observe.status import BoxStatus
from chappe.runtime.settings import Settings
from chappe.store.views import Reader

#: How often the gateway is looked at while somebody looks at us, and while nobody does.
LOOK_EVERY_S: Final = 2.0
IDLE_EVERY_S: Final = 10.0
#: Somebody looks for so long after the last request.
ATTENTIVE_S: Final = 60.0
#: What comes into the store is followed for so long after a look for messages.
FOLLOW_S: Final = 300.0
#: Samples are kept for so long.
KEPT_S: Final = 900.0
ANSWER_S: Final = 4.0
#: Events are read anew at most so often, however many look.
EVENTS_EVERY_S: Final = 2.0

#: Events that say why something is wrong.
TELLING: Final = frozenset(
    {
        "mt_rejected",
        "mt_failed",
        "mt_held",
        "throttled",
        "callback_deferred",
        "callback_failed",
        "callbacks_off",
        "dr_parked",
        "receipts_disagree",
        "receipts_agree",
        "dr_contradicted",
        "dr_repeated",
        "link_down",
        "bind_refused",
        "mo_unrouted",
        "certificate_refused",
        "store_away",
        "item_poisoned",
    }
)


class Reading:
    """What pages ask.  Safe for several threads."""

    def __init__(self, terms: Terms) -> None:
        self.terms = terms
        self._samples: list[Sample] = []
        self._lock = threading.Lock()
        self._looked_at = time.monotonic()
        self._wake = threading.Event()
        self._follows_until = 0.0
        self._events: tuple[float, list[dict[str, str]]] = (-1e9, [])

    @property
    def reader(self) -> Reader:
        """The store, read-only."""
        return self.terms.reader

    def settings(self) -> Settings:
        """What the gateway runs by.  Raises: SettingsError, ResourceError."""
        return self.terms.settings()

    # -- live things --------------------------------------------------------------------------------

    def sample_for_ever(self) -> None:
        """Look at the gateway until the process ends: more often while somebody looks at us."""
        while True:
            self.sample()
            is_watched = time.monotonic() - self._looked_at < ATTENTIVE_S
            if time.monotonic() < self._follows_until:
                self._follow()
            self._wake.wait(LOOK_EVERY_S if is_watched else IDLE_EVERY_S)
            self._wake.clear()

    def expect_looks(self) -> None:
        """Somebody looks for messages, and may do so again: the next look should find all read."""
        self._follows_until = time.monotonic() + FOLLOW_S

    def _follow(self) -> None:
        with suppress(GatewayError):
            self.reader.follow()

    def sample(self) -> Sample:
        """Look once."""
        sample = self._look()
        with self._lock:
            kept = [each for each in self._samples if sample.at - each.at <= KEPT_S]
            self._samples = thinned([*kept, sample])
        return sample

    def samples(self) -> list[Sample]:
        """What was seen lately, oldest first; there is at least one."""
        now = time.monotonic()
        if now - self._looked_at >= ATTENTIVE_S:
            self._wake.set()
        self._looked_at = now
        with self._lock:
            found = list(self._samples)
        if not found or now - found[-1].at > IDLE_EVERY_S + ANSWER_S or not self.terms.is_sampling:
            self.sample()
            with self._lock:
                found = list(self._samples)
        return found

    def _look(self) -> Sample:
        now = time.monotonic()
        try:
            box = msgspec.json.decode(self._get("/status.json"), type=BoxStatus)
            counts, buckets = read_metrics(self._get("/metrics").decode("utf-8", "replace"))
            return Sample(now, counts, buckets, box)
        except msgspec.DecodeError as error:
            return Sample(now, fault=f"what answers at {self.terms.watch_url} is no gateway of this version: {error}")
        except OSError as error:
            reason = getattr(error, "reason", error)
            return Sample(now, fault=f"no gateway answers at {self.terms.watch_url}: {reason}")

    def _get(self, path: str) -> bytes:
        # A proxy of the environment has no business between the pages and the gateway of their box.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(self.terms.watch_url + path, timeout=ANSWER_S) as answer:
            octets: bytes = answer.read()
            return octets

    def recent_events(self) -> Sequence[dict[str, str]]:
        """The last events that say why something is wrong, oldest first; none while the store cannot be read."""
        at, events = self._events
        now = time.monotonic()
        if now - at > EVENTS_EVERY_S:
            try:
                events = self.reader.recent_events(TELLING)
            except GatewayError:
                events = []
            self._events = (now, events)
        return events

    def sent_pairs(self) -> dict[str, list[tuple[str, str]]]:
        """Handsets and references of what each operator lately took."""
        pairs: dict[str, list[tuple[str, str]]] = {}
        try:
            events = self.reader.recent_events({"mt_sent"})
        except GatewayError:
            return pairs
        for event in events:
            pairs.setdefault(event["operator"], []).append((event["msisdn"], event["operator_ref"]))
        return pairs

    def try_to_read(self, question: Any, *values: Any) -> tuple[Any, str]:
        """What a question to the reader gets, or None and why not."""
        try:
            return question(*values), ""
        except GatewayError as error:
            return None, str(error)
