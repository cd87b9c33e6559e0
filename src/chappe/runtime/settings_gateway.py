"""The settings of the gateway as a whole and of the addresses it listens on.

It must never know an operator, a client or a route.
"""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

from msgspec import Meta

from chappe.runtime.settings_table import Name, Seconds, Table

#: What a box can be told to run.  `operator` alone means every operator, `operator:NAME` the one.
NODE_KINDS = ("all", "client-smpp", "client-http", "operator", "router", "counter")


class Redaction(Enum):
    """How a handset's number is written in logs and event files."""

    WHOLE = "whole"
    MASKED = "masked"
    HASHED = "hashed"


class Gateway(Table, frozen=True, kw_only=True):
    """The gateway as a whole: where it keeps what it was given, what this box runs, how it stops."""

    data_dir: Annotated[
        str,
        Meta(
            min_length=1,
            description="Folder of the store file, the history and the event files, made when missing. "
            "A relative path starts at the folder in which the command starts.",
        ),
    ] = "data"
    store: Annotated[
        str,
        Meta(
            pattern=r"^(sqlite|postgres(ql)?://.+)$",
            extra={"expected": '"sqlite" or a DSN postgresql://…'},
            description="The store's engine: `sqlite`. A `postgresql://` DSN is understood, "
            "and refused until that engine exists.",
        ),
    ] = "sqlite"
    nodes: Annotated[
        tuple[str, ...],
        Meta(
            min_length=1,
            description="What this box runs: `all`, or some of `client-smpp`, `client-http`, "
            "`operator` (every operator), `operator:NAME`, `router` (ends what has expired, looks "
            "after silent messages and parked receipts), "
            "`counter` (counts per minute). What is for a node that does not run waits: messages in its queue, "
            "events to be counted in the hot file. What carries out instructions runs on every box.",
        ),
    ] = ("all",)
    box: Annotated[Name, Meta(description="This box's name in event files, in metrics and in the log.")] = "box1"
    drain_s: Annotated[
        float,
        Meta(
            ge=0,
            le=3_600,
            description="How long a stopping gateway waits for answers that are still open, in seconds.",
        ),
    ] = 15.0
    retention_days: Annotated[
        int,
        Meta(
            ge=1,
            le=36_500,
            description="How many days finished messages stay in the history before their file is dropped.",
        ),
    ] = 30
    redact: Annotated[
        Redaction,
        Meta(
            description="How a handset's number is written in logs and event files. A message's text is never written."
        ),
    ] = Redaction.WHOLE
    allow_single_copy: Annotated[
        bool,
        Meta(
            description="Take traffic although no second copy of the store is kept. "
            "It is for stores that can keep two: SQLite keeps one, and ignores this key."
        ),
    ] = False

    def runs(self, kind: str, name: str = "") -> bool:
        """Whether this box runs the nodes of a kind, or the one of that name."""
        return any(node in ("all", kind, f"{kind}:{name}") for node in self.nodes)

    @property
    def data_path(self) -> Path:
        """`data_dir` as a path."""
        return Path(self.data_dir)


#: HOST:PORT, the host a name, an IPv4 address, or an IPv6 address in brackets.
ADDRESS_PATTERN = r"^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+):[0-9]{1,5}$"
Address = Annotated[str, Meta(pattern=ADDRESS_PATTERN, extra={"expected": 'HOST:PORT, as in "127.0.0.1:2775"'})]


class Listen(Table, frozen=True, kw_only=True):
    """Where this box listens.  Port 0 lets the system choose a free port."""

    smpp: Annotated[Address, Meta(description="SMPP server for clients.")] = "127.0.0.1:2775"
    http: Annotated[Address, Meta(description="HTTP API for clients, `/healthz` and `/readyz`.")] = "127.0.0.1:8080"
    metrics: Annotated[Address, Meta(description="`/metrics` for Prometheus and `/status.json`, once per box.")] = (
        "127.0.0.1:9100"
    )
    frontend: Annotated[
        Address, Meta(description="The web pages. The address is checked; nothing is served on it yet.")
    ] = "127.0.0.1:8000"
    session_init_s: Annotated[
        Seconds, Meta(description="How long a new SMPP connection may take to bind before it is closed, in seconds.")
    ] = 10.0


def host_and_port(address: str) -> tuple[str, int]:
    """Split a checked `HOST:PORT`; the brackets of an IPv6 address fall away."""
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)
