"""PDUs gone wrong: what a random source changes in good ones, and a door and a link in memory that are fed with it.

It must never know where the randomness comes from: hypothesis and atheris both give numbers.
"""

import asyncio
from collections.abc import Sequence
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from fuzz_edits import Edit, edited

import chappe
from chappe.clients.account import Account
from chappe.clients.smpp_node import ClientSmppNode
from chappe.model.ids import IdMaker
from chappe.model.lifecycle import Direction
from chappe.net.smpp_peer import SmppPeer
from chappe.operators.link import Connecting
from chappe.operators.links import LinkTerms
from chappe.operators.shape import Wire
from chappe.operators.smpp_node import OperatorSmppNode
from chappe.operators.terms import SendingTerms
from chappe.rules.admit import Policy
from chappe.rules.decide import Routes, Rule
from chappe.rules.retry import RefusalRules
from chappe.runtime.clock import SYSTEM_CLOCK
from chappe.runtime.throttle import Throttle
from chappe.store.sqlite.engine import SqliteStore
from chappe.wire.smpp.codec import encode
from chappe.wire.smpp.pdus import (
    AlertNotification,
    BindTransceiver,
    CancelSm,
    DataSm,
    DataSmResp,
    DeliverSm,
    DeliverSmResp,
    EnquireLink,
    EnquireLinkResp,
    GenericNack,
    Outbind,
    Pdu,
    QuerySm,
    SmeAddress,
    SubmitMulti,
    SubmitSm,
    SubmitSmResp,
    Unbind,
    UnbindResp,
)
from chappe.wire.smpp.session import Role, Session

_PAYLOAD = (0x0424, b"a long text" * 30)
_RECEIPT = b"id:7 sub:001 dlvrd:001 submit date:2601010000 done date:2601010000 stat:DELIVRD err:000 text:hi"

#: Good PDUs of both sides; those of the wrong side are abuse already.
GOOD: Sequence[Pdu] = (
    SubmitSm(source_addr="SHOP", destination_addr="37120000001", short_message=b"hi", registered_delivery=0x11),
    SubmitSm(destination_addr="371", validity_period="000000000100000R", schedule_delivery_time="000000000001000R"),
    SubmitSm(destination_addr="371", esm_class=0x40, short_message=b"\x05\x00\x03\x01\x02\x01text", data_coding=8),
    SubmitSm(destination_addr="371", tlvs=(_PAYLOAD, (0x0204, b"\0\1"), (0x1401, b"vendor"))),
    DataSm(destination_addr="371", tlvs=(_PAYLOAD,)),
    DataSm(source_addr="x" * 60, destination_addr="12345", tlvs=((0x0424, b"VOTE 1"),)),
    DeliverSm(source_addr="37120000001", destination_addr="12345", short_message=b"VOTE 5"),
    DeliverSm(source_addr="371", destination_addr="1", short_message="vote".encode("utf-16-be"), data_coding=8),
    DeliverSm(source_addr="37120000001", esm_class=0x04, short_message=_RECEIPT),
    DeliverSm(source_addr="371", esm_class=0x04, tlvs=((0x001E, b"7\0"), (0x0427, b"\2"), (0x0423, b"\3\0\1"))),
    SubmitMulti(dest_address=(SmeAddress(1, 1, "371"),), short_message=b"hi"),
    QuerySm("7"),
    CancelSm("", "7"),
    EnquireLink(),
    EnquireLinkResp(),
    GenericNack(),
    SubmitSmResp("7"),
    DataSmResp("7"),
    DeliverSmResp(),
    AlertNotification(),
    Outbind("x", "y"),
    BindTransceiver("fuzz", "secret"),
    Unbind(),
    UnbindResp(),
)


def mutated(octets: bytes, edits: Sequence[Edit], *, is_length_true: bool) -> bytes:
    """One PDU after some edits; if asked, its command_length tells the truth again, so that its body is read."""
    octets = edited(octets, edits)
    if is_length_true and len(octets) >= 16:
        octets = len(octets).to_bytes(4, "big") + octets[4:]
    return octets


class MemoryTransport(asyncio.Transport):
    """A connection that keeps what is written and ends when it is told to."""

    def __init__(self, protocol: asyncio.Protocol) -> None:
        super().__init__()
        self.written = bytearray()
        self._protocol = protocol
        self._is_closing = False
        protocol.connection_made(self)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("127.0.0.1", 1) if name == "peername" else default

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None: ...

    def write(self, data: Any) -> None:
        self.written += data

    def is_closing(self) -> bool:
        return self._is_closing

    def close(self) -> None:
        if not self._is_closing:
            self._is_closing = True
            asyncio.get_running_loop().call_soon(self._protocol.connection_lost, None)

    abort = close

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


class Box:
    """A client node and an operator node around one store, without a socket."""

    def __init__(self, folder: Path) -> None:
        self.loop = asyncio.new_event_loop()
        self.errors: list[str] = []
        self.loop.set_exception_handler(lambda _, context: self.errors.append(str(context)))
        self.loop.run_until_complete(self._start(folder))

    async def _start(self, folder: Path) -> None:
        self.store = SqliteStore(folder / "fuzz.db", version=chappe.__version__)
        self.store.open()
        rules = [
            Rule(Direction.MT, operators=("sim",)),
            Rule(Direction.MO, to="1*", queue="client:fuzz", client="fuzz"),
        ]
        ids = IdMaker(self.store.run, last_id=self.store.last_id)
        mt, mo = Routes(rules, Direction.MT), Routes(rules, Direction.MO)
        policy = Policy(mt)
        self.door = ClientSmppNode(
            [_account()], self.store, lambda: policy, ids, SYSTEM_CLOCK, session_init_s=5.0, max_unbound=1_000
        )
        self.node = OperatorSmppNode(
            LinkTerms("sim", "127.0.0.1", 1, "chappe", "secret", links=0),
            SendingTerms(Wire(id_base="either"), RefusalRules({0x58, 0x14}, {0x08})),
            self.store,
            lambda: mt,
            lambda: mo,
            ids,
            SYSTEM_CLOCK,
            validity_s=lambda _: 3_600.0,
        )
        self._work = [self.loop.create_task(each.run()) for each in (self.door, self.node)]

    def feed_door(self, pieces: Sequence[bytes], *, is_bound: bool) -> bytes:
        """Give a client's octets to the door; what it wrote."""
        return self.loop.run_until_complete(self._feed_door(pieces, is_bound=is_bound))

    async def _feed_door(self, pieces: Sequence[bytes], *, is_bound: bool) -> bytes:
        peer = self.door._make_peer()
        transport = MemoryTransport(peer)
        if is_bound:
            peer.data_received(encode(BindTransceiver("fuzz", "secret"), 1))
            await self._settle()
        return await self._feed(peer, transport, pieces)

    def feed_link(self, pieces: Sequence[bytes]) -> bytes:
        """Give an operator's octets to a bound link; what it wrote."""
        return self.loop.run_until_complete(self._feed_link(pieces))

    async def _feed_link(self, pieces: Sequence[bytes]) -> bytes:
        links = self.node.links
        if not links.links:
            # Laid in while the node runs: nobody dials for it, and nobody takes it away as one too many.
            links.links.append(_link())
        (link,) = links.links
        connecting = Connecting()
        peer = SmppPeer(
            Session(Role.ESME, now=SYSTEM_CLOCK.monotonic(), window_pdus=10),
            self.node._on_facts,
            lambda peer, why: links._lost(link, peer, connecting, why),
        )
        peer.owner = (link, connecting)
        transport = MemoryTransport(peer)
        peer.session.bind(BindTransceiver("chappe", "secret"), SYSTEM_CLOCK.monotonic())
        peer.flush()
        peer.data_received(bytes.fromhex("00000015800000090000000000000001") + b"smsc\0")
        assert await connecting.bound == 0
        links._bound(link, peer, BindTransceiver)
        return await self._feed(peer, transport, pieces)

    async def _feed(self, peer: SmppPeer, transport: MemoryTransport, pieces: Sequence[bytes]) -> bytes:
        for piece in pieces:
            if not transport.is_closing():
                peer.data_received(piece)
        await self._settle()
        peer.tick(SYSTEM_CLOCK.monotonic() + 100)
        transport.close()
        await self._settle()
        return bytes(transport.written)

    async def _settle(self) -> None:
        """Let what was begun come to its end, and raise what ended a node."""
        for _ in range(12):
            await asyncio.sleep(0)
        for work in self._work:
            if work.done():
                work.result()
        assert not self.errors, self.errors

    def close(self) -> None:
        """End the nodes and the store."""
        for work in self._work:
            work.cancel()
        self.loop.run_until_complete(asyncio.gather(*self._work, return_exceptions=True))
        self.loop.run_until_complete(self.store.close())
        self.loop.close()


def _account() -> Account:
    return Account(
        name="fuzz",
        is_enabled=True,
        priority=1,
        queue_limit=1_000_000,
        store_away_status=8,
        throttle=Throttle(0.0, 0.0),
        default_validity_s=3_600.0,
        system_id="fuzz",
        password="secret",
        allowed=(ip_network("127.0.0.0/8"),),
    )


def _link() -> Any:
    from chappe.operators.link import Link
    from chappe.runtime.backoff import Backoff

    return Link(1, Backoff(1.0, 2.0))
