"""How a box looks on a terminal.  It must never ask for its status: a `BoxStatus` comes in, a picture goes out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from chappe.observe.status import ELSEWHERE, BoxStatus, CertificateStatus, LinkStatus, unmoved_of

#: Rows of queues and of events that a picture shows; `chappe queues` and `--json` show all.
QUEUE_ROWS: Final = 15
EVENT_ROWS: Final = 12
#: Cells of the bar that shows how full a link's window is.
BAR_CELLS: Final = 10
#: Age in seconds from which a queue's oldest message is worth a colour.
OLD_S: Final = 60.0
#: A node of which the store has not heard for so long is in trouble.
SILENT_S: Final = 5.0
#: From when on the end of a certificate is worth a line.
EXPIRES_SOON_S: Final = 30 * 86_400
#: Blocks that a copy may lag: it notes its place once a second.
LATE_BLOCKS: Final = 10_000


def console() -> Console:
    """The terminal, taking nothing that it prints for markup."""
    return Console(markup=False, highlight=False)


def view(box: BoxStatus) -> RenderableType:
    """The whole box in one picture."""
    return Group(*_sections(box))


def trouble(text: str) -> RenderableType:
    """One line that something is wrong."""
    return Text(text, style="bold red")


def _sections(box: BoxStatus) -> Iterator[RenderableType]:
    yield _head(box)
    if box.operators:
        yield _links(box)
    if box.fleet:
        yield _fleet(box)
    yield _queues(box)
    if box.clients:
        yield _clients(box)
    if box.events_per_second:
        yield _events(box)
    yield from _foot(box)


def _head(box: BoxStatus) -> Text:
    colour = "green" if box.state == "running" else "yellow"
    return Text.assemble(
        ("chappe ", "bold"),
        # Where nodes are processes each has a run of its own.
        f"{box.version}  box {box.box}  " + ("" if box.fleet else f"run {box.run}  "),
        (box.state, f"bold {colour}"),
        f"  up {duration(box.uptime_s)}",
    )


def _table(*columns: str) -> Table:
    """A table whose first column is text and the others as `>` before their title says: numbers to the right."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for column in columns:
        title = column.removeprefix(">")
        table.add_column(title, justify="right" if title != column else "left", overflow="fold")
    return table


def _links(box: BoxStatus) -> Table:
    table = _table("operator", ">link", "state", "window", ">since", "why")
    for operator in box.operators:
        for link in operator.links:
            table.add_row(operator.name, str(link.link), _state(link), bar(link), duration(link.since_s), link.reason)
    return table


def _state(link: LinkStatus) -> Text:
    if link.state == "up":
        return Text("● up", "green")
    return Text("○ elsewhere", "dim") if link.reason == ELSEWHERE else Text("● down", "bold red")


def _fleet(box: BoxStatus) -> Table:
    """Every node of every box; of this one also those that have no process now."""
    table = _table("box", "node", "version", ">run", "state", "links", ">up", ">heard")
    kept = {node.name: node.state for node in box.nodes if node.state != "running"}
    for each in box.fleet:
        state = each.state if each.silent_s < SILENT_S else "silent"
        if each.box == box.box:
            # Whoever keeps its process knows sooner than the store how it is.
            state = kept.pop(each.node, state)
        links = " ".join(f"{operator} {up}/{of}" for operator, (up, of) in each.links.items())
        table.add_row(
            each.box,
            each.node,
            each.version,
            str(each.run),
            Text(state, "green" if state == "running" else "bold yellow"),
            links,
            duration(each.up_s),
            f"{each.silent_s:.0f} s",
        )
    for name, state in kept.items():
        table.add_row(box.box, name, "", "", Text(state, "bold yellow"), "", "", "")
    return table


def bar(link: LinkStatus) -> Text:
    """How full a window is: `████······  40/100`."""
    share = min(1.0, link.window_used / link.window) if link.window else 0.0
    filled = round(share * BAR_CELLS)
    colour = "red" if share >= 1 else "cyan"
    return Text.assemble(
        ("█" * filled, colour), ("·" * (BAR_CELLS - filled), "dim"), f" {link.window_used:>4}/{link.window}"
    )


def _queues(box: BoxStatus) -> Table:
    table = _table("queue", ">messages", ">oldest", "why")
    found = sorted((each for each in box.queues if each.messages), key=lambda each: (-each.messages, each.queue))
    for each in found[:QUEUE_ROWS]:
        style = "yellow" if each.oldest_s >= OLD_S else ""
        table.add_row(
            each.queue, f"{each.messages:,}", Text(duration(each.oldest_s), style), Text(each.cause, "bold yellow")
        )
    if len(found) > QUEUE_ROWS:
        rest = sum(each.messages for each in found[QUEUE_ROWS:])
        table.add_row(f"{len(found) - QUEUE_ROWS} more", f"{rest:,}", "", "")
    if not found:
        table.add_row(Text("nothing waits", "dim"), "", "", "")
    return table


def _clients(box: BoxStatus) -> Table:
    table = _table("client", ">binds", ">open messages", "callbacks")
    for client in box.clients:
        table.add_row(client.name, str(client.binds), f"{client.open_messages:,}", client.callbacks)
    return table


def _events(box: BoxStatus) -> Table:
    table = _table("event", ">per second")
    for event, pace in list(box.events_per_second.items())[:EVENT_ROWS]:
        table.add_row(event, f"{pace:,.1f}")
    return table


def _foot(box: BoxStatus) -> Iterator[Text]:
    store = box.store
    yield Text.assemble(
        "store ",
        ("away", "bold red") if store.is_away else ("ready", "green"),
        f"  {octets(store.octets)} and {octets(store.wal_octets)} of log" if store.octets else "",
        f"  in {store.path}",
    )
    yield Text(
        f"{box.parked:,} parked reports, {box.held:,} held messages", "yellow" if box.parked or box.held else "dim"
    )
    for name, why in unmoved_of(box):
        yield Text(f"{name} does not follow the configuration: {why}", "bold yellow")
    for certificate in box.certificates:
        if certificate.fault or certificate.expires_in_s < EXPIRES_SOON_S:
            yield _certificate(certificate)
    for copy in box.copies:
        if copy.fault or copy.behind_blocks > LATE_BLOCKS:
            yield Text(f"copy {copy.name} is {copy.behind_blocks:,} blocks late {copy.fault}".rstrip(), "bold yellow")


def _certificate(certificate: CertificateStatus) -> Text:
    left = certificate.expires_in_s
    when = f"ends in {duration(left)}" if left > 0 else "has expired"
    style = "bold yellow" if left > 0 else "bold red"
    return Text(f"certificate {certificate.subject} of {certificate.door} {when}  {certificate.fault}".rstrip(), style)


def duration(seconds: float) -> str:
    """A time in its two greatest units: `2 h 13 min`."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3_600:
        return f"{whole // 60} min {whole % 60} s"
    if whole < 86_400:
        return f"{whole // 3_600} h {whole % 3_600 // 60} min"
    return f"{whole // 86_400} d {whole % 86_400 // 3_600} h"


def octets(number: int) -> str:
    """A size in the unit that keeps it short: `4.7 MiB`."""
    size = float(number)
    for unit in ("octets", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "octets" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"
