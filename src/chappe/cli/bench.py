"""`chappe bench`: a gateway of its own between a simulated client and a simulated SMSC, and what it did per second.

It must never measure a gateway that somebody uses: it starts one on free ports, with a store in an empty folder.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Final

import typer

from chappe.cli.options import JsonOption, example
from chappe.cli.sim import ClientProtocol
from chappe.sim.message_ids import IdStyle
from chappe.sim.options import ClientOptions, LoadOptions, MoOptions, SmscOptions

if TYPE_CHECKING:
    from chappe.runtime.settings import Settings

#: Links of the measured gateway to its operator, and PDUs in flight on each.
OPERATOR_BINDS: Final = 2
OPERATOR_WINDOW: Final = 1_000
#: The same over UCP, whose window is 100 at most.
UCP_BINDS: Final = 1
UCP_WINDOW: Final = 100

#: How long the gateway may take to stop before it is killed.
STOP_S: Final = 30.0


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command(
        epilog=example("chappe bench --lives 100000", "chappe bench --lives 20000 --rate 2000 --random-ids --scattered")
    )(bench)


def bench(
    lives: Annotated[int, typer.Option(min=0, help="How many messages are sent, receipts included.")] = 100_000,
    protocol: Annotated[
        ClientProtocol, typer.Option(help="What the client speaks; with ucp the operator does, too.")
    ] = ClientProtocol.SMPP,
    rate: Annotated[float, typer.Option(min=0, help="Messages per second; 0 is as fast as it goes.")] = 0.0,
    binds: Annotated[int, typer.Option(min=1, help="smpp, ucp: connections of the client.")] = 4,
    window: Annotated[int, typer.Option(min=1, help="smpp, ucp: PDUs in flight per connection.")] = 500,
    batch: Annotated[int, typer.Option(min=1, max=10_000, help="http: messages in one POST.")] = 1,
    random_ids: Annotated[bool, typer.Option("--random-ids", help="The SMSC's ids are scattered.")] = False,
    scattered: Annotated[bool, typer.Option("--scattered", help="Handsets come in random order.")] = False,
    resp_delay_ms: Annotated[float, typer.Option(min=0, help="Pause before each response of the SMSC.")] = 0.0,
    receipt_delay_ms: Annotated[float, typer.Option(min=0, help="Pause before each receipt of the SMSC.")] = 0.0,
    mo: Annotated[int, typer.Option("--mo", min=0, help="How many MO the SMSC sends.")] = 0,
    folder: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="An empty folder for store and ledgers; a temporary one otherwise."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Measure the whole way on this machine: lives per second, latencies, CPU, memory, lost and doubled.

    Exit code 0 when nothing was lost or doubled.
    """
    from chappe.sim.options import run_bench

    is_ucp = protocol is ClientProtocol.UCP

    with _folder(folder) as place, running(place, is_ucp=is_ucp) as (settings, pid):
        _, smsc_port = _at(settings.operators[0].address)
        listens = settings.listen.addresses[protocol.value]
        options = LoadOptions(
            smsc=SmscOptions(
                protocol="ucp" if is_ucp else "smpp",
                port=smsc_port,
                ids=IdStyle.RANDOM if random_ids else IdStyle.COUNTING,
                resp_delay_s=resp_delay_ms / 1000,
                receipt_delay_s=receipt_delay_ms / 1000,
                mo=MoOptions(count=mo),
            ),
            client=ClientOptions(
                port=_at(listens)[1],
                count=lives,
                rate=rate,
                binds=binds,
                window_pdus=window,
                http_batch=batch,
                http_token="demo-token",
                is_scattered=scattered,
                expect_mo=mo,
            ),
            protocol=protocol.value,
            operator_binds=UCP_BINDS if is_ucp else OPERATOR_BINDS,
            pids=(pid,),
            folder=str(place),
        )
        status = run_bench(options, as_json)
    raise typer.Exit(status)


@contextlib.contextmanager
def running(folder: Path, *, is_ucp: bool = False) -> Iterator[tuple[Settings, int]]:
    """A gateway in a process of its own until the block ends: its settings and its process id."""
    settings = settings_for(folder, is_ucp=is_ucp)
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(settings,), name="chappe bench")
    process.start()
    try:
        yield settings, process.pid or 0
    finally:
        process.terminate()
        process.join(STOP_S)
        if process.is_alive():
            process.kill()


def settings_for(folder: Path, *, is_ucp: bool = False) -> Settings:
    """What the measured gateway runs: the demo's settings with free ports and room on every link.

    `is_ucp`: it speaks UCP on both sides, with one link to its operator.
    """
    import msgspec

    from chappe.cli.simulated_operator import free_port
    from chappe.runtime.settings import Settings
    from chappe.runtime.settings_client_doors import ClientUcp
    from chappe.runtime.settings_gateway import Listen
    from chappe.runtime.settings_operators import Protocol

    replace = msgspec.structs.replace
    demo = Settings.default(folder / "data", simulator_port=free_port(0))
    operator = replace(demo.operators[0], binds=OPERATOR_BINDS, window=OPERATOR_WINDOW)
    smpp, http, metrics = (f"127.0.0.1:{free_port(0)}" for _ in range(3))
    listen = Listen(smpp=smpp, http=http, metrics=metrics, frontend="off")
    if not is_ucp:
        return replace(demo, operators=(operator,), listen=listen)
    operator = replace(operator, protocol=Protocol.UCP, binds=UCP_BINDS, window=UCP_WINDOW)
    client = replace(demo.clients[0], smpp=None, ucp=ClientUcp(system_id="demo", password="demo"))
    listen = replace(listen, ucp=f"127.0.0.1:{free_port(0)}")
    return replace(demo, operators=(operator,), clients=(client,), listen=listen)


def _serve(settings: Settings) -> None:
    """What the child process does.  Ctrl-C is for the command, which then stops its gateway."""
    from chappe.serving import run

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise SystemExit(run(settings))


@contextlib.contextmanager
def _folder(wanted: Path | None) -> Iterator[Path]:
    if wanted is None:
        with TemporaryDirectory(prefix="chappe-bench-") as made:
            yield Path(made)
        return
    if wanted.exists() and any(wanted.iterdir()):
        raise typer.BadParameter(f"{wanted} is not empty; a measurement begins with an empty store")
    wanted.mkdir(parents=True, exist_ok=True)
    yield wanted


def _at(address: str) -> tuple[str, int]:
    from chappe.runtime.settings_gateway import host_and_port

    return host_and_port(address)
