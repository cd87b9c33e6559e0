"""`chappe up` runs everything this box is told to run; `chappe node` is about one node alone.

It must never know how a node is built or a process kept: `serving` gets the settings and says the exit code.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from chappe.cli.options import ConfigOption, JsonOption, example
from chappe.cli.show import print_json, print_line
from chappe.model.errors import ResourceError, SettingsError

if TYPE_CHECKING:
    from chappe.box.plan import Process
    from chappe.runtime.settings import Settings


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command(epilog=example("chappe up --config chappe.toml"))(up)
    app.command(epilog=example("chappe node operator three --config chappe.toml"))(node)
    app.command(
        epilog=example(
            "chappe drain operator:three",
            "chappe drain operator:three --resume",
            "chappe drain client-smpp --box riga2",
        )
    )(drain)


def up(
    config: ConfigOption = None,
    take: Annotated[
        str,
        typer.Option(
            "--take",
            metavar="file|stored",
            help="What counts when the settings file and the stored configuration were both changed.",
        ),
    ] = "",
) -> None:
    """Run everything that the settings give to this box, until SIGTERM.

    Without a file: all nodes with a SQLite store in ./data, a simulated operator, and a demo client whose credentials
    are printed. With a PostgreSQL store each node is a process, which is started again when it ends.
    SIGTERM drains and leaves with 0; a second one stops at once.

    The settings file seeds the configuration, whose versions are in the store. A file that was changed since makes a
    new version; if the configuration was changed by other ways too, nothing starts until `--take` says what counts.
    """
    from chappe.runtime.settings import load

    if take not in ("", "file", "stored"):
        raise typer.BadParameter(f"--take {take}: expected file or stored")
    if config is None:
        raise typer.Exit(_run_demo(take))
    settings = load(config)

    def opened(said: str) -> None:
        for line in (*([said] if said else []), _running(settings, config)):
            print_line(line)

    raise typer.Exit(_run(settings, config, opened, take))


def node(
    kind: Annotated[str, typer.Argument(help="The kind of node, as in `nodes` of the settings.")],
    name: Annotated[
        str | None, typer.Argument(help="Whose node, where a kind has several: an operator's name.")
    ] = None,
    number: Annotated[int, typer.Option("--number", min=1, help="Which of several processes of this node.")] = 1,
    metrics: Annotated[
        str | None,
        typer.Option("--metrics", metavar="HOST:PORT", help="Where to serve metrics, if not on listen.metrics."),
    ] = None,
    beside: Annotated[bool, typer.Option("--beside", hidden=True)] = False,
    config: ConfigOption = None,
) -> None:
    """Run one node as a process of its own; that needs a store which several processes share.

    The web pages (`frontend`) are a process of their own beside any gateway: `chappe up` starts them, and so does this.
    """
    from chappe.runtime.settings import load
    from chappe.runtime.settings_gateway import FRONTEND

    settings = load(config)
    if kind == FRONTEND and name is None:
        raise typer.Exit(_run_pages(settings, config, ends_with_parent=beside))
    process = _process(settings, kind if name is None else f"{kind}:{name}", number)
    from chappe.serving import run_node

    raise typer.Exit(_told(lambda: run_node(settings, process, metrics or settings.listen.metrics)))


def _run_pages(settings: Settings, config: Path | None, *, ends_with_parent: bool) -> int:
    """Serve the web pages.  Raises: SettingsError where the settings say that there are none."""
    from chappe.pages import run_pages

    if settings.listen.frontend == "off":
        raise SettingsError('listen.frontend is "off": give it an address to have web pages')
    _make_folder(settings.gateway.data_path)
    return run_pages(settings, config, ends_with_parent=ends_with_parent)


def _process(settings: Settings, wanted: str, number: int) -> Process:
    """The process that plays a node of these settings.  Raises: SettingsError."""
    import os

    from chappe.box.parent import VARIABLE
    from chappe.box.plan import Process, processes_of
    from chappe.runtime.settings_table import nearest

    store = settings.gateway.store
    if settings.gateway.is_one_process:
        raise SettingsError(
            f"node {wanted}: a node as a process of its own needs a postgresql store, and the store here is {store}; "
            f'put nodes = ["{wanted}"] under [gateway] and start this box with: chappe up --config FILE'
        )
    known = [
        each.node
        for each in processes_of(
            ("all",), [each.name for each in settings.operators], has_ucp=settings.listen.ucp is not None
        )
    ]
    is_of_box = VARIABLE in os.environ and wanted.startswith("operator:")
    if wanted not in known and not is_of_box:
        raise SettingsError(f"node {wanted}: there is none{nearest(wanted, known)} (known: {', '.join(known)})")
    return Process(wanted, number)


def drain(
    node: Annotated[
        str, typer.Argument(help="The node as `chappe status` names it: `operator:three`, `client-smpp#2`.")
    ],
    resume: Annotated[bool, typer.Option("--resume", help="Start it again instead.")] = False,
    box: Annotated[
        str, typer.Option("--box", metavar="NAME", help="The box that has it, where several share a store.")
    ] = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Have a node of this box, or of another one, take no more work, wait up to `drain_s`, unbind and leave.

    What was still unanswered is printed as a number: those messages are sent again, and may double.
    """
    unanswered = _drain_at(box, node, config, resumes=resume) if box else _drain_here(node, config, resumes=resume)
    if as_json:
        print_json({"node": node, "state": "resumed" if resume else "drained", "unanswered": unanswered})
    else:
        print_line(f"{node} {'starts' if resume else f'drained, {unanswered} unanswered'}")


def _drain_here(node: str, config: Path | None, *, resumes: bool) -> int:
    """At the box that works on our folder, also while its store is away.  Raises: ResourceError."""
    import asyncio

    from chappe.box.desk import Wish, wish_at
    from chappe.runtime.settings import load

    granted = asyncio.run(wish_at(load(config).gateway.data_path, Wish(node, is_drain=not resumes)))
    if granted.fault:
        raise ResourceError(granted.fault)
    return granted.unanswered


def _drain_at(box: str, node: str, config: Path | None, *, resumes: bool) -> int:
    """At any box, by an instruction.  Raises: ResourceError."""
    from chappe.cli.asking import carry_out
    from chappe.instructions.kinds import DrainNode

    _, outcome = carry_out(DrainNode(node, resumes=resumes, box=box), config)
    return outcome.count


def _run(
    settings: Settings,
    config: Path | None = None,
    opened: Callable[[str], None] = lambda said: None,
    take: str = "",
) -> int:
    """Hand over to whoever knows engines, nodes and processes."""
    from chappe.configuration.seeding import Take
    from chappe.serving import run

    return _told(lambda: run(settings, config, opened, Take(take)))


def _told(run: Callable[[], int]) -> int:
    """Run.  Raises: ResourceError, when the system refuses an address to listen on or a file."""
    try:
        return run()
    except OSError as error:
        raise ResourceError(f"cannot run: {error}; free it, or change listen or data_dir in the settings") from error


def _run_demo(take: str) -> int:
    """The gateway without a settings file, beside a simulated operator of its own."""
    from chappe.cli import simulated_operator, simulated_web_server
    from chappe.runtime.settings import CALLBACK_PORT, SIMULATOR_PORT, Settings

    free_port = simulated_operator.free_port
    settings = Settings.default(simulator_port=free_port(SIMULATOR_PORT), callback_port=free_port(CALLBACK_PORT))
    callback = settings.clients[0].callback
    assert callback is not None
    _make_folder(settings.gateway.data_path)
    ledger = settings.gateway.data_path / simulated_operator.LEDGER
    log = settings.gateway.data_path / simulated_web_server.LOG
    with simulated_operator.running(settings.operators[0], ledger), simulated_web_server.running(callback.url, log):

        def greet(said: str) -> None:
            for line in welcome(settings, ledger, log):
                print_line(line)

        return _run(settings, opened=greet, take=take)


def _make_folder(folder: Path) -> None:
    """The folder, made when missing.  Raises: SettingsError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"data_dir {folder}: {error.strerror}; start in a folder that may be written") from error


def _running(settings: Settings, config: Path) -> str:
    """What an administrator reads once the doors are open, and how to look on."""
    import chappe

    box = settings.gateway.box
    return f"chappe {chappe.__version__} runs box {box}; look at it with: chappe status --watch --config {config}"


def welcome(settings: Settings, ledger: Path, log: Path) -> Iterator[str]:
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
    yield "See it arrive at the operator, and its receipt come back; then see the client called back:"
    yield f"  tail -f {ledger}"
    yield f"  tail -f {log}"
    yield f"Read what else the HTTP door can do: http://{settings.listen.http}/docs"
