"""What simulators can be told, and the entry points of the commands `sim` and `bench`.

It must never know typer, nor how options are spelt on a command line.  The simulators are imported when one runs: who
asks for help only should not wait for them.
"""

import sys
from pathlib import Path

import msgspec

from chappe.sim.message_ids import IdStyle


class MoOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The MO messages that an SMSC sends; `{n}` in the text counts, and ` #tag` is put behind it."""

    count: int = 0
    rate: float = 0.0  # per second, 0 = as fast as the windows allow
    wait_binds: int = 1  # begin when this many links may receive
    source: str = "37120000000"  # of the first; the others count up from it
    destination: str = "12345"
    text: str = "VOTE {n}"
    tag_prefix: str = "mo"
    identity_tag: int = 0  # a TLV that bears the operator's own name for the message; 0 = none


class SmscOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How a simulated SMSC behaves.  Durations in seconds, rates per second."""

    protocol: str = "smpp"  # smpp | ucp | http
    shape: str = "kannel"  # http: whose API it has
    mo_url: str = ""  # http: where it brings MO; those that come without are kept
    callback_secret: str = ""  # http: what its calls are proved by
    callback_name: str = ""
    host: str = "127.0.0.1"
    port: int = 0  # 0 = any free one
    system_id: str = ""  # empty = anyone may bind
    password: str = ""
    rate: float = 0.0  # submits above it are refused with ESME_RTHROTTLED; 0 = unlimited
    resp_delay_s: float = 0.0
    receipt_delay_s: float = 0.0
    receipt_tlvs: bool = True
    receipt_window_pdus: int = 100  # deliver_sm, or operations 52 and 53, in flight per link
    retry_s: float = 1.0  # until a refused receipt or MO is sent again
    response_s: float = 30.0  # until an unanswered one is
    ids: IdStyle = IdStyle.COUNTING
    time_zone: str = "UTC"  # in which it dates receipts, and names messages over UCP
    enquire_link_s: float = 30.0
    mo: MoOptions = MoOptions()
    tls_certificate: str = ""  # PEM files: its certificate and key, and who vouches for those that connect
    tls_key: str = ""
    tls_client_ca: str = ""
    script_path: str = ""
    ledger_path: str = ""
    remembers: bool = True  # keep everything in memory, for a test to look at; the commands do not
    is_quiet: bool = False


class ClientOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How a simulated client behaves.  Durations in seconds, rates per second."""

    protocol: str = "smpp"  # smpp | ucp; what speaks HTTP is another simulator
    host: str = "127.0.0.1"
    port: int = 2775
    system_id: str = "demo"
    password: str = "demo"
    bind: str = "transceiver"  # transceiver | transmitter | receiver | transmitter+receiver
    binds: int = 1  # connections; with transmitter+receiver this many of each
    window_pdus: int = 100  # submit_sm in flight per connection
    count: int = 0
    rate: float = 0.0  # 0 = as fast as the windows allow
    source: str = "SHOP"
    destination: str = "37120000000"  # of the first; the others count up from it
    destinations: int = 1_000_000  # how many different handsets
    is_scattered: bool = False  # handsets in random order
    text: str = "Your code is {n}"  # behind the tag
    data_coding: int = 0
    registered_delivery: int = 1
    tag_prefix: str = ""  # empty = a random one, so that runs do not collide
    retry_s: float = 0.1  # until a throttled message is sent again
    reconnect_s: float = 0.2
    response_s: float = 30.0
    enquire_link_s: float = 30.0
    may_resend: bool = True  # what had no answer when its link ended is sent again
    expect_mo: int = 0
    linger_s: float = 20.0  # how long to wait for missing receipts and MO after the last arrived
    http_token: str = ""  # of protocol http
    http_batch: int = 1  # messages in each POST
    http_keys: bool = False  # each POST bears an Idempotency-Key, the same when it is sent again
    callback_host: str = ""  # where it is called back; empty = nowhere
    callback_port: int = 0
    callback_reply: str = ""  # what it answers to MO
    shows_callbacks: bool = False  # print what they say
    script_path: str = ""
    ledger_path: str = ""
    remembers: bool = True
    is_quiet: bool = False


class LoadOptions(msgspec.Struct, frozen=True, kw_only=True):
    """A measurement: the gateway listens where `client` connects to, and binds to where `smsc` listens."""

    smsc: SmscOptions
    client: ClientOptions
    protocol: str = "smpp"  # of the client: smpp | ucp | http
    operator_binds: int = 1  # wait for so many links of the gateway before the first message
    pids: tuple[int, ...] = ()  # the gateway's processes, for CPU and memory
    folder: str = ""  # keep the ledgers here; empty = a temporary folder


def run_smsc(options: SmscOptions) -> int:
    """Run an SMSC until SIGTERM or SIGINT; prints a summary as JSON on stdout.  The exit status."""
    from chappe.sim.running import run_until_stopped
    from chappe.sim.smsc import SmscSimulator

    return run_until_stopped(
        SmscSimulator(msgspec.structs.replace(options, remembers=False)), is_quiet=options.is_quiet
    )


def run_client(options: ClientOptions, protocol: str = "smpp") -> int:
    """Run a client over `smpp`, `ucp` or `http` until all is sent and all receipts are there; prints a summary as JSON.

    The exit status is 0 when every message was accepted and every receipt that was asked for came.
    """
    from chappe.sim.client import ClientSimulator
    from chappe.sim.http_client import HttpClientSimulator
    from chappe.sim.running import run_to_the_end

    options = msgspec.structs.replace(options, remembers=False, protocol=protocol)
    simulator = HttpClientSimulator(options) if protocol == "http" else ClientSimulator(options)
    return run_to_the_end(simulator, is_quiet=options.is_quiet)


def run_account(paths: list[Path], as_json: bool = False) -> int:
    """Compare ledgers and print the account; the exit status is 0 when it is clean, else 1.

    Raises:
        SettingsError: a ledger cannot be read.
    """
    from chappe.sim.account import account
    from chappe.sim.ledger import read

    result = account(read(path) for path in paths)
    sys.stdout.write((result.as_json() if as_json else result.as_text()) + "\n")
    return 0 if result.is_clean else 1


def run_bench(options: LoadOptions, as_json: bool = False) -> int:
    """Measure a gateway and print the result; the exit status is 0 when the account is clean, else 1.

    Raises:
        ResourceError: the gateway did not bind, or a simulator ended too early.
    """
    from chappe.sim.load import run_load

    result = run_load(options)
    sys.stdout.write((result.as_json() if as_json else result.as_text()) + "\n")
    return 0 if result.account.is_clean else 1
