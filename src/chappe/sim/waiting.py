"""Lets a test wait for what a simulator has seen, without sleeping: conditions are asked again after each batch.

It must never know what the conditions are about.
"""

import asyncio
import math
from collections.abc import Callable


class Waiters:
    """Conditions that somebody waits for."""

    def __init__(self) -> None:
        self._waiting: list[tuple[Callable[[], bool], asyncio.Future[None]]] = []

    async def until(self, condition: Callable[[], bool], patience_s: float) -> None:
        """Wait until `condition` holds; infinite patience is possible.

        Raises:
            TimeoutError: it did not within `patience_s`.
        """
        if condition():
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiter = (condition, future)
        self._waiting.append(waiter)
        try:
            await asyncio.wait_for(future, None if math.isinf(patience_s) else patience_s)
        finally:
            self._waiting.remove(waiter)

    def ask(self) -> None:
        """Something happened: wake whose condition holds now."""
        for condition, future in self._waiting:
            if not future.done() and condition():
                future.set_result(None)
