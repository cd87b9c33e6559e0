"""`chappe route explain` beside a gateway that runs: messages of the past, and imagined ones, by what counts there."""

from __future__ import annotations

import asyncio
import io
import json
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from test_lists import HANDSET, HELLO, outcome

from chappe.cli import main as cli
from chappe.instructions.kinds import AddRoute
from chappe.sim.smsc import SmscSimulator
from house import STORE, House, bound, client, journey, mo, mt, operator, settings_of


async def explained(folder: Path, *words: str) -> dict[str, Any]:
    """What the command says, as a program reads it."""
    config = folder / "explain.toml"
    config.write_text(
        f'[gateway]\ndata_dir = "{folder}"\nstore = "{STORE[0]}"\nallow_single_copy = true\n'
        '[[operators]]\nname = "sim"\naddress = "a:1"\nsystem_id = "c"\n'
        '[[clients]]\nname = "demo"\n[clients.http]\ntoken = "t"\n[[routes]]\ndirection = "mt"\noperators = ["sim"]\n'
    )
    out = io.StringIO()
    with redirect_stdout(out):
        code = await asyncio.to_thread(cli.run, ["route", "explain", *words, "--json", "--config", str(config)])
    assert code == 0
    told: dict[str, Any] = json.loads(out.getvalue())
    return told


@journey
async def test_messages_are_explained_by_the_configuration_that_counts(tmp_path: Path) -> None:
    async with SmscSimulator() as smsc:
        operators = [operator(smsc.port), operator(smsc.port, "other")]
        settings = settings_of(tmp_path, operators, [client()], [mt("sim"), mo()])
        async with House(settings) as house, bound(house) as demo:
            answer = await demo.ask(HELLO)
            await house.until(lambda: house.events("mt_sent"))
            past = await explained(tmp_path, answer.message_id)
            assert (past["to"], past["outcome"]) == (HANDSET, "goes to sim")

            route = {"direction": "mt", "to": "44*", "operators": ["other"]}
            _, done = await outcome(house, AddRoute(route=route, place=0))
            assert not done.fault
            imagined = await explained(tmp_path, "--to", "447700900001", "--client", "demo")
            assert imagined["outcome"] == "goes to other"
            assert (await explained(tmp_path, "--to", "447700900001", "--file"))["outcome"] == "goes to sim"
