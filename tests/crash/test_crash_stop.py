"""SIGTERM drains: the gateway leaves with 0 within `drain_s`, and there is nothing to recover from."""

import asyncio
import signal
from pathlib import Path

import pytest
from crash_campaign import Campaign, Traffic
from crash_gateway import DRAIN_S
from crash_verdict import Verdict

from chappe.sim.faults import Event, Fault
from chappe.sim.script import Faults, Rule

#: From the end of the drain to the end of the process.
LEAVE_S = 2.0


def rolling_stop(folder: Path, traffic: Traffic, stops: int) -> Verdict:
    """Stop and start under traffic, so many times; each stop must end well and in time."""

    async def campaign() -> Verdict:
        async with Campaign(folder, traffic) as running:
            for _ in range(stops):
                await running.up(accepted=500)
                code = await running.gateway.stop(DRAIN_S + LEAVE_S)
                assert code == 0, running.gateway.said
            await running.up(accepted=500)
            return await running.settle()

    return asyncio.run(campaign())


def test_a_stop_under_traffic_loses_nothing_and_doubles_nothing(tmp_path: Path, tally: list[Verdict]) -> None:
    verdict = rolling_stop(tmp_path, Traffic(), stops=1)

    tally.append(verdict)
    verdict.check(may_double=False)


@pytest.mark.slow
@pytest.mark.parametrize("unknown_outcome", ["resend", "hold"])
def test_rolling_stops_under_full_load_lose_nothing_and_double_nothing(
    tmp_path: Path, tally: list[Verdict], unknown_outcome: str
) -> None:
    traffic = Traffic(0.0, 2_000.0, client_binds=4, client_window_pdus=500, unknown_outcome=unknown_outcome)

    verdict = rolling_stop(tmp_path, traffic, stops=5)

    tally.append(verdict)
    verdict.check(may_double=False)
    assert verdict.held == 0


@pytest.mark.slow
def test_a_slow_operator_is_waited_for_when_the_gateway_stops(tmp_path: Path, tally: list[Verdict]) -> None:
    verdict = rolling_stop(tmp_path, Traffic(resp_delay_s=0.5, receipt_delay_s=0.2), stops=3)

    tally.append(verdict)
    verdict.check(may_double=False)


@pytest.mark.slow
def test_a_second_sigterm_ends_the_drain_at_once_and_loses_nothing(tmp_path: Path, tally: list[Verdict]) -> None:
    async def campaign() -> Verdict:
        async with Campaign(tmp_path, Traffic(resp_delay_s=2.0)) as running:
            await running.up()
            await asyncio.sleep(1.0)
            running.gateway.signal(signal.SIGTERM)
            await asyncio.sleep(0.3)
            running.gateway.signal(signal.SIGTERM)
            await running.gateway.wait(1.0)
            running.gateway.kills += 1
            running.gateway.link_deaths += 1
            await running.up()
            return await running.settle()

    verdict = asyncio.run(campaign())

    tally.append(verdict)
    verdict.check()


@pytest.mark.slow
def test_a_client_that_answers_nothing_does_not_keep_the_gateway_from_stopping(
    tmp_path: Path, tally: list[Verdict]
) -> None:
    silence = Faults((Rule(fault=Fault.DROP_RESPONSE, on=Event.DELIVER, until_s=DRAIN_S),))

    async def campaign() -> Verdict:
        async with Campaign(tmp_path, Traffic(), silence) as running:
            await running.up()
            await asyncio.sleep(1.0)
            assert await running.gateway.stop(DRAIN_S + LEAVE_S) == 0, running.gateway.said
            # What it left unanswered comes again, as after a death.
            running.gateway.kills += 1
            running.gateway.link_deaths += 1
            await running.up()
            return await running.settle()

    verdict = asyncio.run(campaign())

    tally.append(verdict)
    verdict.check(may_double=False)
