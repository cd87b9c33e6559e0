"""`chappe status` and `chappe queues`: what the running gateway says of itself at `/status.json`.

It must never open the store: what these commands show is what the gateway knows now.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Final, NoReturn

import typer

from chappe.cli.options import ConfigOption, JsonOption, example
from chappe.cli.show import print_json, print_table
from chappe.model.errors import ResourceError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from chappe.observe.status import BoxStatus
    from chappe.runtime.settings import Settings

#: How long the gateway may take to answer, and how often a watching command asks.
ANSWER_S: Final = 5.0
WATCH_EVERY_S: Final = 1.0

WatchOption = Annotated[bool, typer.Option("--watch", "-w", help="Look again every second, until Ctrl-C.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command(epilog=example("chappe status --watch"))(status)
    app.command(epilog=example("chappe queues --config chappe.toml"))(queues)


def status(watch: WatchOption = False, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show the running gateway: links, queues, clients, store, and events a second."""
    from chappe.runtime.settings import load

    url = url_of(load(config))
    box = ask(url)
    if watch:
        _watch(url, box, as_json=as_json)
    elif as_json:
        print_json(box)
    else:
        _print(box)


def queues(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show what waits in each queue of the running gateway, how old its oldest message is, and why nobody reads it."""
    from chappe.runtime.settings import load

    found = sorted(ask(url_of(load(config))).queues, key=lambda each: (-each.messages, each.queue))
    if as_json:
        print_json(found)
    else:
        rows = [(each.queue, each.messages, each.oldest_s, each.cause if each.messages else "") for each in found]
        print_table(("queue", "messages", "oldest s", "why"), rows)


def url_of(settings: Settings) -> str:
    """Where the gateway of these settings shows its status.  Raises: SettingsError when only it knows the port."""
    address = settings.listen.metrics
    if address.endswith(":0"):
        raise SettingsError(f"listen.metrics is {address}, a port that the system chooses; give a port to find it by")
    return f"http://{address}/status.json"


def ask(url: str) -> BoxStatus:
    """The gateway's status.  Raises: ResourceError when none runs there."""
    import urllib.request

    import msgspec

    from chappe.observe.status import BoxStatus

    # A proxy of the environment has no business between this command and a gateway that listens on this box.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=ANSWER_S) as answer:
            return msgspec.json.decode(answer.read(), type=BoxStatus)
    except msgspec.DecodeError as error:
        raise ResourceError(f"what answers at {url} is not a gateway of this version: {error}") from error
    except OSError as error:
        reason = getattr(error, "reason", error)
        raise ResourceError(f"no gateway runs at {url} ({reason}); start one with: chappe up") from error


def _print(box: BoxStatus) -> None:
    from chappe.cli.status_view import console, view

    console().print(view(box))


def _watch(url: str, box: BoxStatus, *, as_json: bool) -> None:
    """Show the status anew each second.  Ctrl-C is how it ends."""
    from chappe.cli.status_view import console

    try:
        if as_json:
            _watch_plain(url, box, print_json)
        elif console().is_terminal:
            _watch_live(url, box)
        else:
            _watch_plain(url, box, _print)
    except KeyboardInterrupt:
        return


def _watch_live(url: str, box: BoxStatus) -> NoReturn:
    """One picture that changes in place; a gateway that restarts meanwhile is waited for."""
    from rich.live import Live

    from chappe.cli.status_view import console, trouble, view

    with Live(view(box), console=console(), auto_refresh=False, screen=True) as live:
        while True:
            time.sleep(WATCH_EVERY_S)
            try:
                live.update(view(ask(url)), refresh=True)
            except ResourceError as error:
                live.update(trouble(str(error)), refresh=True)


def _watch_plain(url: str, box: BoxStatus, tell: Callable[[BoxStatus], None]) -> NoReturn:
    """One status after the other, for programs and files.  Raises: ResourceError when the gateway ends."""
    while True:
        tell(box)
        time.sleep(WATCH_EVERY_S)
        box = ask(url)
