"""Whether this box lives and takes traffic.  It must never know who asks, or over which protocol."""

from collections.abc import Callable
from enum import StrEnum


class Phase(StrEnum):
    """What the gateway is doing as a whole."""

    STARTING = "starting"
    RUNNING = "running"
    DRAINING = "draining"


class Health:
    """The one place where doors look before they say that they take traffic."""

    __slots__ = ("_is_store_away", "phase")

    def __init__(self) -> None:
        self.phase = Phase.STARTING
        self._is_store_away: Callable[[], bool] = lambda: False

    def watch_store(self, is_store_away: Callable[[], bool]) -> None:
        """From now on ask this whether the store can be written."""
        self._is_store_away = is_store_away

    @property
    def why_not_ready(self) -> str:
        """In one line why no traffic is taken now; empty when it is."""
        if self.phase is not Phase.RUNNING:
            return self.phase.value
        return "the store is away" if self._is_store_away() else ""

    @property
    def is_ready(self) -> bool:
        """Traffic is taken now."""
        return not self.why_not_ready
