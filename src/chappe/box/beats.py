"""What a node's process and its box tell each other: one JSON object a line, over a socket that both inherit.

It must never know who listens.
"""

import msgspec

from chappe.observe.status import BoxStatus

#: How often a process says that it lives.
BEAT_S = 1.0
#: Longest line: the metrics of a process that has thousands of clients.
MAX_LINE_OCTETS = 64 * 1024 * 1024


class Beat(msgspec.Struct, frozen=True, tag="beat"):
    """A process lives.  `turns` counts, for each loop that must go round, how often it did."""

    phase: str
    turns: dict[str, int]
    is_store_away: bool = False
    memory_mib: int = 0
    #: The operators of the configuration, by who looks after that; None from everyone else.
    operators: tuple[str, ...] | None = None


class Shown(msgspec.Struct, frozen=True, tag="shown"):
    """The answer to a `Show`; `metrics` is Prometheus' text."""

    number: int
    metrics: str
    status: BoxStatus | None


class Left(msgspec.Struct, frozen=True, tag="left"):
    """The last word of a process that drained: how many answers of its peers it did not wait for any longer."""

    unanswered: int


class Show(msgspec.Struct, frozen=True, tag="show"):
    """The box wants to know how things are."""

    number: int


FromNode = Beat | Shown | Left

_from_node: "msgspec.json.Decoder[FromNode]" = msgspec.json.Decoder(FromNode)
_show = msgspec.json.Decoder(Show)


def line_of(what: FromNode | Show) -> bytes:
    """One line, its end included."""
    return msgspec.json.encode(what) + b"\n"


def from_node(line: bytes) -> FromNode:
    """What a process says.  Raises: msgspec.MsgspecError."""
    return _from_node.decode(line)


def from_box(line: bytes) -> Show:
    """What the box says.  Raises: msgspec.MsgspecError."""
    return _show.decode(line)
