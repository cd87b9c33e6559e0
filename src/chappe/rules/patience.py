"""How long messages wait for a look-up: when a number is asked about, asked again, or given up.

Every moment comes in; nothing here reads a clock, asks anybody, or knows a store.
"""

from collections.abc import Iterable, Iterator

import msgspec

from chappe.model.message import Item


class Waiting(msgspec.Struct):
    """A number, and the messages that wait for its network, in the order in which they came."""

    items: list[Item]
    #: Unix ms at which the first of them has waited long enough.
    until_ms: int
    is_asked: bool = False
    has_failed: bool = False
    #: Monotonic seconds before which it is not asked about again.
    ask_at: float = 0.0


class WaitingRoom:
    """All numbers that are waited for."""

    def __init__(self, *, retry_s: float, patience_ms: int) -> None:
        self._retry_s = retry_s
        self._patience_ms = patience_ms
        self._waiting: dict[str, Waiting] = {}
        #: Messages in it.
        self.count = 0
        #: Why the last request was not answered; empty when it was.
        self.fault = ""
        self._probe_at = 0.0

    def change(self, *, retry_s: float, patience_ms: int) -> None:
        """Wait so from now on; whoever was asked will not answer."""
        for each in self._waiting.values():
            each.is_asked = False
            each.until_ms += patience_ms - self._patience_ms
        self._retry_s, self._patience_ms = retry_s, patience_ms

    def add(self, number: str, item: Item, since_ms: int) -> None:
        """A message begins to wait."""
        self.count += 1
        waiting = self._waiting.get(number)
        if waiting is None:
            self._waiting[number] = Waiting([item], since_ms + self._patience_ms)
        else:
            waiting.items.append(item)

    def to_ask(self, now: float, requests: int, batch: int) -> Iterator[list[str]]:
        """The numbers of each request that may begin now.  While nobody answers it is one request each `retry_s`."""
        if self.fault:
            if now < self._probe_at or any(each.is_asked for each in self._waiting.values()):
                return
            requests = min(requests, 1)
        numbers = ((number, each) for number, each in self._waiting.items() if not each.is_asked and each.ask_at <= now)
        for _ in range(requests):
            asked: list[str] = []
            for number, each in numbers:
                each.is_asked = True
                asked.append(number)
                if len(asked) == batch:
                    break
            if not asked:
                return
            yield asked

    def said(self, numbers: Iterable[str], found: dict[str, str], fault: str, now: float) -> list[tuple[Item, str]]:
        """Take an answer: the messages that wait no longer, with their networks; empty where nobody knows it."""
        self.fault = fault
        ready: list[tuple[Item, str]] = []
        for number in numbers:
            waiting = self._waiting.get(number)
            if waiting is None:
                continue
            waiting.is_asked = False
            if number in found:
                ready += self._out(number, found[number])
            else:
                waiting.has_failed, waiting.ask_at = True, now + self._retry_s
        if fault:
            self._probe_at = now + self._retry_s
        return ready

    def given_up(self, now_ms: int) -> list[Item]:
        """The messages that have waited long enough: nobody answered when their number was asked about, or anybody."""
        late = [
            number
            for number, each in self._waiting.items()
            if each.until_ms <= now_ms and not each.is_asked and (each.has_failed or self.fault)
        ]
        return [item for number in late for item, _ in self._out(number, "")]

    def empty(self) -> list[Item]:
        """Everything that waits, when nobody waits for it any longer."""
        return [item for number in list(self._waiting) for item, _ in self._out(number, "")]

    def _out(self, number: str, network: str) -> list[tuple[Item, str]]:
        items = self._waiting.pop(number).items
        self.count -= len(items)
        return [(item, network) for item in items]
