"""Tries a profile out: a gateway that has it beside a simulated operator of its kind, case by case.

It must never touch a running gateway, nor a store that is not its own: everything lies in a temporary folder.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import msgspec

from chappe.assembly.gateway import Gateway as Assembly
from chappe.model.errors import SettingsError
from chappe.runtime.profile_files import Profiles
from chappe.runtime.settings import Settings
from chappe.runtime.settings_checks import faults as settings_faults
from chappe.runtime.settings_client_doors import ClientSmpp
from chappe.runtime.settings_clients import Client
from chappe.runtime.settings_gateway import Gateway, Listen
from chappe.runtime.settings_http_operators import OperatorHttp
from chappe.runtime.settings_operators import Operator, Protocol
from chappe.runtime.settings_profiles import IdBase, Profile
from chappe.runtime.settings_routing import Direction, Route
from chappe.sim.client import ClientSimulator
from chappe.sim.message_ids import IdStyle
from chappe.sim.options import ClientOptions, MoOptions, SmscOptions
from chappe.sim.script import Faults
from chappe.sim.smsc import SmscSimulator
from chappe.wire.webapi.proofs import TOKEN, Proof

#: How long each step of a case may take.
PATIENCE_S: Final = 15.0
_NAME: Final = "checked"
_SECRET: Final = "hook"
_MESSAGES: Final = 20
_SHAPES: Final = ("kannel", "jasmin", "twilio", "vonage", "infobip")
#: More than one radio message, and still one submit_sm.
_LONG: Final = "{n} is a letter that no single message can hold, whatever its alphabet. " * 3


class Outcome(msgspec.Struct, frozen=True):
    """What one case showed."""

    case: str
    is_good: bool
    detail: str = ""


class Trial(msgspec.Struct, frozen=True):
    """One case: the faults of the operator, what is sent, and whether all of it has to come home."""

    case: str
    script: str = ""
    text: str = "Your code is {n}"
    mo: int = 0
    may_be_held: bool = False


TRIALS: Final = (
    Trial("messages go out, receipts and messages from handsets come home", mo=5),
    Trial("long texts arrive whole", text=_LONG),
    Trial("a slower pace is waited for", '[[faults]]\nfault = "throttle"\nat_count = [2, 3, 5]\n'),
    Trial("a full queue is waited for", '[[faults]]\nfault = "queue_full"\nat_count = [2, 5]\n'),
    Trial("receipts may overtake answers", '[[faults]]\nfault = "early_receipt"\nevery_count = 3\ndelay_s = 0.05\n'),
    Trial("receipts may come twice", '[[faults]]\nfault = "double_receipt"\nevery_count = 3\n'),
    Trial("failures come home", '[[faults]]\nfault = "undelivered"\nevery_count = 4\n'),
    Trial("a link that dies loses nothing", '[[faults]]\nfault = "cut"\nat_count = 7\n', may_be_held=True),
    Trial(
        "an answer that never comes loses nothing",
        '[[faults]]\nfault = "drop_response"\nat_count = 9\n',
        may_be_held=True,
    ),
)


def shape_of(shelves: Profiles, name: str) -> str:
    """Whose API a profile describes, by what it stands on; empty when no simulator has it."""
    for layer in shelves.layers(name):
        known = layer.where.removesuffix(" (shipped)")
        if known in _SHAPES:
            return known
    return name if name in _SHAPES else ""


async def check(profile: Profile, shape: str = "", trials: tuple[Trial, ...] = TRIALS) -> list[Outcome]:
    """Try every case.  Raises: SettingsError, when the profile cannot be used at all."""
    protocol = profile.protocol or (Protocol.HTTP if profile.http is not None else Protocol.SMPP)
    if protocol is Protocol.HTTP and not shape:
        raise SettingsError(f"no simulator has this API; expected a base or --shape of: {', '.join(_SHAPES)}")
    outcomes: list[Outcome] = []
    for trial in trials:
        with TemporaryDirectory(prefix="chappe-check-") as folder:
            try:
                async with asyncio.timeout(4 * PATIENCE_S):
                    outcomes.append(await _try(trial, profile, protocol, shape, Path(folder)))
            except TimeoutError:
                outcomes.append(Outcome(trial.case, False, f"it came to no end within {4 * PATIENCE_S:g} s"))
    return outcomes


async def _try(trial: Trial, profile: Profile, protocol: Protocol, shape: str, folder: Path) -> Outcome:
    calls = _free_port()
    faults = Faults.parse(trial.script + _rules_of(profile), trial.case)
    async with SmscSimulator(_operator_options(trial, profile, protocol, shape, calls), faults) as operator:
        settings = _settings(folder, _operator(protocol, operator.port, calls), profile)
        async with _running(settings) as gateway:
            options = ClientOptions(
                port=gateway.smpp_port, system_id=_NAME, password="secret", count=_MESSAGES, text=trial.text,
                expect_mo=trial.mo, linger_s=PATIENCE_S,
            )  # fmt: skip
            async with ClientSimulator(options) as client:
                await client.until_bound()
                client.outgoing.may_make = True
                return await _judge(trial, gateway, operator, client)


async def _judge(trial: Trial, gateway: Assembly, operator: SmscSimulator, client: ClientSimulator) -> Outcome:
    """Everything has come home, or is held where the profile says so."""

    def is_home() -> bool:
        held = gateway.store.held_messages if trial.may_be_held else 0
        told = client.counts()
        return told["accepted"] == _MESSAGES and told["receipts"] + held == _MESSAGES and told["mo"] == trial.mo

    running = asyncio.create_task(client.run())
    try:
        await _until(is_home)
    except TimeoutError:
        told = client.counts()
        parked = gateway.store.parked_reports
        return Outcome(
            trial.case,
            False,
            f"of {_MESSAGES} messages {told['accepted']} were accepted and {told['receipts']} receipts came home, "
            f"of {trial.mo} MO {told['mo']}; {parked} receipts match nothing; {gateway.store.held_messages} are held",
        )
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    held = gateway.store.held_messages
    return Outcome(trial.case, True, f"{held} held, as the profile says" if held else "")


async def _until(condition: Callable[[], bool]) -> None:
    """Raises: TimeoutError."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0.02)


@asynccontextmanager
async def _running(settings: Settings) -> AsyncIterator[Assembly]:
    gateway, stopping = Assembly(settings), asyncio.Event()
    await gateway.start()
    work = asyncio.create_task(gateway.run(stopping), name="checked gateway")
    try:
        yield gateway
    finally:
        stopping.set()
        await work


def _settings(folder: Path, operator: Operator, profile: Profile) -> Settings:
    """Raises: SettingsError."""
    settings = Settings(
        gateway=Gateway(data_dir=str(folder), drain_s=0.5),
        listen=Listen(smpp="127.0.0.1:0", http="127.0.0.1:0", metrics="127.0.0.1:0"),
        operators=(operator,),
        clients=(Client(name=_NAME, smpp=ClientSmpp(system_id=_NAME, password="secret", allowed=("127.0.0.0/8",))),),
        routes=(
            Route(direction=Direction.MT, operators=(_NAME,)),
            Route(direction=Direction.MO, client=_NAME),
        ),
        profiles={"default": Profile(), _NAME: profile},
    )
    for key, fault in settings_faults(settings):
        raise SettingsError(f"{key.removeprefix(f'profiles.{_NAME}.')}: {fault}")
    return settings


def _operator(protocol: Protocol, port: int, calls: int) -> Operator:
    terms: dict[str, Any] = {
        "name": _NAME,
        "protocol": protocol,
        "profile": _NAME,
        "binds": 1,
        "window": 50,
        "response_s": 1.0,
        "reconnect_min_s": 0.05,
        "reconnect_max_s": 0.2,
        "retry_s": (0.1, 0.3),
    }
    if protocol is Protocol.HTTP:
        http = OperatorHttp(
            url=f"http://127.0.0.1:{port}",
            username=_NAME,
            password="secret",
            listen=f"127.0.0.1:{calls}",
            secret=_SECRET,
            caller=_NAME,
        )
        return Operator(**terms, http=http)
    return Operator(**terms, address=f"127.0.0.1:{port}", system_id=_NAME, password="secret")


def _operator_options(trial: Trial, profile: Profile, protocol: Protocol, shape: str, calls: int) -> SmscOptions:
    """An operator as the profile expects it."""
    http = profile.http
    token = f"?{TOKEN}={_SECRET}" if http is not None and http.callers.proof is Proof.TOKEN else ""
    inbound = http.inbound.path if http is not None and http.inbound is not None else ""
    return SmscOptions(
        protocol=protocol.value,
        shape=shape or "kannel",
        system_id=_NAME,
        password="secret",
        mo_url=f"http://127.0.0.1:{calls}{inbound}{token}",
        callback_secret=_SECRET,
        callback_name=_NAME,
        ids=IdStyle.HEX if profile.id_base is IdBase.HEX_TO_DECIMAL else IdStyle.COUNTING,
        retry_s=0.1,
        mo=MoOptions(count=trial.mo),
    )


def _rules_of(profile: Profile) -> str:
    """What the operator does to ids all the time, if the profile says so."""
    bases = {IdBase.HEX_TO_DECIMAL: "decimal", IdBase.DECIMAL_TO_HEX: "hex", IdBase.EITHER: "hex"}
    base = bases.get(profile.id_base) or ("padded" if profile.id_ignores_zeros else "")
    return f'[[faults]]\nfault = "receipt_id_base"\nbase = "{base}"\n' if base else ""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
