"""`chappe sim smsc|http-operator|lookup|client|account`: the spelling of the simulators' options on a command line.

It must never know what a simulator does with them.
"""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated, Final

import typer

from chappe.cli.options import JsonOption, example
from chappe.sim.message_ids import IdStyle
from chappe.sim.options import ClientOptions, MoOptions, SmscOptions

#: What counts where an option is not given.
SMSC: Final = SmscOptions()
CLIENT: Final = ClientOptions()
HTTP_PORT: Final = 8080
#: Where most SMSCs over UCP listen.
UCP_PORT: Final = 5000


class SmscProtocol(Enum):
    """What a simulated SMSC can speak."""

    SMPP = "smpp"
    UCP = "ucp"


class HttpShape(Enum):
    """Whose API a simulated HTTP operator can have."""

    KANNEL = "kannel"
    JASMIN = "jasmin"
    TWILIO = "twilio"
    VONAGE = "vonage"
    INFOBIP = "infobip"


class ClientProtocol(Enum):
    """What a simulated client can speak."""

    SMPP = "smpp"
    UCP = "ucp"
    HTTP = "http"


class BindKind(Enum):
    """How a simulated client binds."""

    TRANSCEIVER = "transceiver"
    TRANSMITTER = "transmitter"
    RECEIVER = "receiver"
    TRANSMITTER_AND_RECEIVER = "transmitter+receiver"


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    sim = typer.Typer(
        name="sim",
        help="Simulated peers, and the account of what they saw.",
        epilog=example("chappe sim smsc --help"),
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    sim.command(epilog=example("chappe sim smsc --listen 127.0.0.1:2776 --receipt-delay-ms 50 --ledger smsc.csv"))(smsc)
    sim.command(
        "http-operator",
        epilog=example(
            "chappe sim http-operator --shape twilio --listen 127.0.0.1:2777 --username AC1 --password secret "
            "--mo 10 --mo-url http://127.0.0.1:8090/twilio/inbound --secret hook"
        ),
    )(http_operator)
    sim.command(
        epilog=example(
            "chappe sim client --system-id demo --password demo --count 1000 --ledger client.csv",
            "chappe sim client --protocol http --address 127.0.0.1:8080 --token demo-token --count 1000",
        )
    )(client)
    sim.command(epilog=example("chappe sim lookup --help"))(lookup)
    sim.command(epilog=example("chappe sim account client.csv smsc.csv"))(account)
    app.add_typer(sim)


Script = Annotated[str, typer.Option("--script", metavar="FILE", help="Faults to commit, and when.")]
Ledger = Annotated[str, typer.Option("--ledger", metavar="FILE", help="Write what was sent and taken here, as CSV.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Print no summary at the end.")]


def smsc(
    protocol: Annotated[SmscProtocol, typer.Option(help="What it speaks.")] = SmscProtocol.SMPP,
    listen: Annotated[str, typer.Option(metavar="HOST:PORT", help="Where it listens.")] = "127.0.0.1:2776",
    system_id: Annotated[str, typer.Option(help="Who may bind; empty lets anyone.")] = SMSC.system_id,
    password: Annotated[str, typer.Option(help="The password of who may bind.")] = SMSC.password,
    rate: Annotated[
        float, typer.Option(min=0, help="Submits per second, throttled above; 0 is unlimited.")
    ] = SMSC.rate,
    resp_delay_ms: Annotated[float, typer.Option(min=0, help="Pause before each response.")] = 0.0,
    receipt_delay_ms: Annotated[float, typer.Option(min=0, help="Pause before each receipt.")] = 0.0,
    ids: Annotated[IdStyle, typer.Option(help="smpp: how it makes message ids.")] = SMSC.ids,
    time_zone: Annotated[
        str, typer.Option(metavar="ZONE", help="The time in which it dates receipts: Europe/Riga.")
    ] = SMSC.time_zone,
    mo: Annotated[int, typer.Option("--mo", min=0, help="How many MO messages it sends.")] = SMSC.mo.count,
    mo_rate: Annotated[float, typer.Option(min=0, help="MO per second; 0 is as fast as it goes.")] = SMSC.mo.rate,
    mo_wait_binds: Annotated[int, typer.Option(min=1, help="Begin with this many links.")] = SMSC.mo.wait_binds,
    mo_source: Annotated[str, typer.Option(help="Handset of the first MO; others count up.")] = SMSC.mo.source,
    mo_destination: Annotated[str, typer.Option(help="Number that the MO go to.")] = SMSC.mo.destination,
    mo_text: Annotated[str, typer.Option(help="Text of the MO; {n} counts.")] = SMSC.mo.text,
    tls_certificate: Annotated[
        str, typer.Option(metavar="FILE", help="Speak TLS, and show this certificate (PEM).")
    ] = "",
    tls_key: Annotated[str, typer.Option(metavar="FILE", help="Its private key.")] = "",
    tls_client_ca: Annotated[
        str, typer.Option(metavar="FILE", help="Let in only who shows a certificate of these authorities.")
    ] = "",
    script: Script = "",
    ledger: Ledger = "",
    quiet: Quiet = False,
) -> None:
    """Play an operator's SMSC until SIGTERM: takes submits, sends receipts and MO, commits the script's faults."""
    from chappe.sim.options import run_smsc

    if bool(tls_certificate) != bool(tls_key):
        raise typer.BadParameter("--tls-certificate and --tls-key belong together")
    _check_zone(time_zone)
    host, port = _split(listen)
    messages = MoOptions(
        count=mo,
        rate=mo_rate,
        wait_binds=mo_wait_binds,
        source=mo_source,
        destination=mo_destination,
        text=mo_text,
    )
    options = SmscOptions(
        protocol=protocol.value,
        host=host,
        port=port,
        system_id=system_id,
        password=password,
        rate=rate,
        resp_delay_s=resp_delay_ms / 1000,
        receipt_delay_s=receipt_delay_ms / 1000,
        ids=ids,
        time_zone=time_zone,
        mo=messages,
        tls_certificate=tls_certificate,
        tls_key=tls_key,
        tls_client_ca=tls_client_ca,
        script_path=script,
        ledger_path=ledger,
        is_quiet=quiet,
    )
    raise typer.Exit(run_smsc(options))


def http_operator(
    shape: Annotated[HttpShape, typer.Option(help="Whose API it has.")] = HttpShape.KANNEL,
    listen: Annotated[str, typer.Option(metavar="HOST:PORT", help="Where it listens.")] = "127.0.0.1:2777",
    username: Annotated[str, typer.Option(help="Who may ask; empty lets anyone.")] = "",
    password: Annotated[str, typer.Option(help="The password, key or token of who may ask.")] = "",
    secret: Annotated[str, typer.Option(help="What its own calls are proved by, where its shape proves them.")] = "",
    caller: Annotated[str, typer.Option(help="infobip: the name beside the secret.")] = "",
    rate: Annotated[float, typer.Option(min=0, help="Messages per second, throttled above; 0 is unlimited.")] = 0.0,
    resp_delay_ms: Annotated[float, typer.Option(min=0, help="Pause before each answer.")] = 0.0,
    receipt_delay_ms: Annotated[float, typer.Option(min=0, help="Pause before each receipt.")] = 0.0,
    ids: Annotated[IdStyle, typer.Option(help="How it makes message ids.")] = SMSC.ids,
    time_zone: Annotated[
        str, typer.Option(metavar="ZONE", help="jasmin: the time in which it dates receipts: Europe/Riga.")
    ] = SMSC.time_zone,
    mo: Annotated[int, typer.Option("--mo", min=0, help="How many MO messages it brings.")] = SMSC.mo.count,
    mo_url: Annotated[str, typer.Option(metavar="URL", help="Where it brings them.")] = "",
    mo_rate: Annotated[float, typer.Option(min=0, help="MO per second; 0 is as fast as it goes.")] = SMSC.mo.rate,
    mo_source: Annotated[str, typer.Option(help="Handset of the first MO; others count up.")] = SMSC.mo.source,
    mo_destination: Annotated[str, typer.Option(help="Number that the MO go to.")] = SMSC.mo.destination,
    mo_text: Annotated[str, typer.Option(help="Text of the MO; {n} counts.")] = SMSC.mo.text,
    tls_certificate: Annotated[
        str, typer.Option(metavar="FILE", help="Speak TLS, and show this certificate (PEM).")
    ] = "",
    tls_key: Annotated[str, typer.Option(metavar="FILE", help="Its private key.")] = "",
    script: Script = "",
    ledger: Ledger = "",
    quiet: Quiet = False,
) -> None:
    """Play an operator with an HTTP API until SIGTERM: takes messages, calls back with receipts and MO."""
    from chappe.sim.options import run_smsc

    if mo and not mo_url:
        raise typer.BadParameter("--mo needs --mo-url: where they are brought")
    _check_zone(time_zone)
    host, port = _split(listen)
    messages = MoOptions(count=mo, rate=mo_rate, source=mo_source, destination=mo_destination, text=mo_text)
    options = SmscOptions(
        protocol="http",
        shape=shape.value,
        mo_url=mo_url,
        callback_secret=secret,
        callback_name=caller,
        host=host,
        port=port,
        system_id=username,
        password=password,
        rate=rate,
        resp_delay_s=resp_delay_ms / 1000,
        receipt_delay_s=receipt_delay_ms / 1000,
        ids=ids,
        time_zone=time_zone,
        mo=messages,
        tls_certificate=tls_certificate,
        tls_key=tls_key,
        script_path=script,
        ledger_path=ledger,
        is_quiet=quiet,
    )
    raise typer.Exit(run_smsc(options))


def client(
    protocol: Annotated[ClientProtocol, typer.Option(help="What it speaks.")] = ClientProtocol.SMPP,
    address: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="Where the gateway listens; by protocol otherwise.")
    ] = None,
    system_id: Annotated[str, typer.Option(help="smpp, ucp: who it is.")] = CLIENT.system_id,
    password: Annotated[str, typer.Option(help="smpp, ucp: its password.")] = CLIENT.password,
    bind: Annotated[BindKind, typer.Option(help="smpp: how it binds.")] = BindKind.TRANSCEIVER,
    binds: Annotated[int, typer.Option(min=1, help="smpp, ucp: how many connections.")] = CLIENT.binds,
    window: Annotated[int, typer.Option(min=1, help="smpp, ucp: PDUs in flight per connection.")] = CLIENT.window_pdus,
    token: Annotated[str, typer.Option(help="http: its bearer token.")] = "demo-token",
    batch: Annotated[int, typer.Option(min=1, max=10_000, help="http: messages in one POST.")] = CLIENT.http_batch,
    keys: Annotated[bool, typer.Option("--keys", help="http: each POST bears an Idempotency-Key.")] = CLIENT.http_keys,
    callbacks: Annotated[
        str, typer.Option(metavar="HOST:PORT", help="http: where it takes callbacks; empty: nowhere.")
    ] = "",
    show: Annotated[bool, typer.Option("--show", help="http: print what callbacks say, a line for each.")] = False,
    reply: Annotated[str, typer.Option(help="http: the text with which it answers MO.")] = CLIENT.callback_reply,
    count: Annotated[int, typer.Option(min=0, help="How many messages it sends.")] = CLIENT.count,
    rate: Annotated[float, typer.Option(min=0, help="Messages per second; 0 is as fast as it goes.")] = CLIENT.rate,
    source: Annotated[str, typer.Option(help="Who the messages come from.")] = CLIENT.source,
    destination: Annotated[str, typer.Option(help="The first handset; others count up.")] = CLIENT.destination,
    destinations: Annotated[int, typer.Option(min=1, help="How many handsets.")] = CLIENT.destinations,
    scattered: Annotated[bool, typer.Option("--scattered", help="Take the handsets in random order.")] = False,
    text: Annotated[str, typer.Option(help="Text of the messages; {n} counts.")] = CLIENT.text,
    registered_delivery: Annotated[
        int, typer.Option(min=0, max=255, help="smpp, ucp: which receipts it asks for.")
    ] = CLIENT.registered_delivery,
    expect_mo: Annotated[int, typer.Option(min=0, help="How many MO to wait for.")] = CLIENT.expect_mo,
    linger_s: Annotated[float, typer.Option(min=0, help="Wait this long for what is missing.")] = CLIENT.linger_s,
    resend: Annotated[bool, typer.Option(help="Send again what had no answer when its link ended.")] = True,
    script: Script = "",
    ledger: Ledger = "",
    quiet: Quiet = False,
) -> None:
    """Play a client: send messages, take receipts and MO; exit code 0 when nothing that was asked for is missing."""
    from chappe.sim.options import run_client

    usual_port = {ClientProtocol.HTTP: HTTP_PORT, ClientProtocol.UCP: UCP_PORT}.get(protocol, CLIENT.port)
    host, port = _split(address or f"{CLIENT.host}:{usual_port}")
    callback_host, callback_port = _split(callbacks) if callbacks else ("", 0)
    options = ClientOptions(
        host=host,
        port=port,
        system_id=system_id,
        password=password,
        bind=bind.value,
        binds=binds,
        window_pdus=window,
        http_token=token,
        http_batch=batch,
        http_keys=keys,
        callback_host=callback_host,
        callback_port=callback_port,
        callback_reply=reply,
        shows_callbacks=show,
        count=count,
        rate=rate,
        source=source,
        destination=destination,
        destinations=destinations,
        is_scattered=scattered,
        text=text,
        registered_delivery=registered_delivery,
        expect_mo=expect_mo,
        linger_s=linger_s,
        may_resend=resend,
        script_path=script,
        ledger_path=ledger,
        is_quiet=quiet,
    )
    raise typer.Exit(run_client(options, protocol.value))


def lookup(
    file: Annotated[
        str, typer.Option("--file", metavar="FILE", help="Lines NUMBER,NETWORK; nobody knows any other number.")
    ],
    listen: Annotated[str, typer.Option(metavar="HOST:PORT", help="Where it listens.")] = "127.0.0.1:8085",
    token: Annotated[str, typer.Option(help="Who asks must bear it; empty lets anyone ask.")] = "",
    delay_ms: Annotated[float, typer.Option(min=0, help="Pause before each answer.")] = 0.0,
    failures: Annotated[int, typer.Option(min=0, help="Answer the first so many requests with 503.")] = 0,
    quiet: Quiet = False,
) -> None:
    """Play a look-up of networks until SIGTERM: GET /NUMBER, or POST {"numbers":[{"number":"…"}]} for several."""
    from chappe.sim.lookup import LookupSimulator, read_table
    from chappe.sim.running import run_until_stopped

    host, port = _split(listen)
    try:
        table = read_table(Path(file))
    except (OSError, ValueError) as error:
        raise typer.BadParameter(f"{file}: {error}", param_hint="--file") from error
    simulator = LookupSimulator(table, host=host, port=port, delay_s=delay_ms / 1000, token=token, failures=failures)
    raise typer.Exit(run_until_stopped(simulator, is_quiet=quiet))


def account(
    ledgers: Annotated[list[Path], typer.Argument(help="Ledgers of clients and SMSCs, in any order.")],
    as_json: JsonOption = False,
) -> None:
    """Compare ledgers: accepted = final + open, lost, doubled; exit code 0 when nothing is lost or doubled."""
    from chappe.sim.options import run_account

    raise typer.Exit(run_account(ledgers, as_json))


def _check_zone(name: str) -> None:
    """Raises: typer.BadParameter."""
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise typer.BadParameter(f"{name!r} is no time zone that this box knows, as in Europe/Riga") from None


def _split(address: str) -> tuple[str, int]:
    """Host and port of an option's HOST:PORT.  Raises: typer.BadParameter."""
    host, colon, port = address.rpartition(":")
    if not (colon and host and port.isdigit() and int(port) <= 65_535):
        raise typer.BadParameter(f"{address!r} is not HOST:PORT, as in 127.0.0.1:2776")
    return host.strip("[]"), int(port)
