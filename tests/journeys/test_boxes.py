"""What a box runs and what it is told while it runs: some nodes only, and decisions about what is held."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec

from chappe.model.events import EventBatch
from chappe.model.lifecycle import Status
from chappe.runtime.settings import Settings
from chappe.runtime.settings_profiles import Alphabet, Profile
from chappe.sim.options import SmscOptions
from chappe.sim.smsc import SmscSimulator
from chappe.store.port import Held
from house import House, journey, mt, operator, settings_of
from web import MESSAGE, calling, web_client


def boxed(folder: Path, *nodes: str, port: int = 1, **keys: Any) -> Settings:
    """Settings of a box with two operators behind one SMSC, the second one for 44."""
    operators = [operator(port, "north"), operator(port, "south")]
    routes = [mt("south", to="44*"), mt("north")]
    settings = settings_of(folder, operators, [web_client()], routes, **keys)
    gateway = msgspec.structs.replace(settings.gateway, nodes=nodes or ("all",))
    return msgspec.structs.replace(settings, gateway=gateway)


@journey
async def test_messages_for_an_operator_that_runs_nowhere_wait_until_it_does(tmp_path: Path) -> None:
    async with SmscSimulator(SmscOptions()) as smsc:
        async with House(boxed(tmp_path, "client-http", "operator:north", port=smsc.port)) as house:
            async with calling(house) as demo:
                north = (await demo.post(MESSAGE)).body["id"]
                south = (await demo.post({**MESSAGE, "to": "+447700900001"})).body["id"]
                await demo.until(north, "delivered")
                assert (await demo.get(south)).body["status"] in ("accepted", "queued")
            names = [node.name for node in house.gateway.watching.status().nodes]
            assert names == ["client-http", "conf", "operator:north"]
            assert house.depth("operator:south") == 1
            assert house.port == 0
        async with House(boxed(tmp_path, port=smsc.port)) as house, calling(house) as demo:
            await demo.until(south, "delivered")


@journey
async def test_events_that_no_counter_reads_are_counted_when_one_runs(tmp_path: Path) -> None:
    async with SmscSimulator(SmscOptions()) as smsc:
        async with House(boxed(tmp_path, "client-http", "operator", port=smsc.port)) as house, calling(house) as demo:
            await demo.until((await demo.post(MESSAGE)).body["id"], "delivered")
            assert await house.gateway.store.copied("counters") is None
        async with House(boxed(tmp_path, port=smsc.port)) as house:
            store = house.gateway.store
            await house.until(lambda: house.gateway.counter.safe_seq == store.last_block)


@journey
async def test_a_text_reaches_an_smsc_of_latin_1_in_its_own_octets(tmp_path: Path) -> None:
    profile = Profile(alphabet=Alphabet.LATIN1)
    async with SmscSimulator(SmscOptions()) as smsc:
        async with House(boxed(tmp_path, port=smsc.port, profile=profile)) as house, calling(house) as demo:
            await demo.until((await demo.post({**MESSAGE, "text": "è @ [1]"})).body["id"], "delivered")

        assert [(each.octets, each.pdu.data_coding) for each in smsc.submitted] == [("è @ [1]".encode("latin-1"), 0)]


async def hold(house: House, message_id: int) -> None:
    """Lay a message aside, as a link does that dies before the response."""
    store = house.gateway.store
    (item,) = await store.lease("operator:south", 1)
    assert item.id == message_id
    await store.settle([Held(item, "link lost before the response")], EventBatch(1))


async def decide(settings: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Call `chappe held …` as a process of its own."""
    command = [sys.executable, "-m", "chappe.cli", "held", *words, "--config", str(settings)]
    return await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=30)


@journey
async def test_a_person_decides_about_held_messages_while_the_gateway_runs(tmp_path: Path) -> None:
    file = tmp_path / "chappe.toml"
    file.write_text(f'[gateway]\ndata_dir = "{tmp_path}/data"\n')
    settings = boxed(tmp_path / "data", "client-http")
    async with House(settings) as house, calling(house) as demo:
        ids = [int((await demo.post({**MESSAGE, "to": f"+44770090000{each}"})).body["id"]) for each in range(2)]
        for each in ids:
            await hold(house, each)

        resent = await decide(file, "resend", str(ids[0]), "4711")
        dropped = await decide(file, "drop", str(ids[1]), "--json")

        assert (resent.returncode, resent.stdout) == (1, f"{ids[0]} goes on\n")
        assert resent.stderr == "chappe: not held, left alone: 4711; look with: chappe held\n"
        assert dropped.returncode == 0
        assert json.loads(dropped.stdout)["changed"] == [ids[1]]
        (item,) = await house.gateway.store.lease("operator:south", 10)
        assert item.id == ids[0]
        life = await house.gateway.store.find(ids[1])
        assert life is not None
        assert life.status is Status.CANCELLED
        details = [line[-1] for line in house.events("instruction_done")]
        assert [detail.rpartition(": ")[2] for detail in details] == ["resend 1", "drop 1"]


@journey
async def test_a_decision_without_a_gateway_says_that_it_stays_and_is_kept_for_the_next_one(tmp_path: Path) -> None:
    file = tmp_path / "chappe.toml"
    file.write_text(f'[gateway]\ndata_dir = "{tmp_path}/data"\n')
    settings = boxed(tmp_path / "data", "client-http")
    async with House(settings) as house, calling(house) as demo:
        message_id = int((await demo.post({**MESSAGE, "to": "+447700900001"})).body["id"])
        await hold(house, message_id)

    told = await decide(file, "resend", str(message_id))

    assert told.returncode == 1
    assert told.stderr.startswith("chappe: no gateway took instruction ")
    assert told.stderr.endswith(
        " within 10 s: it stays queued and is carried out when one runs; start one with: chappe up\n"
    )
    async with House(settings) as house:
        await house.until(lambda: house.depth("operator:south") == 1)


async def drain(settings: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Call `chappe drain …` as a process of its own."""
    command = [sys.executable, "-m", "chappe.cli", "drain", *words, "--config", str(settings)]
    return await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=30)


@journey
async def test_a_node_of_a_gateway_in_one_process_is_drained_alone_and_its_messages_wait(tmp_path: Path) -> None:
    file = tmp_path / "chappe.toml"
    file.write_text(f'[gateway]\ndata_dir = "{tmp_path}/data"\n')
    async with SmscSimulator(SmscOptions()) as smsc:
        async with House(boxed(tmp_path / "data", port=smsc.port)) as house, calling(house) as demo:
            await demo.until((await demo.post(MESSAGE)).body["id"], "delivered")

            drained = await drain(file, "operator:north", "--json")
            unknown = await drain(file, "operator:nroth")
            resumed = await drain(file, "operator:north", "--resume")

            assert json.loads(drained.stdout) == {"node": "operator:north", "state": "drained", "unanswered": 0}
            assert unknown.stderr.startswith(
                "chappe: no node 'operator:nroth' to drain here; did you mean 'operator:north'?"
            )
            assert (resumed.returncode, resumed.stderr) == (
                1,
                "chappe: all nodes of this gateway live in one process: start it again to have one back\n",
            )
            status = house.gateway.watching.status()
            states = {node.name: node.state for node in status.nodes}
            assert (states["operator:north"], states["operator:south"]) == ("drained", "running")
            north = (await demo.post(MESSAGE)).body["id"]
            south = (await demo.post({**MESSAGE, "to": "+447700900001"})).body["id"]
            await demo.until(south, "delivered")
            assert house.depth("operator:north") == 1
        async with House(boxed(tmp_path / "data", port=smsc.port)) as house, calling(house) as demo:
            await demo.until(north, "delivered")


@journey
async def test_drain_without_a_box_says_so(tmp_path: Path) -> None:
    file = tmp_path / "chappe.toml"
    file.write_text(f'[gateway]\ndata_dir = "{tmp_path}"\n')

    told = await drain(file, "operator:north")

    assert told.returncode == 1
    assert told.stderr == (
        f"chappe: no box works on {tmp_path} (No such file or directory); start one with: chappe up\n"
    )
