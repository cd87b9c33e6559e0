"""A campaign: traffic in all directions through a gateway that dies again and again, then peace, then the reckoning.

It must never judge: what was lost or doubled is said by `crash_verdict`.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from crash_gateway import TOKEN, Death
from crash_nodes import NODES, gateway_of
from crash_verdict import Verdict, verdict_of

from chappe.sim.account import IN_FLIGHT_S
from chappe.sim.client import ClientSimulator
from chappe.sim.faults import Action
from chappe.sim.http_client import HttpClientSimulator
from chappe.sim.options import ClientOptions, MoOptions, SmscOptions
from chappe.sim.script import Faults
from chappe.sim.smsc import SmscSimulator
from ports import free_ports

#: More than any campaign sends; it ends when it is told to.
ENDLESS: Final = 1_000_000_000
#: Nothing moved for so long: all that will arrive has arrived.
QUIET_S: Final = 0.7
#: Two parts in the GSM alphabet.
LONG_TEXT: Final = (
    "is the first word of a letter to our dear customers, number {n}: " + "thank you for reading us. " * 6
)
#: The TLV in which an operator names its MO: one of those that vendors may define.  SMPP 3.4 §5.3.2.
MO_IDENTITY: Final = 0x1401
#: Between two bursts of MO, and how much may wait at the SMSC before another.
BURST_S: Final = 0.02
OUTBOX_FULL: Final = 20_000
#: As much as the simulators can send and the gateway takes.
FULL_LOAD: Final = 0.0
#: A transaction may take so long where many processes and their database share a busy machine.
COMMIT_S: Final = 3.0
#: How long the last messages may take to come home.
SETTLE_S: Final = 150.0


@dataclass(frozen=True, slots=True)
class Traffic:
    """What flows while the gateway dies; rates per second, 0 is as fast as it goes."""

    mt_rate: float = 1_500.0
    mo_rate: float = 300.0
    #: Messages of two parts each, posted five at once.
    http_rate: float = 100.0
    #: Posts bear keys, so that what is sent again is one message.
    http_keys: bool = False
    client_binds: int = 2
    client_window_pdus: int = 50
    resp_delay_s: float = 0.0
    receipt_delay_s: float = 0.0
    unknown_outcome: str = "resend"
    #: The operator gives each MO a name of its own: over several nodes of it nothing else proves a repeat.
    names_mo: bool = False
    #: What the operator speaks.
    protocol: str = "smpp"
    #: What the client speaks.
    door: str = "smpp"
    #: Over HTTP, whose API it has, and where it brings MO.
    shape: str = ""
    inbound: str = ""


class Campaign:
    """Simulators around one gateway; `die` as often as wanted, then `settle`."""

    def __init__(
        self,
        folder: Path,
        traffic: Traffic | None = None,
        client_faults: Faults | None = None,
        *,
        dsn: str = "",
        nodes: Sequence[str] = NODES,
    ) -> None:
        """With the `dsn` of an empty database `nodes` are processes; without, all are one process over SQLite."""
        self.folder = folder
        self.dsn = dsn
        self.nodes = nodes
        self.traffic = traffic or Traffic()
        self._client_faults = client_faults
        self.ledgers = [folder / "smsc.csv", folder / "client.csv", folder / "http.csv"]

    async def __aenter__(self) -> Self:
        """Start the operator and the client; the gateway starts with the first death, or with `up`."""
        traffic = self.traffic
        calls = free_ports(1)[0] if traffic.shape else 0
        self.smsc = SmscSimulator(
            SmscOptions(
                protocol=traffic.protocol,
                shape=traffic.shape,
                mo_url=f"http://127.0.0.1:{calls}{traffic.inbound}",
                callback_secret="hook",
                callback_name="operator",
                resp_delay_s=traffic.resp_delay_s,
                receipt_delay_s=traffic.receipt_delay_s,
                retry_s=0.2,
                ledger_path=str(self.ledgers[0]),
                remembers=False,
                mo=MoOptions(identity_tag=MO_IDENTITY if traffic.names_mo else 0),
            )
        )
        await self.smsc.__aenter__()
        self.gateway = gateway_of(
            self.folder,
            self.smsc.port,
            self.dsn,
            nodes=self.nodes,
            unknown_outcome=traffic.unknown_outcome,
            protocol=traffic.protocol,
            door=traffic.door,
            shape=traffic.shape,
            operator_calls_port=calls,
            mo_identity=MO_IDENTITY if traffic.names_mo else 0,
        )
        self.client = ClientSimulator(self._smpp_options(), self._client_faults)
        await self.client.__aenter__()
        self.client.outgoing.may_make = True
        self.http = HttpClientSimulator(self._http_options())
        await self.http.__aenter__()
        self._posting = asyncio.create_task(self.http.run(), name="HTTP client")
        self._bursts = asyncio.create_task(self._send_mo(), name="MO bursts")
        return self

    def _smpp_options(self) -> ClientOptions:
        return ClientOptions(
            protocol=self.traffic.door,
            port=self.gateway.ucp_port if self.traffic.door == "ucp" else self.gateway.smpp_port,
            system_id="acme",
            password="secret",
            binds=self.traffic.client_binds,
            window_pdus=self.traffic.client_window_pdus,
            count=ENDLESS,
            rate=self.traffic.mt_rate,
            tag_prefix="mt",
            reconnect_s=0.05,
            ledger_path=str(self.ledgers[1]),
            remembers=False,
        )

    def _http_options(self) -> ClientOptions:
        return ClientOptions(
            port=self.gateway.http_port,
            http_token=TOKEN,
            http_batch=5,
            http_keys=self.traffic.http_keys,
            window_pdus=4,
            count=ENDLESS if self.traffic.http_rate else 0,
            rate=self.traffic.http_rate,
            source="LETTER",
            destination="37129000000",
            text=LONG_TEXT,
            tag_prefix="web",
            ledger_path=str(self.ledgers[2]),
            remembers=False,
        )

    async def __aexit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave nothing running."""
        self._bursts.cancel()
        self._posting.cancel()
        await self.gateway.clean_up()
        await self.http.__aexit__(None, None, None)
        await self.client.__aexit__(None, None, None)
        await self.smsc.__aexit__(None, None, None)

    async def die(self, deaths: Iterable[Death]) -> None:
        """Let the gateway die once for each, under traffic."""
        for death in deaths:
            if death.after_accepted:
                await self.up(accepted=death.after_accepted)
            await self.gateway.die(death)

    async def up(self, *, accepted: int = 200) -> None:
        """Start a gateway that nobody kills, and let some traffic through."""
        await self.gateway.start()
        until = self.client.outgoing.accepted + accepted
        await self.client.until(lambda: self.client.outgoing.accepted >= until, SETTLE_S)

    def cease(self) -> None:
        """Nothing new is sent; what is under way goes on."""
        self._bursts.cancel()
        self.client.outgoing.source.remaining = 0
        self.http.source.remaining = 0

    async def settle(self) -> Verdict:
        """Cease, wait until nothing moves any more, stop the gateway in order, and reckon."""
        self.cease()
        await self.until_linked()
        await self.until_quiet()
        code = await self.gateway.stop()
        assert code == 0, f"SIGTERM ended the gateway with {code}: {self.gateway.said}"
        return await self.reckon()

    async def reckon(self) -> Verdict:
        """Compare what the peers saw with what the store holds; the gateway is not running."""
        self.smsc.ledger.flush()
        self.client.ledger.flush()
        self.http.ledger.flush()
        in_flight_s = COMMIT_S if self.dsn else IN_FLIGHT_S
        gateway, stored = self.gateway, await self.gateway.stored()
        return verdict_of(
            self.ledgers, stored, kills=gateway.kills, link_deaths=gateway.link_deaths, in_flight_s=in_flight_s
        )

    async def _send_mo(self) -> None:
        """MO beside the receipts: the simulator's own would wait behind them under full load."""
        burst = Action(mo_count=max(1, int(self.traffic.mo_rate * BURST_S)))
        while True:
            await asyncio.sleep(BURST_S)
            if any(link.is_ready for link in self.smsc.links) and len(self.smsc.outbox) < OUTBOX_FULL:
                self.smsc.strike(burst)

    async def until_linked(self) -> None:
        """Wait until the gateway is up: before, SIGTERM finds a process that does not know yet what it asks for."""
        deadline = asyncio.get_running_loop().time() + SETTLE_S
        while not any(link.is_ready for link in self.smsc.links):
            assert asyncio.get_running_loop().time() < deadline, f"no link came up: {self.gateway.said}"
            await asyncio.sleep(0.05)

    async def until_quiet(self) -> None:
        """Wait until nothing is missing, or nothing moves any more: what is held stays."""
        loop = asyncio.get_running_loop()
        patience_s = SETTLE_S * (3 if self.dsn else 1)
        deadline, last, since = loop.time() + patience_s, (), loop.time()
        while loop.time() < deadline:
            now = tuple({**self.client.counts(), **self.smsc.counts()}.items())
            if now != last:
                last, since = now, loop.time()
            is_answered = self._posting.done() and not self.client.outgoing.unanswered_count
            is_still = is_answered and not self.smsc.counts()["waiting"] and loop.time() - since > QUIET_S
            if is_still and await self.gateway.is_at_rest():
                return
            await asyncio.sleep(0.05)
        raise AssertionError(f"traffic did not come to rest within {patience_s:g} s: {last} {self.gateway.said}")


def run(
    folder: Path,
    deaths: Iterable[Death],
    traffic: Traffic | None = None,
    *,
    dsn: str = "",
    nodes: Sequence[str] = NODES,
) -> Verdict:
    """One campaign from its first death to its verdict."""

    async def campaign() -> Verdict:
        async with Campaign(folder, traffic, dsn=dsn, nodes=nodes) as running:
            await running.die(deaths)
            await running.up()
            return await running.settle()

    return asyncio.run(campaign())
