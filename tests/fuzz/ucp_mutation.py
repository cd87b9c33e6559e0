"""Operations of UCP gone wrong, and a door and a link in memory that are fed with them.

It must never know where the randomness comes from: hypothesis and atheris both give numbers.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fuzz_edits import Edit, edited
from mutation import Box, MemoryTransport, _account

import chappe
from chappe.clients.ucp_node import ClientUcpNode
from chappe.model.ids import IdMaker
from chappe.model.lifecycle import Direction
from chappe.net.ucp_peer import UcpPeer
from chappe.operators.link import Connecting
from chappe.operators.links import LinkTerms
from chappe.operators.shape import Wire
from chappe.operators.terms import SendingTerms
from chappe.operators.ucp_node import OperatorUcpNode
from chappe.rules.decide import Routes, Rule
from chappe.rules.retry import RefusalRules
from chappe.runtime.clock import SYSTEM_CLOCK
from chappe.store.sqlite.engine import SqliteStore
from chappe.wire.ucp.codec import Ack, Nack, data_of, write_frame, write_operation, write_result
from chappe.wire.ucp.operations import (
    Alert,
    CallInput,
    CallInputWithSupplementaryServices,
    DeleteMessage,
    DeliverNotification,
    DeliverShortMessage,
    InquiryMessage,
    InquiryResponse,
    ListManagement,
    ModifyMessage,
    MultipleAddressCallInput,
    Operation,
    SessionManagement,
    SmsMessageTransfer,
    SubmitShortMessage,
)
from chappe.wire.ucp.session import Role, Session

SIGN_ON = SessionManagement("fuzz", "6", "5", "1", b"secret".hex(), vers="0100")
_SCTS = "231126084310"
#: A minute in 2050.
_LATER = "3112501200"

#: Good operations of both sides; those of the wrong side are abuse already.
GOOD: Sequence[Operation] = (
    SubmitShortMessage("37120000001", "12345", nrq="1", nt="7", mt="3", msg="6869", vp=_LATER),
    SubmitShortMessage("0037120000001", "07D4E2940A", otoa="5039", mt="4", nb="0016", msg="0041", xser="020108"),
    SubmitShortMessage("371", mt="4", msg="FF00", xser="0106050003AA0201020104", dd="1", ddt=_LATER),
    SubmitShortMessage("371", mt="2", msg="4711", nadc="12", rpid="0065", pr="3", mcls="1", rpi="1"),
    SmsMessageTransfer("371", "1", nrq="1", nad="5", vp=_LATER, amsg="1B65"),
    CallInput("371", "1", mt="3", msg="6869"),
    CallInputWithSupplementaryServices("371", "1", gas=("5",), rp="1", mt="2", msg="12"),
    MultipleAddressCallInput(("371", "372"), mt="3", msg="6869"),
    InquiryMessage("37120000001", "12345", scts=_SCTS),
    DeleteMessage("37120000001", "12345"),
    ModifyMessage("37120000001", "12345", scts=_SCTS, mt="3", msg="61"),
    DeliverShortMessage("12345", "37120000001", scts=_SCTS, mt="3", msg="564F5445", otoa="1139"),
    DeliverNotification("12345", "37120000001", scts=_SCTS, dst="2", rsn="107", dscts=_SCTS, mt="3", msg="6869"),
    InquiryResponse("12345", "37120000001", scts=_SCTS, dst="1"),
    ListManagement("fuzz", styp="1"),
    Alert("12", "0539"),
    SIGN_ON,
)
RESULTS = (Ack(), Ack("371:231126084310"), Ack("x", "y"), Nack(4, "slow down"), Nack(99))


def mutated(operation: Operation, trn: int, edits: Sequence[Edit], *, is_frame_true: bool) -> bytes:
    """One operation after some edits of its data; if asked, LEN and the checksum tell the truth, so that it is read."""
    if not is_frame_true:
        return edited(write_operation(trn, operation), edits)
    data = edited(data_of(operation).encode("latin-1"), edits).decode("latin-1")
    return write_frame(trn, operation.ot, data, is_result=False)


def answered(trn: int, ot: int, number: int, edits: Sequence[Edit]) -> bytes:
    """A result to something that was perhaps asked."""
    return edited(write_result(trn, ot, RESULTS[number % len(RESULTS)]), edits)


class UcpBox(Box):
    """A client node and an operator node over UCP around one store, without a socket."""

    async def _start(self, folder: Path) -> None:
        self.store = SqliteStore(folder / "fuzz.db", version=chappe.__version__)
        self.store.open()
        rules = [
            Rule(Direction.MT, operators=("sim",)),
            Rule(Direction.MO, to="1*", queue="client:fuzz", client="fuzz"),
        ]
        ids = IdMaker(self.store.run, last_id=self.store.last_id)
        mt, mo = Routes(rules, Direction.MT), Routes(rules, Direction.MO)
        account = _account()
        account.is_ucp, account.window = True, 100
        self.ucp_door = ClientUcpNode([account], self.store, lambda: mt, ids, SYSTEM_CLOCK, session_init_s=5.0)
        self.ucp_node = OperatorUcpNode(
            LinkTerms("sim", "127.0.0.1", 1, "chappe", "secret", links=0),
            SendingTerms(Wire(), RefusalRules({4}, {55}), retry_status=4),
            self.store,
            lambda: mt,
            lambda: mo,
            ids,
            SYSTEM_CLOCK,
            validity_s=lambda _: 3_600.0,
        )
        self._work = [self.loop.create_task(each.run()) for each in (self.ucp_door, self.ucp_node)]

    async def _feed_door(self, pieces: Sequence[bytes], *, is_bound: bool) -> bytes:
        peer: Any = self.ucp_door._make_peer()
        transport = MemoryTransport(peer)
        if is_bound:
            peer.data_received(write_operation(0, SIGN_ON))
            await self._settle()
        return await self._feed(peer, transport, pieces)

    async def _feed_link(self, pieces: Sequence[bytes]) -> bytes:
        links = self.ucp_node.links
        if not links.links:
            # Laid in while the node runs: nobody dials for it, and nobody takes it away as one too many.
            links.links.append(links.new_link(1))
        (link,) = links.links
        connecting = Connecting()
        peer = UcpPeer(
            Session(Role.CLIENT, now=SYSTEM_CLOCK.monotonic(), window=10),
            self.ucp_node._on_facts,
            lambda peer, why: links._lost(link, peer, connecting, why),
        )
        peer.owner = (link, connecting)
        transport = MemoryTransport(peer)
        peer.session.sign_on(SIGN_ON, SYSTEM_CLOCK.monotonic())
        peer.flush()
        peer.data_received(write_result(0, 60, Ack()))
        assert await connecting.bound == 0
        links._bound(link, peer, "session")
        return await self._feed(peer, transport, pieces)  # type: ignore[arg-type]
