"""Links to operators that are encrypted: whom they reach is verified, and what goes wrong is said in plain words."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from certificates import Authority, Certified
from chappe.net.tls_dial import THEIRS
from chappe.runtime.settings_operators import OperatorTls, Protocol
from chappe.sim.options import SmscOptions
from chappe.sim.smsc import SmscSimulator
from house import House, bound, journey, operator, settings_of


def encrypted(own: Certified, client_ca: Path | str = "", **keys: Any) -> SmscOptions:
    return SmscOptions(tls_certificate=str(own.certificate), tls_key=str(own.key), tls_client_ca=str(client_ca), **keys)


@asynccontextmanager
async def dialling(folder: Path, smsc: SmscOptions, **keys: Any) -> AsyncIterator[tuple[House, SmscSimulator]]:
    """A gateway that dials an encrypted SMSC; whether it gets in is for the test to see."""
    async with SmscSimulator(smsc) as simulator:
        settings = settings_of(folder / "data", [operator(simulator.port, **keys)])
        async with House(settings) as house:
            yield house, simulator


async def why_down(folder: Path, smsc: SmscOptions, tls: OperatorTls) -> str:
    """The first reason that the gateway gives for having no link."""
    async with dialling(folder, smsc, tls=tls) as (house, _):
        await house.until(lambda: house.events("link_down"))
        link = house.gateway.watching.status().operators[0].links[0]
        assert link.state == "down"
        return link.reason


@pytest.mark.parametrize("protocol", [Protocol.SMPP, Protocol.UCP])
@journey
async def test_a_message_and_its_receipt_travel_encrypted(tmp_path: Path, protocol: Protocol) -> None:
    authority = Authority(tmp_path)
    ours = authority.vouch_for("gateway")
    smsc = encrypted(authority.vouch_for("smsc"), authority.path, protocol=protocol.value)
    tls = OperatorTls(ca=str(authority.path), certificate=str(ours.certificate), key=str(ours.key))

    async with dialling(tmp_path, smsc, protocol=protocol, tls=tls) as (house, simulator):
        async with bound(house, count=3) as client:
            assert await client.run()

        assert len(simulator.submitted) == 3
        shown = {each.door: each for each in house.gateway.watching.status().certificates}
        assert shown["operator:sim"].subject == "CN=gateway"
        assert shown["operator:sim" + THEIRS].subject == "CN=smsc"
        metrics = house.gateway.watching.metrics.text().decode()
        assert f'chappe_certificate_expires_seconds{{door="operator:sim{THEIRS}"}}' in metrics


@journey
async def test_an_smsc_that_nobody_vouches_for_gets_no_password(tmp_path: Path) -> None:
    stranger = Authority(tmp_path, "Stranger").vouch_for("smsc")

    reason = await why_down(tmp_path, encrypted(stranger), OperatorTls(ca=str(Authority(tmp_path).path)))

    assert "nobody whom we trust vouches for its certificate" in reason


@journey
async def test_without_authorities_of_its_own_the_systems_count(tmp_path: Path) -> None:
    reason = await why_down(tmp_path, encrypted(Authority(tmp_path).vouch_for("smsc")), OperatorTls())

    assert "nobody whom we trust vouches for its certificate" in reason


@journey
async def test_a_certificate_for_another_host_is_named_as_such(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    smsc = encrypted(authority.vouch_for("smsc", host="smsc.example.com"))

    reason = await why_down(tmp_path, smsc, OperatorTls(ca=str(authority.path)))

    assert "its certificate is for another host than '127.0.0.1'" in reason


@journey
async def test_server_name_says_whom_to_expect_behind_an_address(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    smsc = encrypted(authority.vouch_for("smsc", host="smsc.example.com"))
    tls = OperatorTls(ca=str(authority.path), server_name="smsc.example.com")

    async with dialling(tmp_path, smsc, tls=tls) as (house, _):
        await house.until(lambda: house.events("link_up"))


@journey
async def test_an_expired_certificate_is_named_as_such(tmp_path: Path) -> None:
    authority = Authority(tmp_path)

    reason = await why_down(
        tmp_path, encrypted(authority.vouch_for("smsc", days=-1)), OperatorTls(ca=str(authority.path))
    )

    assert "its certificate has expired" in reason


@journey
async def test_an_smsc_that_asks_for_a_certificate_of_ours_is_understood(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    smsc = encrypted(authority.vouch_for("smsc"), authority.path)

    reason = await why_down(tmp_path, smsc, OperatorTls(ca=str(authority.path)))

    assert "it asks for a certificate of ours" in reason


@journey
async def test_an_smsc_that_speaks_no_tls_is_understood(tmp_path: Path) -> None:
    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 hello, this is no TLS\r\n")
        await reader.read(1)
        writer.close()

    server = await asyncio.start_server(babble, "127.0.0.1", 0)
    settings = settings_of(tmp_path / "data", [operator(server.sockets[0].getsockname()[1], tls=OperatorTls())])
    async with server, House(settings) as house:
        await house.until(lambda: house.events("link_down"))

        assert "it does not speak TLS there" in house.gateway.watching.status().operators[0].links[0].reason


@journey
async def test_whoever_turns_verification_off_gets_in_anywhere(tmp_path: Path) -> None:
    async with dialling(tmp_path, encrypted(Authority(tmp_path).vouch_for("smsc")), tls=OperatorTls(verify=False)) as (
        house,
        _,
    ):
        await house.until(lambda: house.events("link_up"))
