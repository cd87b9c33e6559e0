"""Many changes of the configuration under load: no session of the untouched drops, nothing is lost or doubled."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chappe.instructions.file import Instructions
from chappe.instructions.kinds import (
    AddClient,
    AddOperator,
    AddRoute,
    ChangeClient,
    ChangeOperator,
    Instruction,
    RemoveClient,
    RemoveOperator,
    RemoveRoute,
    SetSection,
)
from chappe.instructions.outcome import State
from chappe.sim.options import SmscOptions
from chappe.sim.smsc import SmscSimulator
from house import House, bound, client, mt, operator, settings_of

#: Changes that are asked for before the outcome of the last one is waited for.
TOGETHER = 10


def changes(port: int, main: str = "sim") -> Iterator[Instruction]:
    """Around and around: whatever they touch is not what carries the load."""
    keys = {"system_id": "chappe", "password": "secret", "binds": 1, "reconnect_min_s": 0.05, "reconnect_max_s": 0.2}
    spare: dict[str, Any] = {"name": "spare", "address": f"127.0.0.1:{port}", **keys}
    rate = 100
    while True:
        rate += 1
        token = {"token": f"guest-token-{rate}"}
        yield AddOperator(operator=spare)
        yield AddClient(client={"name": "guest", "smpp": {"system_id": "guest", "password": "secret"}})
        yield AddRoute(route={"direction": "mt", "to": "99*", "operators": ["spare", main]}, place=0)
        yield ChangeOperator(name="spare", changes={"rate": rate, "window": rate, "binds": 2})
        yield ChangeClient(name="guest", changes={"rate": rate, "smpp": {"window": rate}, "http": token})
        yield ChangeClient(name="other", changes={"default_validity_s": 3600.0 + rate, "priority": "bulk"})
        yield ChangeOperator(name="other", changes={"max_validity_s": 3600.0 + rate, "rate": rate})
        yield SetSection(section="senders", tables=[{"to": "98*", "action": "refuse", "from": f"X{rate}"}])
        yield RemoveRoute(place=0)
        yield SetSection(section="senders", tables=[])
        yield RemoveClient(name="guest")
        yield RemoveOperator(name="spare")


async def make(house: House, count: int, port: int) -> None:
    """Ask for so many, a few at a time."""
    asking = Instructions.for_command(house.settings.gateway.data_path)
    wanted = changes(port)

    def outcome_of(number: int) -> Any:
        asked = asking.find(number)
        return asked is not None and asked.state is not State.WAITING and asked

    for _ in range(0, count, TOGETHER):
        numbers = [asking.ask(next(wanted), "ada") for _ in range(TOGETHER)]
        await house.until(lambda last=numbers[-1]: outcome_of(last), 60.0)  # type: ignore[misc]
        for number in numbers:
            asked = outcome_of(number)
            assert asked.state is State.DONE, asked
    asking.close()


@pytest.mark.parametrize(
    ("count", "lives", "rate", "patience_s"),
    [
        pytest.param(60, 600, 300.0, 60.0, id="short"),
        pytest.param(1_000, 60_000, 0.0, 600.0, id="long", marks=pytest.mark.slow),
    ],
)
def test_sessions_of_the_untouched_stay_and_nothing_is_lost(
    tmp_path: Path, count: int, lives: int, rate: float, patience_s: float
) -> None:
    asyncio.run(asyncio.wait_for(journey(tmp_path, count, lives, rate), patience_s))


async def journey(folder: Path, count: int, lives: int, rate: float) -> None:
    async with SmscSimulator(SmscOptions()) as smsc, SmscSimulator(SmscOptions()) as other:
        operators = [operator(smsc.port), operator(other.port, "other")]
        clients = [client("demo"), client("other")]
        settings = settings_of(folder, operators, clients, [mt("sim")])
        async with House(settings) as house, bound(house, count=lives, rate=rate) as demo, bound(house, "other"):
            await house.until(lambda: all(any(each.is_ready for each in one.links) for one in (smsc, other)))
            load = asyncio.create_task(demo.run())
            await make(house, count, other.port)
            await load

            told = demo.counts()
            assert (told["accepted"], told["receipts"], told["missing"]) == (lives, lives, 0)
            assert len(smsc.submitted) == lives
            assert smsc.binds == 1, "the operator that carries the load was never bound anew"
            assert [each[3] for each in house.events("client_gone")] == []
            assert house.gateway.version == count + 1
            versions = await house.gateway.versions.versions(count + 1)
            assert [each.number for each in versions] == list(range(count + 1, 0, -1))
            assert all(each.before == below.digest for each, below in itertools.pairwise(versions))
