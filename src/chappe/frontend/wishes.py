"""What pages ask of the gateway, and what came of it, in shapes that know neither Django nor where instructions lie."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of an instruction.  `state`: waiting, waiting_approval, done, partly, failed."""

    state: str
    fault: str = ""
    count: int = 0
    left: Sequence[int] = ()
    version: int = 0
    told: Sequence[str] = ()
    doubts: Sequence[str] = ()
    unmoved: Mapping[str, str] = field(default_factory=dict)
    secret: str = ""
    changed: Sequence[int] = ()
    remaining: int = 0

    @property
    def is_good(self) -> bool:
        """It was done, if only in part."""
        return self.state in ("done", "partly")


@dataclass(frozen=True, slots=True)
class Wish:
    """An instruction as it lies in the queue."""

    id: int
    kind: str
    asked_by: str
    asked_at: str
    reply: Reply
    told: str = ""

    @property
    def title(self) -> str:
        """Its kind as people read it."""
        return self.kind.replace("_", " ")


class Hands(Protocol):
    """The queue of instructions.  Every method raises ResourceError when it cannot be reached."""

    def ask(self, kind: str, values: Mapping[str, Any], asked_by: str) -> int:
        """Lay an instruction in, durably; returns its number.  Raises: SettingsError for one that is none."""
        ...

    def wait(self, number: int, patience_s: float) -> Reply | None:
        """What came of it; None when nothing has so far."""
        ...

    def recent(self, limit: int) -> list[Wish]:
        """The youngest instructions, youngest first."""
        ...
