"""Which processes a box runs: the settings' `nodes`, each kind and each copy spelled out.  Pure.

It must never know how a process is started.
"""

from collections.abc import Iterator, Sequence

import msgspec

from chappe.runtime.settings_gateway import FRONTEND, NODE_KINDS, node_parts

#: Runs on every box that has processes: it carries out what people ask of the box.
ALWAYS = "conf"
#: Runs where the settings say where it listens.
UCP_DOOR = "client-ucp"


class Process(msgspec.Struct, frozen=True, order=True):
    """One process of a box: a node, and which of several like it."""

    node: str
    number: int = 1

    @property
    def name(self) -> str:
        """`operator:three`, and `operator:three#2` for the second of that node."""
        return self.node if self.number == 1 else f"{self.node}#{self.number}"

    @property
    def file_name(self) -> str:
        """The same for the names of files."""
        return self.name.replace(":", "-").replace("#", "-")


def process_of(name: str) -> Process:
    """The process of that name.  Raises: ValueError."""
    node, _, number = name.partition("#")
    return Process(node, int(number or 1))


def processes_of(nodes: Sequence[str], operators: Sequence[str], *, has_ucp: bool = True) -> list[Process]:
    """Every process of a box whose settings name these nodes, each once, in the order of the settings.

    `has_ucp`: there is a door for clients over UCP.
    """
    counts: dict[str, int] = {}
    for text in nodes:
        _, _, count = node_parts(text)
        for node in _spelled_out(text, operators):
            counts[node] = max(count, counts.get(node, 1))
    if not has_ucp:
        counts.pop(UCP_DOOR, None)
    counts.setdefault(ALWAYS, 1)
    return [Process(node, number) for node, count in counts.items() for number in range(1, count + 1)]


def _spelled_out(text: str, operators: Sequence[str]) -> Iterator[str]:
    kind, name, _ = node_parts(text)
    if kind == "all":
        for each in NODE_KINDS:
            if each not in ("all", FRONTEND):
                yield from _spelled_out(each, operators)
    elif kind == FRONTEND:
        # No node: it has no messages, and must not make the box unready.
        return
    elif kind == "operator" and not name:
        yield from (f"operator:{each}" for each in operators)
    else:
        yield f"{kind}:{name}" if name else kind
