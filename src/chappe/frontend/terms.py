"""What the pages are told at their start: where they listen, whose data they show, how they reach the gateway.

It must never know an engine: readers and the queue of instructions come in as they are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from chappe.frontend.wishes import Hands
from chappe.runtime.settings import Settings
from chappe.store.views import Reader
from chappe.wire.http.messages import Preview


class Explaining(Protocol):
    """What says which rule decides about a message, by the rules of the door."""

    def __call__(
        self, settings: Settings, *, to: str, source: str, client: str, text: str, direction: str, operator: str
    ) -> Explained:
        """Every step, and the outcome."""
        ...


class Previewing(Protocol):
    """What says what a message would be, as the client API does."""

    def __call__(self, settings: Settings, *, to: str, source: str, client: str, text: str) -> Preview | str:
        """The preview, or in one line why there would be none."""
        ...


@dataclass(frozen=True, slots=True)
class Explained:
    """What was asked about a message, in order: (rule, verdict, why), and what came of it."""

    steps: list[tuple[str, str, str]]
    outcome: str
    is_taken: bool


@dataclass(frozen=True, slots=True)
class Terms:
    """Everything that the pages need to know of the gateway."""

    address: str
    data_dir: Path
    reader: Reader
    #: What the gateway runs by; read anew for each question, for it changes.
    settings: Callable[[], Settings]
    explain: Explaining
    preview: Previewing
    #: The way out: instructions.
    hands: Hands
    #: `http://…` of `listen.metrics`: `/status.json` and `/metrics` are there.
    watch_url: str
    #: Names by which browsers may call this box, beside its own address.
    hosts: tuple[str, ...] = ()
    #: The address of a proxy in front of us that speaks TLS; empty for none.
    proxy: str = ""
    #: There is no settings file: an operator and a client are simulated.
    is_demo: bool = False
    #: A door of tests alone: pages without a thread that samples.
    is_sampling: bool = field(default=True)

    @property
    def host(self) -> str:
        """Where they listen."""
        return self.address.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        """The port."""
        return int(self.address.rpartition(":")[2])
