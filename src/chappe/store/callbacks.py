"""Callbacks that nobody took: how they are kept, and what nodes and people do about them."""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from chappe.model.events import EventBatch
from chappe.model.ids import MAX_ID
from chappe.model.message import Content


class FailedCallback(msgspec.Struct, frozen=True, gc=False):
    """A callback that was given up: what it would have told, and why nobody took it."""

    id: int
    client: str
    at_us: int
    attempts: int
    reason: str
    content: Content


class CallbacksOff(msgspec.Struct, frozen=True):
    """A client's own URL said that it is gone: nothing is posted there until somebody says otherwise."""

    client: str
    url: str
    at_us: int
    reason: str


class CallbackStore(Protocol):
    """What is kept of callbacks beside their queues."""

    async def failed_callbacks(
        self, client: str = "", *, before_id: int = MAX_ID, limit: int = 100
    ) -> list[FailedCallback]:
        """Callbacks that were given up, those made last first; of all clients when none is named.

        Raises: StoreAway.
        """
        ...

    async def replay_callbacks(
        self, ids: Sequence[int], *, client: str = "", instruction: int = 0, told: str = ""
    ) -> list[int]:
        """Lay callbacks that were given up into their queues again, as if they had never been tried.

        Returns those that were in the list (and are of `client`, if one is named); the others are left alone.  The
        last `instruction` is not carried out again, but answered as before.  Raises: StoreAway.
        """
        ...

    async def forget_failed_callbacks(self, before_id: int) -> bool:
        """Some of the callbacks that were made before `before_id` and given up go; True when more are left.

        An MO among them ends as failed.  Raises: StoreAway.
        """
        ...

    async def switch_callbacks_off(self, off: CallbacksOff, events: EventBatch) -> None:
        """Note that a client's URL is gone; a later note about the client replaces it.  Raises: StoreAway."""
        ...

    async def switch_callbacks_on(self, client: str, events: EventBatch) -> bool:
        """Forget that note; False, and no event is written, when there was none.  Raises: StoreAway."""
        ...

    async def callbacks_off(self) -> list[CallbacksOff]:
        """All such notes.  Raises: StoreAway."""
        ...
