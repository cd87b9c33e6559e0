"""What a client meets while the gateway stops."""

import asyncio
from pathlib import Path

from chappe.wire.smpp.pdus import SubmitSm
from house import Raw, client, journey, small_house

HELLO = SubmitSm(source_addr="SHOP", destination_addr="37120000001", short_message=b"hello", registered_delivery=1)

DELIVER_SM = 0x05
DELIVER_SM_RESP = 0x8000_0005
UNBIND = 0x06


@journey
async def test_client_that_answers_while_the_gateway_stops_is_given_nothing_new(tmp_path: Path) -> None:
    async with small_house(tmp_path, clients=[client(smpp={"window": 1})]) as (house, _):
        raw = await Raw.bound(house.port)
        frames = [await raw.ask(HELLO, number=2), await raw.read()]
        frames += [await raw.ask(HELLO, number=number) for number in (3, 4)]
        deliver = next(frame for frame in frames if frame[0] == DELIVER_SM)
        await house.until(lambda: house.depth("client:demo") == 3)

        clock = asyncio.get_running_loop().time
        stop = asyncio.create_task(house.gateway.smpp_door.drain(clock() + 5.0))
        await asyncio.sleep(0)
        raw.tell(DELIVER_SM_RESP, b"\0", number=deliver[2])
        says = await raw.read()
        raw.tell(0x8000_0000 | UNBIND, number=says[2])
        await stop

        assert says[0] == UNBIND
        assert house.depth("client:demo") == 2
