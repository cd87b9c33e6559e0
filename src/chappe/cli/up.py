"""`chappe up` runs everything this box is told to run; `chappe node` is about one node alone.

It must never know how a node is built: that is `assembly`, which gets the settings and says the exit code.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from chappe.cli.options import ConfigOption, example
from chappe.cli.show import print_line
from chappe.model.errors import ResourceError, SettingsError

if TYPE_CHECKING:
    from chappe.runtime.settings import Settings


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command(epilog=example("chappe up --config chappe.toml"))(up)
    app.command(epilog=example("chappe node operator three --config chappe.toml"))(node)


def up(config: ConfigOption = None) -> None:
    """Run everything that the settings give to this box, until SIGTERM.

    Without a file: all nodes with a SQLite store in ./data, a simulated operator, and a demo client whose credentials
    are printed. SIGTERM drains and leaves with 0; a second one stops at once.
    """
    from chappe.runtime.settings import load

    if config is None:
        raise typer.Exit(_run_demo())
    raise typer.Exit(_run(load(config)))


def node(
    kind: Annotated[str, typer.Argument(help="The kind of node, as in `nodes` of the settings.")],
    name: Annotated[
        str | None, typer.Argument(help="Whose node, where a kind has several: an operator's name.")
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Run one node as a process of its own; that needs a store which several processes share."""
    from chappe.runtime.settings import load

    wanted = kind if name is None else f"{kind}:{name}"
    store = load(config).gateway.store
    raise SettingsError(
        f"node {wanted}: a node as a process of its own needs a postgresql store, and the store here is {store}; "
        f'put nodes = ["{wanted}"] under [gateway] and start this box with: chappe up --config FILE'
    )


def _run(settings: Settings) -> int:
    """Hand over to the assembly, the only place that knows engines and nodes.

    Raises: ResourceError, when the system refuses an address to listen on or a file.
    """
    from chappe.assembly import run

    try:
        return run(settings)
    except OSError as error:
        raise ResourceError(f"cannot run: {error}; free it, or change listen or data_dir in the settings") from error


def _run_demo() -> int:
    """The gateway without a settings file, beside a simulated operator of its own."""
    from chappe.cli.simulated_operator import LEDGER, free_port, running
    from chappe.runtime.settings import SIMULATOR_PORT, Settings

    settings = Settings.default(simulator_port=free_port(SIMULATOR_PORT))
    _make_folder(settings.gateway.data_path)
    ledger = settings.gateway.data_path / LEDGER
    with running(settings.operators[0], ledger):
        for line in welcome(settings, ledger):
            print_line(line)
        return _run(settings)


def _make_folder(folder: Path) -> None:
    """The folder, made when missing.  Raises: SettingsError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"data_dir {folder}: {error.strerror}; start in a folder that may be written") from error


def welcome(settings: Settings, ledger: Path) -> Iterator[str]:
    """What a newcomer needs: who may come in, one line that sends a message, and where to see it arrive."""
    operator, client = settings.operators[0], settings.clients[0]
    assert client.smpp is not None
    assert client.http is not None
    url = f"http://{settings.listen.http}/v1/messages"
    yield f"SMPP on {settings.listen.smpp}, HTTP on {settings.listen.http}, metrics on {settings.listen.metrics}"
    yield (
        f"Demo client: system_id {client.smpp.system_id}, password {client.smpp.password}; "
        f"bearer token {client.http.token}"
    )
    yield f"Simulated operator {operator.name!r} on {operator.address}"
    yield "Send a first message:"
    yield (
        f"  curl -sS {url} -H 'Authorization: Bearer {client.http.token}' -H 'Content-Type: application/json' "
        """-d '{"to":"+37120000001","from":"SHOP","text":"Hello"}'"""
    )
    yield "See it arrive at the operator, and its receipt come back:"
    yield f"  tail -f {ledger}"
