"""A trickle of messages for a gateway that only shows itself: of a demo client, to handsets that nobody has.

It is off until somebody wants it, and after each start.  It must never run where a settings file names real operators.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from chappe.wire.http.messages import NewMessage

#: More than this is what `chappe bench` is for.
MOST_PER_S: Final = 20.0
LEAST_PER_S: Final = 0.1
#: Country code 999 belongs to nobody, whatever operators a demo is given later.
HANDSETS: Final = 1_000
_TEXTS: Final = ("Your code is {n}", "Order {n} is on its way", "Table for two at eight, reservation {n}")

#: Judges and stores a message as if the demo client had posted it.
Send = Callable[[NewMessage], Awaitable[object]]


class DemoTraffic:
    """Sends at a pace."""

    name = "demo traffic"

    def __init__(self, send: Send) -> None:
        self._send = send
        self._is_wanted = asyncio.Event()
        self._per_s = 0.0
        #: How many were handed in.
        self.made = 0

    def set_pace(self, per_s: float) -> str:
        """So many messages a second from now on, 0 for none; returns why not, empty when it is so."""
        if per_s and not LEAST_PER_S <= per_s <= MOST_PER_S:
            return f"demo traffic is {LEAST_PER_S:g} to {MOST_PER_S:g} messages a second, or 0 for none"
        self._per_s = per_s
        if per_s:
            self._is_wanted.set()
        else:
            self._is_wanted.clear()
        return ""

    async def run(self) -> None:
        """Send until cancelled; one that is refused is simply not sent."""
        while True:
            await self._is_wanted.wait()
            self.made += 1
            text = _TEXTS[self.made % len(_TEXTS)].format(n=self.made)
            await self._send(NewMessage(to=f"+9991{self.made % HANDSETS:07}", source="SHOP", text=text))
            await asyncio.sleep(1 / max(self._per_s, LEAST_PER_S))
