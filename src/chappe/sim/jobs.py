"""One thing that a simulated client wants to be answered, and its answer.

It must never know sockets or sessions.
"""

import asyncio
from dataclasses import dataclass

import msgspec

from chappe.wire.smpp.pdus import Pdu
from chappe.wire.ucp.operations import Operation


class Answer(msgspec.Struct, frozen=True):
    """How a request was answered; `pdu` is None when the answer had no body."""

    command_status: int
    pdu: Pdu | None

    @property
    def message_id(self) -> str:
        """The id that a message got; empty when it was refused."""
        return str(getattr(self.pdu, "message_id", "")) if not self.command_status else ""


@dataclass(slots=True)
class Job:
    """One request; one that `answer` waits for is never sent again of itself.  `detail` is what the ledger says."""

    tag: str
    pdu: Pdu | Operation
    detail: str = ""
    wants_receipt: bool = False
    times: int = 0
    answer: asyncio.Future[Answer] | None = None
