"""The gateway dies while it calls clients back; nothing is lost, and what comes twice bears the same name."""

import asyncio
from collections import Counter, defaultdict
from pathlib import Path

import pytest
from crash_gateway import TOKEN, Death, GatewayProcess
from crash_nodes import CALLBACK, gateway_of
from standardwebhooks import Webhook

from chappe.crash import CrashPoint
from chappe.sim.account import account
from chappe.sim.callback_receiver import Received
from chappe.sim.faults import Action, Event, Fault
from chappe.sim.http_client import HttpClientSimulator
from chappe.sim.ledger import read
from chappe.sim.options import ClientOptions, SmscOptions
from chappe.sim.script import Faults, Rule
from chappe.sim.smsc import SmscSimulator

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
POINTS = (
    CrashPoint.BEFORE_CALLBACK,
    CrashPoint.AFTER_CALLBACK,
    CrashPoint.BEFORE_COMMIT_SETTLE,
    CrashPoint.AFTER_COMMIT_SETTLE,
    CrashPoint.AFTER_COMMIT_REPORT,
    CrashPoint.AFTER_COMMIT_ACCEPT_MO,
)
#: Those that the scene needs, beside that for callbacks.
NODES = ("client-http", "operator:sim", "router")
SETTLE_S = 40.0
#: The client refuses some callbacks, leaves some unanswered and resets some connections.
MOODS = Faults(
    (
        Rule(fault=Fault.REFUSE, on=Event.CALLBACK, status=500, probability=0.03),
        Rule(fault=Fault.CUT, on=Event.CALLBACK, probability=0.01),
    )
)


class Scene:
    """An operator, a gateway that dies, and a client that is called back."""

    def __init__(self, folder: Path, *, batch: int, dsn: str = "") -> None:
        self.folder = folder
        self.dsn = dsn
        self.batch = batch
        self.ledgers = [folder / "smsc.csv", folder / "client.csv"]

    async def play(self, deaths: list[Death]) -> list[Received]:
        """Die so often under traffic, then come to rest; what the client was told."""
        async with SmscSimulator(SmscOptions(ledger_path=str(self.ledgers[0]), retry_s=0.2)) as smsc:
            options = ClientOptions(
                http_token=TOKEN,
                http_batch=3,
                window_pdus=2,
                count=1_000_000,
                rate=150.0,
                retry_s=0.05,
                tag_prefix="web",
                callback_host="127.0.0.1",
                callback_reply="thanks",
                linger_s=0.0,
                ledger_path=str(self.ledgers[1]),
            )
            async with HttpClientSimulator(options) as client:
                return await self._play(smsc, client, deaths)

    async def _play(self, smsc: SmscSimulator, client: HttpClientSimulator, deaths: list[Death]) -> list[Received]:
        receiver = client.receiver
        assert receiver is not None
        receiver.faults = MOODS
        terms = {"callback_port": client.callback_port, "callback_batch": self.batch}
        gateway = gateway_of(self.folder, smsc.port, self.dsn, nodes=NODES, **terms)
        client.move_to(gateway.http_port)
        posting = asyncio.create_task(client.run())
        bursts = asyncio.create_task(_send_mo(smsc))
        try:
            for death in deaths:
                await gateway.die(death)
            await gateway.start()
            await asyncio.sleep(1.0)
            bursts.cancel()
            client.source.remaining = 0
            await posting
            async with asyncio.timeout(SETTLE_S):
                await _until_quiet(smsc, client, gateway)
            assert await gateway.stop() == 0, gateway.said
        finally:
            posting.cancel()
            bursts.cancel()
            await gateway.clean_up()
        return receiver.received


async def _send_mo(smsc: SmscSimulator) -> None:
    while True:
        await asyncio.sleep(0.1)
        if any(link.is_ready for link in smsc.links):
            smsc.strike(Action(mo_count=3))


async def _until_quiet(smsc: SmscSimulator, client: HttpClientSimulator, gateway: GatewayProcess) -> None:
    """Until everything was told, and nothing moved for a while."""
    assert client.receiver is not None
    last, still = -1, 0
    while still < 20:
        requests = client.receiver.counts["requests"]
        is_still = requests == last and not client.awaiting and not smsc.counts()["waiting"]
        is_still = is_still and await gateway.is_at_rest()
        still = still + 1 if is_still else 0
        last = requests
        await asyncio.sleep(0.05)


def judge(scene: Scene, received: list[Received]) -> None:
    """Nothing lost; whatever was posted again bears the name that it bore before, and every signature is good."""
    found = account(read(ledger) for ledger in scene.ledgers)
    assert found.is_lossless, found.as_text()
    names: dict[tuple[str, str], set[str]] = defaultdict(set)
    inbound: set[str] = set()
    for request in received:
        Webhook(SECRET).verify(request.body, request.headers)
        for callback in request.callbacks:
            data = callback["data"]
            names[callback["type"], f"{data['id']} {data.get('status')}"].add(callback["id"])
            if callback["type"] == "message.inbound":
                inbound.add(data["id"])
    assert {what: ids for what, ids in names.items() if len(ids) > 1} == {}
    if scene.batch == 1:
        # Every MO was answered in the end, and however often that was, one reply of it was accepted.
        assert Counter(replied_to(scene.folder / "data")) == dict.fromkeys(inbound, 1)


def replied_to(data_dir: Path) -> list[str]:
    """The MO whose replies were accepted, as the events tell."""
    lines = [line for file in (data_dir / "events").rglob("*.csv") for line in file.read_text().splitlines()]
    return [line.rpartition("reply to ")[2] for line in lines if ",mt_accepted," in line and "reply to " in line]


@pytest.mark.parametrize("batch", [1, 50])
def test_no_callback_is_lost_by_a_few_kills(tmp_path: Path, dsn: str, batch: int) -> None:
    scene = Scene(tmp_path, batch=batch, dsn=dsn)
    deaths = [
        Death(CrashPoint.BEFORE_CALLBACK, 10, node=CALLBACK),
        Death(CrashPoint.AFTER_CALLBACK, 15, node=CALLBACK),
        Death(CrashPoint.AFTER_COMMIT_SETTLE, 40 // batch + 1, node=CALLBACK),
        Death(after_s=1.5),
    ]

    judge(scene, asyncio.run(scene.play(deaths)))


@pytest.mark.slow
@pytest.mark.parametrize("point", POINTS, ids=str)
def test_no_callback_is_lost_by_death(tmp_path: Path, dsn: str, point: CrashPoint) -> None:
    scene = Scene(tmp_path, batch=1, dsn=dsn)
    node = CALLBACK if "callback" in point or "settle" in point else "operator:sim"

    judge(scene, asyncio.run(scene.play([Death(point, count, node=node) for count in (1, 3, 10, 40)])))
