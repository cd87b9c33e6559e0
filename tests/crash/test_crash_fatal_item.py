"""An item that ends its whole process: after three such ends it is held, and everything else goes on."""

import asyncio
import json
import signal
import sqlite3
import sys
from pathlib import Path

import asyncpg
from crash_gateway import GatewayProcess
from crash_nodes import NodeProcesses
from crash_store import event_lines

from chappe.sim.options import SmscOptions
from chappe.sim.smsc import SmscSimulator
from postgres_server import Reached
from raw_web import ask

FAULTY = (sys.executable, str(Path(__file__).with_name("crash_fatal.py")))
SENDERS = ["SHOP1", "SHOP2", "FATAL", "SHOP3", "SHOP4"]
PATIENCE_S = 90.0


async def post(gateway: GatewayProcess, senders: list[str]) -> None:
    messages = [{"to": "+37120000001", "from": sender, "text": "hello"} for sender in senders]
    body = json.dumps({"messages": messages}).encode()
    headers = {"Authorization": "Bearer crash-token", "Content-Type": "application/json"}
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                status, _, _ = await ask(gateway.http_port, "POST", "/v1/messages", headers, body)
                assert status == 202
                return
            except (OSError, IndexError, ValueError, asyncio.IncompleteReadError):
                await asyncio.sleep(0.05)


async def until_delivered(gateway: GatewayProcess, count: int) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while sum(b",mt_delivered," in line for line in event_lines(gateway.data_dir)) < count:
            await asyncio.sleep(0.05)


def held_reasons(gateway: GatewayProcess) -> list[str]:
    with sqlite3.connect(gateway.data_dir / "chappe.db") as connection:
        return [row[0] for row in connection.execute("SELECT reason FROM held")]


async def deaths_of_a_fatal_item(folder: Path) -> tuple[GatewayProcess, list[int]]:
    """Post it among others to a faulty gateway, and start that again whenever it dies, until all others are there."""
    async with SmscSimulator(SmscOptions()) as smsc:
        gateway = GatewayProcess(folder, smsc.port)
        codes: list[int] = []
        try:
            await gateway.start()
            await post(gateway, ["FIRST"])
            await until_delivered(gateway, 1)
            assert await gateway.stop() == 0, gateway.said
            await gateway.start(wrapper=FAULTY)
            await post(gateway, SENDERS)
            while len(codes) < 4:
                # At first it is one of a batch, and nobody is blamed; then it is alone in hand three times.
                codes.append(await gateway.wait(PATIENCE_S))
                await gateway.start(wrapper=FAULTY)
            await until_delivered(gateway, len(SENDERS))
            assert await gateway.stop() == 0, gateway.said
        finally:
            await gateway.clean_up()
        return gateway, codes


def test_an_item_that_ends_its_process_three_times_is_held_with_the_traceback_and_all_others_leave(
    tmp_path: Path,
) -> None:
    gateway, codes = asyncio.run(deaths_of_a_fatal_item(tmp_path))

    assert codes == [-signal.SIGSEGV] * 4
    (reason,) = held_reasons(gateway)
    assert reason.startswith(
        "ended its process three times while operator:sim had it alone in hand: Segmentation fault"
    )
    assert "crash_fatal.py" in reason
    told = [line.split(b",")[9].decode() for line in event_lines(gateway.data_dir) if b",item_poisoned," in line]
    assert [each.partition(" while ")[0] for each in told] == [
        "operator:sim: ended its process once",
        "operator:sim: ended its process twice",
        "operator:sim: ended its process three times",
        "operator:sim: held: ended its process three times",
    ]
    assert not (gateway.data_dir / "last-words.all").exists()


async def deaths_of_a_node(folder: Path, dsn: str) -> tuple[NodeProcesses, list[int], list[str]]:
    """The same where the operator's node is a process of its own: it alone dies, and is started again each time."""
    async with SmscSimulator(SmscOptions()) as smsc:
        gateway = NodeProcesses(folder, smsc.port, dsn, nodes=("client-http", "operator:sim"))
        codes: list[int] = []
        try:
            await gateway.start(wrapper=FAULTY)
            await post(gateway, ["FIRST"])
            await until_delivered(gateway, 1)
            await post(gateway, SENDERS)
            while len(codes) < 4:
                codes.append(await gateway.ended("operator:sim", PATIENCE_S))
                await gateway.start(wrapper=FAULTY)
            await until_delivered(gateway, len(SENDERS))
            assert await gateway.stop() == 0, gateway.said
        finally:
            await gateway.clean_up()
        connection = await asyncpg.connect(dsn)
        try:
            reasons = [row[0] for row in await connection.fetch("SELECT convert_from(reason, 'UTF8') FROM held")]
        finally:
            await connection.close()
        return gateway, codes, reasons


def test_an_item_that_ends_its_node_three_times_is_held_while_other_nodes_go_on(
    tmp_path: Path, postgres_server: Reached
) -> None:
    _, codes, (reason,) = asyncio.run(deaths_of_a_node(tmp_path, postgres_server.new_database()))

    assert codes == [-signal.SIGSEGV] * 4
    assert reason.startswith(
        "ended its process three times while operator:sim had it alone in hand: Segmentation fault"
    )
