"""Notices which operators cannot be sent to for a while, so that messages with another choice go elsewhere at once.

It must never move a message; who decides asks for what was noticed here.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from chappe.runtime.clock import Clock

LOOK_EVERY_S: Final = 1.0
#: A link that is only made anew makes nobody sick.
SICK_AFTER_S: Final = 10.0


class SickWatch:
    """Looks at all operators once a second."""

    def __init__(
        self,
        operators: Sequence[str],
        is_up: Callable[[str], bool],
        clock: Clock,
        note: Callable[[frozenset[str]], None],
    ) -> None:
        """`is_up(operator)` says whether any link of it can send; `note` hears of the sick ones when they change.

        `operators` may change meanwhile.
        """
        self._operators = operators
        self._is_up = is_up
        self._clock = clock
        self._note = note
        self._down_since: dict[str, float] = {}
        self._sick: frozenset[str] = frozenset()

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            self.look()

    def look(self) -> None:
        """Look once."""
        now = self._clock.monotonic()
        down = {name for name in self._operators if not self._is_up(name)}
        self._down_since = {name: self._down_since.get(name, now) for name in down}
        sick = frozenset(name for name, since in self._down_since.items() if now - since >= SICK_AFTER_S)
        if sick != self._sick:
            self._sick = sick
            self._note(sick)
