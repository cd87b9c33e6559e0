"""Long texts from handsets: joined for clients that want them whole, handed on as parts where they cannot be."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from chappe.runtime.settings_routing import BlockAction, BlockRule, OptOutRule
from chappe.runtime.settings_routing import Direction as RouteDirection
from chappe.sim.client import ClientSimulator
from chappe.sim.options import SmscOptions
from chappe.sim.smsc import SmscSimulator
from chappe.text import udh
from chappe.wire.smpp.pdus import DataSm, DeliverSm
from chappe.wire.smpp.tlvs import Tag, find
from house import House, bound, client, journey, mo, mt, operator, settings_of, small_house, ucp_client

JOINING = client("whole", join_s=600.0)


def send_part(
    smsc: SmscSimulator, number: int, total: int, text: bytes, *, reference: int = 7, source: str = "37120000001"
) -> None:
    header = udh.build([udh.concatenation_8(reference, total, number)])
    smsc.send_mo(header + text, source=source, esm_class=0x40, tag=f"{source}:{reference}:{number}")


def texts(sim: ClientSimulator) -> list[bytes]:
    """What a client got, in order, wherever the PDU has it."""
    return [text_of(each.pdu) for each in sim.received]


def text_of(pdu: DeliverSm | DataSm) -> bytes:
    payload = find(pdu.tlvs, Tag.MESSAGE_PAYLOAD)
    return payload if payload is not None else getattr(pdu, "short_message", b"")


@journey
async def test_parts_in_any_order_reach_the_client_as_one_text(tmp_path: Path) -> None:
    async with (
        small_house(tmp_path, clients=[JOINING], routes=[mt(), mo("whole")]) as (house, smsc),
        bound(house, "whole") as whole,
    ):
        send_part(smsc, 3, 3, b"c" * 153)
        send_part(smsc, 1, 3, b"a" * 153)
        smsc.send_mo(b"a text of its own")
        await whole.until(lambda: len(whole.received) == 1)
        send_part(smsc, 2, 3, b"b" * 153)
        await whole.until(lambda: len(whole.received) == 2)

        assert texts(whole) == [b"a text of its own", b"a" * 153 + b"b" * 153 + b"c" * 153]
        assert whole.received[1].pdu.esm_class == 0
        await house.until(lambda: house.depth("client:whole") == 0)
        assert house.depth("join") == 0
        (joined,) = house.events("mo_joined")
        assert [line[9] for line in house.events("mo_part_joined")] == [
            f"part {number} of 3 of {joined[2]}" for number in (1, 2, 3)
        ]


@journey
async def test_the_keyword_of_the_whole_decides_whose_it_is(tmp_path: Path) -> None:
    routes = [mt(), mo("votes", to="12345", keyword="vote"), mo("rest")]
    clients = [client("votes", join_s=600.0), client("rest")]
    async with (
        small_house(tmp_path, clients=clients, routes=routes) as (house, smsc),
        bound(house, "votes") as votes,
        bound(house, "rest") as rest,
    ):
        send_part(smsc, 2, 2, b" and more")
        send_part(smsc, 1, 2, b"VOTE 5")
        send_part(smsc, 2, 2, b" at all", reference=8)
        send_part(smsc, 1, 2, b"no vote", reference=8)
        await votes.until(lambda: votes.received)
        await rest.until(lambda: len(rest.received) == 2)

        assert texts(votes) == [b"VOTE 5 and more"]
        # Its client takes parts: they come with their headers, in order.
        assert [text[-7:] for text in texts(rest)] == [b"no vote", b" at all"]
        assert all(each.pdu.esm_class == 0x40 for each in rest.received)


@journey
async def test_what_is_not_whole_in_time_goes_on_as_parts(tmp_path: Path) -> None:
    async with (
        small_house(tmp_path, clients=[client("whole", join_s=0.5)], routes=[mt(), mo("whole")]) as (house, smsc),
        bound(house, "whole") as whole,
    ):
        send_part(smsc, 3, 3, b"third")
        send_part(smsc, 1, 3, b"first")
        await whole.until(lambda: len(whole.received) == 2)

        assert [text[-5:] for text in texts(whole)] == [b"first", b"third"]
        assert {line[9].partition(": ")[2] for line in house.events("mo_part_released")} == {
            "the others did not come in time"
        }
        await house.until(lambda: house.depth("client:whole") == 0)


@journey
async def test_a_reference_that_is_used_again_does_not_mix_texts(tmp_path: Path) -> None:
    async with (
        small_house(tmp_path, clients=[client("whole", join_s=1.0)], routes=[mt(), mo("whole")]) as (house, smsc),
        bound(house, "whole") as whole,
    ):
        send_part(smsc, 1, 2, b"old")
        await house.until(lambda: house.depth("join") == 1)
        send_part(smsc, 1, 2, b"new")
        send_part(smsc, 2, 2, b" text")
        send_part(smsc, 2, 2, b"x", source="37120000002")
        await whole.until(lambda: len(whole.received) == 3)

        assert sorted(text[-8:] for text in texts(whole)) == sorted(
            [b"new text", b"\x00\x03\x07\x02\x01old", b"\x05\x00\x03\x07\x02\x02x"]
        )


@journey
async def test_half_a_text_waits_on_after_a_restart(tmp_path: Path) -> None:
    async with SmscSimulator(SmscOptions()) as smsc:
        settings = settings_of(tmp_path, [operator(smsc.port)], [JOINING], [mt(), mo("whole")])
        async with House(settings) as house:
            await house.until(lambda: any(link.is_ready for link in smsc.links))
            send_part(smsc, 1, 2, b"first half, ")
            await house.until(lambda: smsc.mo_acked == 1 and house.depth("join") == 1)
        async with House(settings) as house, bound(house, "whole") as whole:
            await house.until(lambda: any(link.is_ready for link in smsc.links))
            assert house.depth("join") == 1
            send_part(smsc, 2, 2, b"second half")
            await whole.until(lambda: whole.received)

            assert texts(whole) == [b"first half, second half"]
            assert numbers_of(house.events("mo_part_joined")) == ["12345", "12345"]


@asynccontextmanager
async def strict_house(folder: Path, **tables: Any) -> AsyncIterator[tuple[House, SmscSimulator]]:
    async with SmscSimulator(SmscOptions()) as smsc:
        settings = settings_of(folder, [operator(smsc.port)], tables.pop("clients", [JOINING]), [mt(), mo("whole")])
        async with House(replace(settings, **tables)) as house:
            await house.until(lambda: any(link.is_ready for link in smsc.links))
            yield house, smsc


@journey
async def test_a_long_text_is_blocked_by_what_it_says_as_a_whole(tmp_path: Path) -> None:
    blocks = (
        BlockRule(direction=RouteDirection.MO, text="*casino*", reason="gambling", action=BlockAction.REFUSE),
        BlockRule(direction=RouteDirection.MO, text="secret*"),
        BlockRule(direction=RouteDirection.MO, source="37129*"),
    )
    async with strict_house(tmp_path, blocks=blocks) as (house, smsc), bound(house, "whole") as whole:
        send_part(smsc, 1, 2, b"come to the cas")
        send_part(smsc, 2, 2, b"ino of the town")
        send_part(smsc, 1, 2, b"this is no ", reference=8)
        send_part(smsc, 2, 2, b"secret at all", reference=8)
        send_part(smsc, 1, 2, b"whatever", source="37129000001")
        await house.until(lambda: len(house.events("mo_blocked")) == 3)
        await whole.until(lambda: whole.received)
        await house.until(lambda: house.depth("join") == 0)

        assert texts(whole) == [b"this is no secret at all"]
        assert smsc.mo_acked == 5
        assert sorted(line[9] for line in house.events("mo_blocked")) == [
            "blocks[0]: gambling; dropped with the whole text of 2 parts",
            "blocks[0]: gambling; dropped with the whole text of 2 parts",
            "blocks[2]: blocked; dropped",
        ]


@journey
async def test_parts_that_never_get_whole_are_blocked_by_what_each_says(tmp_path: Path) -> None:
    blocks = (BlockRule(direction=RouteDirection.MO, text="*casino*"),)
    hasty = [client("whole", join_s=0.5)]
    async with strict_house(tmp_path, blocks=blocks, clients=hasty) as (house, smsc), bound(house, "whole") as whole:
        send_part(smsc, 1, 3, b"a casino")
        send_part(smsc, 3, 3, b"of the town")
        await whole.until(lambda: whole.received)
        await house.until(lambda: house.depth("join") == 0)

        assert [text[-11:] for text in texts(whole)] == [b"of the town"]
        assert len(house.events("mo_blocked")) == 1


@pytest.mark.parametrize("join_s", [600.0, 0.0])
@journey
async def test_the_last_part_of_a_long_text_is_no_wish_to_hear_no_more(tmp_path: Path, join_s: float) -> None:
    opt_outs = (OptOutRule(name="shop", numbers=("12345",)),)
    terms = {"opt_outs": opt_outs, "clients": [client("whole", join_s=join_s)]}
    async with strict_house(tmp_path, **terms) as (house, smsc), bound(house, "whole") as whole:
        send_part(smsc, 1, 2, b"tell me where the bus will ")
        send_part(smsc, 2, 2, b"stop")
        await whole.until(lambda: len(whole.received) == (1 if join_s else 2))
        smsc.send_mo(b"stop", source="37120000002")
        await house.until(lambda: house.events("opted_out"))

        assert [line[5] for line in house.events("opted_out")] == ["37120000002"]


@journey
async def test_what_a_client_over_ucp_has_no_room_for_comes_in_parts(tmp_path: Path) -> None:
    async with (
        small_house(tmp_path, clients=[ucp_client("whole", join_s=600.0)], routes=[mt(), mo("whole")]) as (house, smsc),
        bound(house, "whole", protocol="ucp") as whole,
    ):
        for number in (1, 2, 3):
            send_part(smsc, number, 3, b"%d" % number * 153)
        for number in (1, 2):
            send_part(smsc, number, 2, b"%d" % number * 153, reference=8)
        await whole.until(lambda: len(whole.received) == 4)
        await house.until(lambda: house.depth("join") == house.depth("client:whole") == 0)

        assert not house.gateway.store.held_messages
        assert len(house.events("mo_joined")) == 1
        assert {line[9].partition(": ")[2] for line in house.events("mo_part_released")} == {
            "its client's protocol has no room for it"
        }


def numbers_of(lines: Sequence[Sequence[str]]) -> list[str]:
    return [line[6] for line in lines]
