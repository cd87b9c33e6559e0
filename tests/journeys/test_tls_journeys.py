"""Clients that come encrypted: over SMPP and HTTP, with certificates of their own, while the gateway's is renewed."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import ClientSession, TCPConnector

from certificates import Authority, Certified
from chappe.runtime.settings_client_doors import ClientHttp
from chappe.runtime.settings_clients import Client
from chappe.runtime.settings_gateway import MinVersion, Tls
from chappe.wire.smpp.codec import decode, encode
from chappe.wire.smpp.pdus import BindTransceiver, SubmitSm, SubmitSmResp
from chappe.wire.ucp.codec import write_operation
from chappe.wire.ucp.operations import SessionManagement, SubmitShortMessage
from house import House, Raw, client, journey, operator, settings_of, ucp_client
from ports import free_port

SUBMIT = SubmitSm(source_addr="SHOP", destination_addr="37120000001", short_message=b"hello")


@dataclass
class TlsHouse:
    """A gateway whose doors speak TLS, and who vouches for it."""

    house: House
    authority: Authority

    def context(self, certified: Certified | None = None) -> ssl.SSLContext:
        """What a client needs to trust the gateway, and what it shows of itself."""
        context = ssl.create_default_context(cafile=str(self.authority.path))
        if certified is not None:
            context.load_cert_chain(certified.certificate, certified.key)
        return context

    async def connect(self, certified: Certified | None = None) -> Raw:
        """An encrypted connection to the SMPP door."""
        port = self.house.gateway.smpp_tls_port
        return Raw(*await asyncio.open_connection("127.0.0.1", port, ssl=self.context(certified)))

    async def bind(self, name: str, password: str = "", certified: Certified | None = None) -> int:
        """The status of a bind."""
        raw = await self.connect(certified)
        answer = await raw.ask(BindTransceiver(name, password))
        raw.close()
        return answer[1]

    async def get(self, certified: Certified | None = None, **headers: str) -> tuple[int, Any]:
        """The answer to a question over HTTP."""
        port = self.house.gateway.http_tls_port
        async with (
            ClientSession(connector=TCPConnector(ssl=self.context(certified))) as session,
            session.get(f"https://127.0.0.1:{port}/v1/messages", headers=headers) as answer,
        ):
            return answer.status, json.loads(await answer.read())


@asynccontextmanager
async def tls_house(
    folder: Path, *clients: Client, has_own_port: bool = True, asks: bool = False, **fields: Any
) -> AsyncIterator[TlsHouse]:
    authority = Authority(folder)
    own = authority.vouch_for("door")
    if asks:
        fields |= {"client_ca": str(authority.path)}
    tls = Tls(
        certificate=str(own.certificate), key=str(own.key), address="127.0.0.1:0" if has_own_port else None, **fields
    )
    settings = settings_of(folder / "data", [operator(free_port())], clients)
    listen = msgspec.structs.replace(
        settings.listen, smpp_tls=tls, http_tls=tls, ucp_tls=tls if settings.listen.ucp is not None else None
    )
    async with House(msgspec.structs.replace(settings, listen=listen)) as house:
        yield TlsHouse(house, authority)


@pytest.mark.parametrize("has_own_port", [True, False])
@journey
async def test_a_client_binds_and_submits_encrypted(tmp_path: Path, has_own_port: bool) -> None:
    async with tls_house(tmp_path, client(), has_own_port=has_own_port) as tls:
        raw = await tls.connect()
        bound = await raw.ask(BindTransceiver("demo", "secret"))
        command_id, status, _, body = await raw.ask(SUBMIT, number=2)
        many = b"".join(encode(SUBMIT, number) for number in range(3, 503))
        raw.send(many)
        answers = [await raw.read() for _ in range(500)]
        raw.close()

        assert (bound[1], status) == (0, 0)
        answer = decode(command_id, body)
        assert isinstance(answer, SubmitSmResp)
        assert [each[2] for each in answers] == list(range(3, 503))
        assert tls.house.depth("operator:sim") == 501
        assert (tls.house.port == 0) is not has_own_port


@journey
async def test_a_client_signs_on_and_submits_encrypted_over_ucp(tmp_path: Path) -> None:
    sign_on = SessionManagement("demo", "6", "5", "1", b"secret".hex(), vers="0100")
    submit = SubmitShortMessage("37120000001", "12345", mt="3", msg="6869")
    async with tls_house(tmp_path, ucp_client()) as tls:
        port = tls.house.gateway.ucp_tls_port
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls.context())
        writer.write(write_operation(0, sign_on))
        assert b"/R/60/A/" in await reader.readuntil(b"\x03")
        writer.write(write_operation(1, submit))
        answer = await reader.readuntil(b"\x03")
        writer.close()

        assert b"/R/51/A//37120000001:" in answer
        assert tls.house.depth("operator:sim") == 1


@journey
async def test_the_plain_door_stays_beside_the_one_for_tls(tmp_path: Path) -> None:
    async with tls_house(tmp_path, client()) as tls:
        raw = await Raw.bound(tls.house.port)

        assert await raw.is_alive()
        raw.close()


@journey
async def test_a_renewed_certificate_is_shown_to_whoever_comes_next(tmp_path: Path) -> None:
    async with tls_house(tmp_path, client()) as tls:
        before = await tls.connect()
        assert (await before.ask(BindTransceiver("demo", "secret")))[1] == 0
        tls.authority.vouch_for("renewed", file="door")
        tls.house.gateway.tls_watch.ask()
        await tls.house.until(lambda: tls.house.events("certificate_loaded"))

        after = await tls.connect()
        shown = after.writer.get_extra_info("peercert")["subject"]

        assert shown == ((("commonName", "renewed"),),)
        assert await before.is_alive()
        before.close()
        after.close()
        assert tls.house.events("certificate_loaded")[0][9] == f"smpp CN=renewed until {_day(tls)}"


def _day(tls: TlsHouse) -> str:
    return tls.house.gateway.watching.status().certificates[0].expires_at[:10]


@journey
async def test_files_that_are_broken_while_it_runs_are_told_and_change_nothing(tmp_path: Path) -> None:
    async with tls_house(tmp_path, client()) as tls:
        (tmp_path / "door.pem").write_bytes(b"half")
        tls.house.gateway.tls_watch.ask()
        await tls.house.until(lambda: tls.house.events("certificate_refused"))

        assert await tls.bind("demo", "secret") == 0
        status = tls.house.gateway.watching.status().certificates
        assert [(each.door, each.subject, "PEM" in each.fault) for each in status] == [
            ("smpp", "CN=door", True),
            ("http", "CN=door", True),
        ]
        metrics = tls.house.gateway.watching.metrics.text().decode()
        assert 'chappe_certificate_expires_seconds{door="smpp"} 7.7' in metrics


@journey
async def test_a_bind_is_known_by_its_certificate(tmp_path: Path) -> None:
    authority = Authority(tmp_path / ".", "Other CA")
    by_subject = client("subject", smpp={"certificates": ("CN=acme,O=Acme",)})
    alone = client("alone", smpp={"certificates": ("CN=alone",), "password": None})
    async with tls_house(tmp_path, client(), by_subject, alone, asks=True, requires_certificate=False) as tls:
        acme = tls.authority.vouch_for("acme", organisation="Acme")
        other = tls.authority.vouch_for("other")
        own = tls.authority.vouch_for("alone")

        assert await tls.bind("demo", "secret") == 0
        assert await tls.bind("subject", "secret", acme) == 0
        assert await tls.bind("subject", "wrong", acme) == 0x0E
        assert await tls.bind("subject", "secret", other) == 0x0D
        assert await tls.bind("subject", "secret") == 0x0D
        assert await tls.bind("alone", "", own) == 0
        assert await tls.bind("alone", "", acme) == 0x0D
        plain = await Raw.connect(tls.house.port)
        assert (await plain.ask(BindTransceiver("subject", "secret")))[1] == 0x0D
        plain.close()
        with pytest.raises((ssl.SSLError, OSError, EOFError)):
            await tls.bind("subject", "secret", authority.vouch_for("acme", file="false", organisation="Acme"))
        await tls.house.until(lambda: tls.house.events("tls_failed"))


@journey
async def test_who_shows_no_certificate_is_not_let_in_where_one_is_required(tmp_path: Path) -> None:
    async with tls_house(tmp_path, client(), asks=True) as tls:
        acme = tls.authority.vouch_for("acme")

        assert await tls.bind("demo", "secret", acme) == 0
        with pytest.raises((ssl.SSLError, OSError, EOFError)):
            await tls.bind("demo", "secret")


@journey
async def test_an_http_client_is_known_by_token_by_certificate_or_by_both(tmp_path: Path) -> None:
    http = {"certificates": ("CN=acme",)}
    both = Client(name="both", http=ClientHttp(token="both-token", **http))
    alone = Client(name="alone", http=ClientHttp(certificates=("CN=alone",)))
    token = Client(name="token", http=ClientHttp(token="a-token"))
    async with tls_house(tmp_path, client(), both, alone, token, asks=True, requires_certificate=False) as tls:
        acme, own = tls.authority.vouch_for("acme"), tls.authority.vouch_for("alone")

        assert (await tls.get(Authorization="Bearer a-token"))[0] == 200
        assert (await tls.get(acme, Authorization="Bearer both-token"))[0] == 200
        status, problem = await tls.get(own, Authorization="Bearer both-token")
        assert (status, problem["code"]) == (401, "no_certificate")
        assert (await tls.get(own))[0] == 200
        assert (await tls.get(acme))[1]["code"] == "no_token"
        assert (await tls.get())[1]["code"] == "no_token"


@journey
async def test_old_versions_of_tls_are_refused(tmp_path: Path) -> None:
    async with tls_house(tmp_path, client(), min_version=MinVersion.TLS_1_3) as tls:
        old = tls.context()
        old.maximum_version = ssl.TLSVersion.TLSv1_2

        with pytest.raises(OSError):
            await asyncio.open_connection("127.0.0.1", tls.house.gateway.smpp_tls_port, ssl=old)
        await tls.house.until(lambda: tls.house.events("tls_failed"))


@journey
async def test_strangers_who_never_shake_hands_keep_nobody_out(tmp_path: Path) -> None:
    async with tls_house(tmp_path, client()) as tls:
        loop = asyncio.get_running_loop()
        silent = []
        for _ in range(1_100):
            each = socket.socket()
            each.setblocking(False)
            await loop.sock_connect(each, ("127.0.0.1", tls.house.gateway.smpp_tls_port))
            silent.append(each)

        assert await tls.bind("demo", "secret") == 0
        await tls.house.until(lambda: tls.house.gateway.smpp_door.unbound == 0)
        for each in silent:
            each.close()


@journey
async def test_plain_octets_at_the_tls_door_are_turned_away_and_told(tmp_path: Path) -> None:
    async with tls_house(tmp_path, client()) as tls:
        raw = await Raw.connect(tls.house.gateway.smpp_tls_port)
        raw.send(encode(BindTransceiver("demo", "secret"), 1))

        await raw.ended()
        await tls.house.until(lambda: tls.house.events("tls_failed"))

        assert "SMPP 127.0.0.1" in tls.house.events("tls_failed")[0][9]
        assert tls.house.gateway.smpp_door.unbound == 0
        raw.close()
