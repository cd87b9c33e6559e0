"""Whole lives through the real nodes and a real store, without sockets: what a gateway itself needs for one.

Clients hand messages in, an operator takes them and sends a receipt for each, and the clients are told and say yes.  It
must never know what a measurement compares; what the peers need themselves is left out of the time that it tells.
"""

from __future__ import annotations

import asyncio
import gc
import random
import struct
import sys
import time
from collections.abc import Sequence
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "fuzz"))

from mutation import MemoryTransport

from chappe.clients.account import Account
from chappe.clients.smpp_node import ClientSmppNode
from chappe.model.ids import IdMaker
from chappe.model.lifecycle import Direction
from chappe.net.smpp_peer import SmppPeer
from chappe.operators.link import Connecting, Link
from chappe.operators.links import LinkTerms
from chappe.operators.shape import Wire
from chappe.operators.smpp_node import OperatorSmppNode
from chappe.operators.terms import SendingTerms
from chappe.rules.admit import Policy
from chappe.rules.decide import Routes, Rule
from chappe.rules.retry import RefusalRules
from chappe.runtime.backoff import Backoff
from chappe.runtime.clock import SYSTEM_CLOCK
from chappe.runtime.throttle import Throttle
from chappe.store.sqlite.engine import SqliteStore
from chappe.wire.smpp.codec import encode
from chappe.wire.smpp.pdus import BindTransceiver, BindTransceiverResp, DeliverSm, SubmitSm
from chappe.wire.smpp.session import Role, Session

#: Messages of one turn: what a busy gateway finds on its sockets when it looks.
TURN: Final = 100
_HEAD: Final = struct.Struct(">IIII")
_NOBODY: Final = b"37120000001"
_NO_ID: Final = b"%016x" % 0
_TEXT: Final = b"tag000001 hello this is a text of some fifty oct"
_RECEIPT: Final = (
    b"id:" + _NO_ID + b" sub:001 dlvrd:001 submit date:2601010000 done date:2601010000 stat:DELIVRD err:000 text:tag00"
)


class Lives:
    """A door, an operator's node, a store, and who is connected with them."""

    def __init__(
        self,
        folder: Path,
        rules: Sequence[Rule],
        clients: Sequence[str],
        *,
        connections: int,
        busy: int,
        window_pdus: int = 1_000,
    ) -> None:
        """Each client has its share of the connections; the first `busy` of these send."""
        self.store = SqliteStore(folder / "bench.db", version="bench")
        self._rules, self._clients, self._connections, self._busy = rules, clients, connections, busy
        self._submit = encode(SubmitSm("", 5, 0, "SHOP", 1, 1, _NOBODY.decode(), 0, 0, 0, "", "", 1, 0, 0, 0, _TEXT), 1)
        tlvs = ((0x1E, _NO_ID + b"\0"), (0x427, b"\2"))
        self._receipt = encode(
            DeliverSm("", 1, 1, _NOBODY.decode(), 5, 0, "SHOP", 4, short_message=_RECEIPT, tlvs=tlvs), 1
        )
        self._window_pdus = window_pdus
        self._sent = self._heard = 0

    async def measure(self, lives: int, warm_up: int) -> float:
        """CPU seconds of the gateway for so many lives, after others that are not counted."""
        self.store.open()
        work = [asyncio.create_task(node.run()) for node in self._make_nodes()]
        try:
            await self._bind()
            await self._go(warm_up)
            gc.collect()
            gc.freeze()
            gc.set_threshold(100_000, 20, 50)
            return await self._go(lives)
        finally:
            for each in work:
                each.cancel()
            await asyncio.gather(*work, return_exceptions=True)
            await self.store.close()

    def _make_nodes(self) -> Sequence[Any]:
        mt, mo = Routes(self._rules, Direction.MT), Routes(self._rules, Direction.MO)
        policy, ids = Policy(mt), IdMaker(self.store.run, last_id=self.store.last_id)
        self.door = ClientSmppNode(
            [_account(name, self._window_pdus) for name in self._clients],
            self.store,
            lambda: policy,
            ids,
            SYSTEM_CLOCK,
            session_init_s=5.0,
            max_unbound=1_000,
        )
        self.node = OperatorSmppNode(
            LinkTerms("sim", "127.0.0.1", 1, "chappe", "secret", links=0),
            SendingTerms(Wire(), RefusalRules({0x58, 0x14}, {0x08})),
            self.store,
            lambda: mt,
            lambda: mo,
            ids,
            SYSTEM_CLOCK,
            validity_s=lambda _: 3_600.0,
        )
        return self.door, self.node

    async def _bind(self) -> None:
        self._peers: list[tuple[SmppPeer, MemoryTransport]] = []
        for number in range(self._connections):
            peer = self.door._make_peer()
            transport = MemoryTransport(peer)
            name = self._clients[number % len(self._clients)]
            peer.data_received(encode(BindTransceiver(name[:15], "secret"), 1))
            self._peers.append((peer, transport))
        while any(peer.owner is None for peer, _ in self._peers):
            await asyncio.sleep(0)
        for _, transport in self._peers:
            transport.written.clear()
        links, link, connecting = self.node.links, Link(1, Backoff(1.0, 2.0)), Connecting()
        links.links.append(link)
        session = Session(Role.ESME, now=SYSTEM_CLOCK.monotonic(), window_pdus=1_000)
        peer = SmppPeer(session, self.node._on_facts, lambda peer, why: links._lost(link, peer, connecting, why))
        peer.owner = (link, connecting)
        self._operator = peer, MemoryTransport(peer)
        session.bind(BindTransceiver("chappe", "secret"), SYSTEM_CLOCK.monotonic())
        peer.flush()
        number = _HEAD.unpack_from(self._operator[1].written)[3]
        peer.data_received(encode(BindTransceiverResp("smsc"), number))
        await connecting.bound
        links._bound(link, peer, BindTransceiver)
        self._operator[1].written.clear()

    async def _go(self, lives: int) -> float:
        """Turn after turn until all of them have been told of."""
        ends, last = self._heard + lives, self._sent + lives
        begun, outside = time.process_time(), 0.0
        while self._heard < ends:
            at = time.process_time()
            heard = self._answers_of_clients()
            told = self._answers_of_operator()
            asked = self._submits(min(TURN, last - self._sent))
            outside += time.process_time() - at
            for peer, octets in asked:
                peer.data_received(octets)
            if told:
                self._operator[0].data_received(told)
            for peer, octets in heard:
                peer.data_received(octets)
            for _ in range(4):
                await asyncio.sleep(0)
        return time.process_time() - begun - outside

    def _submits(self, count: int) -> list[tuple[SmppPeer, bytes]]:
        """As many connections as there are hand their shares in."""
        by_peer: dict[int, list[bytes]] = {}
        for number in range(self._sent, self._sent + count):
            dest = b"3712%07d" % random.randrange(10**7)
            octets = self._submit.replace(_NOBODY, dest)
            by_peer.setdefault(number % self._busy, []).append(
                octets[:12] + (number + 2).to_bytes(4, "big") + octets[16:]
            )
        self._sent += count
        return [(self._peers[which][0], b"".join(pdus)) for which, pdus in by_peer.items()]

    def _answers_of_operator(self) -> bytes:
        """A yes and a receipt for each submit_sm."""
        out: list[bytes] = []
        for command, number, octets in _pdus(self._operator[1].written):
            if command == 4:
                reference = b"%016x" % (number * 0x9E3779B97F4A7C15 & 0xFFFF_FFFF_FFFF_FFFF)
                begins = octets.index(b"\0", 19) + 3
                dest = octets[begins : octets.index(b"\0", begins)]
                out.append(_HEAD.pack(33, 0x80000004, 0, number) + reference + b"\0")
                told = self._receipt.replace(_NO_ID, reference).replace(_NOBODY, dest)
                out.append(told[:12] + number.to_bytes(4, "big") + told[16:])
        return b"".join(out)

    def _answers_of_clients(self) -> list[tuple[SmppPeer, bytes]]:
        """A yes for each receipt."""
        answers = []
        for peer, transport in self._peers[: self._busy]:
            if transport.written:
                out = [
                    _HEAD.pack(17, 0x80000005, 0, number) + b"\0"
                    for command, number, _ in _pdus(transport.written)
                    if command == 5
                ]
                self._heard += len(out)
                if out:
                    answers.append((peer, b"".join(out)))
        return answers


def _pdus(written: bytearray) -> list[tuple[int, int, bytes]]:
    """What was written since: commands, sequence numbers, octets."""
    octets = bytes(written)
    written.clear()
    found, at = [], 0
    while at < len(octets):
        length, command, _, number = _HEAD.unpack_from(octets, at)
        found.append((command, number, octets[at : at + length]))
        at += length
    return found


def _account(name: str, window_pdus: int) -> Account:
    return Account(
        name=name,
        is_enabled=True,
        priority=1,
        queue_limit=1_000_000,
        store_away_status=8,
        throttle=Throttle(0.0, 0.0),
        default_validity_s=3_600.0,
        system_id=name[:15],
        password="secret",
        max_binds=1_000,
        window=window_pdus,
        allowed=(ip_network("127.0.0.0/8"),),
    )
