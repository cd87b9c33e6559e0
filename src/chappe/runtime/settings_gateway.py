"""The settings of the gateway as a whole and of the addresses it listens on.

It must never know an operator, a client or a route.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from typing import Annotated

from msgspec import Meta

from chappe.runtime.settings_table import SECRET, Given, Name, Seconds, Table

#: The web pages: a process beside the nodes, which neither has messages nor is needed by any.
FRONTEND = "frontend"
#: What a box can be told to run.  `operator` alone means every operator, `operator:NAME` the one.
NODE_KINDS = ("all", "client-smpp", "client-http", "client-ucp", "operator", "callback", "router", "counter", FRONTEND)

#: Kinds of which one process is all that a box can use.
ONCE_A_BOX = ("router", "counter", FRONTEND)

#: More processes of one node than this on one box help nobody.
MOST_OF_A_NODE = 64


#: The engine whose store belongs to one process.
SQLITE = "sqlite"


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
            description="The store's engine: `sqlite`. A `postgresql://` DSN names a database "
            "that several boxes share; it may name several hosts, of which one takes writes.",
        ),
    ] = "sqlite"
    nodes: Annotated[
        tuple[str, ...],
        Meta(
            min_length=1,
            description="What this box runs: `all`, or some of `client-smpp`, `client-http`, `client-ucp`, "
            "`operator` (every operator), `operator:NAME`, `router` (ends what has expired, looks "
            "after silent messages and parked receipts), "
            "`counter` (counts per minute), `frontend` (the web pages). "
            "With a PostgreSQL store each node is a process of its own, and "
            "`client-smpp*2` or `operator:NAME*3` are several that share one door or one operator's links. "
            "What is for a node that does not run waits: messages in its queue, "
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
            description="Take traffic although no second copy of the store is kept: where PostgreSQL names no "
            "synchronous standby, a gateway starts only if this is true. SQLite keeps one, and ignores this key."
        ),
    ] = False

    stall_s: Annotated[
        float,
        Meta(
            ge=5,
            le=3_600,
            description="A node's process that says nothing, or whose work stands still, for so long is started anew, "
            "in seconds. Only with a PostgreSQL store.",
        ),
    ] = 60.0
    node_memory_mib: Annotated[
        int,
        Meta(
            ge=0,
            description="A node's process that holds more than this drains and is started anew, in MiB; 0 sets no "
            "bound. Only with a PostgreSQL store.",
        ),
    ] = 0

    def runs(self, kind: str, name: str = "") -> bool:
        """Whether this box runs the nodes of a kind, or the one of that name."""
        return runs_node(self.nodes, kind, name)

    @property
    def is_one_process(self) -> bool:
        """All nodes of this box live in one process, since its store belongs to one."""
        return self.store == SQLITE

    @property
    def data_path(self) -> Path:
        """`data_dir` as a path."""
        return Path(self.data_dir)


def runs_node(nodes: Sequence[str], kind: str, name: str = "") -> bool:
    """Whether nodes as the settings name them include those of a kind, or the one of that name."""
    return any(node.partition("*")[0] in ("all", kind, f"{kind}:{name}") for node in nodes)


def node_parts(text: str) -> tuple[str, str, int]:
    """`operator:three*2` as kind, name and count.  A count that is none counts as 0."""
    node, star, count = text.partition("*")
    kind, _, name = node.partition(":")
    return kind, name, (int(count) if count.isascii() and count.isdigit() else 0) if star else 1


#: HOST:PORT, the host a name, an IPv4 address, or an IPv6 address in brackets.
ADDRESS_PATTERN = r"^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+):[0-9]{1,5}$"
Address = Annotated[str, Meta(pattern=ADDRESS_PATTERN, extra={"expected": 'HOST:PORT, as in "127.0.0.1:2775"'})]


class MinVersion(Enum):
    """The oldest TLS that a door speaks."""

    TLS_1_2 = "1.2"
    TLS_1_3 = "1.3"


class Tls(Table, frozen=True, kw_only=True):
    """TLS at one door.  The files are read anew when they change, and on SIGHUP; open connections stay."""

    address: Annotated[
        Address | None,
        Meta(description="Where it listens, beside the plain address; unset: the plain address speaks TLS alone."),
    ] = None
    certificate: Annotated[
        str, Meta(min_length=1, description="PEM file of its certificate, with the chain behind it.")
    ]
    key: Annotated[str, Meta(min_length=1, description="PEM file of its private key, without passphrase.")]
    client_ca: Annotated[
        Given | None,
        Meta(description="PEM file of authorities: who connects is asked for a certificate of theirs."),
    ] = None
    requires_certificate: Annotated[
        bool, Meta(description="With `client_ca`: who shows no certificate is not let in.")
    ] = True
    min_version: Annotated[MinVersion, Meta(description="The oldest version of TLS that it speaks.")] = (
        MinVersion.TLS_1_2
    )


class Listen(Table, frozen=True, kw_only=True):
    """Where this box listens.  Port 0 lets the system choose a free port."""

    smpp: Annotated[Address, Meta(description="SMPP server for clients.")] = "127.0.0.1:2775"
    http: Annotated[Address, Meta(description="HTTP API for clients, `/healthz` and `/readyz`.")] = "127.0.0.1:8080"
    metrics: Annotated[Address, Meta(description="`/metrics` for Prometheus and `/status.json`, once per box.")] = (
        "127.0.0.1:9100"
    )
    frontend: Annotated[
        Annotated[
            str,
            Meta(
                pattern=r"^(off|(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+):[0-9]{1,5})$",
                extra={"expected": 'HOST:PORT, as in "127.0.0.1:8000", or "off"'},
            ),
        ],
        Meta(description="The web pages; `off`: this box has none."),
    ] = "127.0.0.1:8000"
    ucp: Annotated[Address | None, Meta(description="UCP server for clients; unset: there is no such door.")] = None
    smpp_tls: Annotated[Tls | None, Meta(description="TLS for SMPP clients.")] = None
    http_tls: Annotated[Tls | None, Meta(description="TLS for HTTP clients.")] = None
    ucp_tls: Annotated[Tls | None, Meta(description="TLS for UCP clients.")] = None
    session_init_s: Annotated[
        Seconds,
        Meta(description="How long a new connection may take to bind or sign on before it is closed, in seconds."),
    ] = 10.0

    @property
    def addresses(self) -> dict[str, str]:
        """Key → address of everything that this box listens on."""
        plain = {key: getattr(self, key) for key in ("smpp", "http", "ucp", "metrics", "frontend")}
        tables = {
            "smpp_tls.address": self.smpp_tls,
            "http_tls.address": self.http_tls,
            "ucp_tls.address": self.ucp_tls,
        }
        return {key: address for key, address in plain.items() if address and address != "off"} | {
            key: tls.address for key, tls in tables.items() if tls is not None and tls.address
        }


class Frontend(Table, frozen=True, kw_only=True):
    """The web pages on `listen.frontend`."""

    hosts: Annotated[
        tuple[Annotated[str, Meta(pattern=r"^[A-Za-z0-9.-]+(:[0-9]{1,5})?$")], ...],
        Meta(
            description="Names by which browsers call the pages, beside the address that they listen on: "
            "a request for any other name is refused."
        ),
    ] = ()
    proxy: Annotated[
        str,
        Meta(
            pattern=r"^([0-9A-Fa-f:.]*)$",
            extra={"expected": "an address, as in 127.0.0.1"},
            description="Address of the proxy in front of the pages that speaks TLS with browsers. Its "
            "`X-Forwarded-For` and `X-Forwarded-Proto` are then believed, and cookies go over TLS alone. "
            "Empty for none.",
        ),
    ] = ""
    dsn: Annotated[
        str,
        Meta(
            pattern=r"^(postgres(ql)?://.+)?$",
            extra={"expected": "a DSN postgresql://…", **SECRET},
            description="By which the pages reach a PostgreSQL store, instead of `gateway.store`: that of the role "
            "`chappe_frontend`, which `chappe store grant-frontend` makes and which can do nothing but read and ask.",
        ),
    ] = ""


def host_and_port(address: str) -> tuple[str, int]:
    """Split a checked `HOST:PORT`; the brackets of an IPv6 address fall away."""
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)
