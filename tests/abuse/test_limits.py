"""What a client may not exceed: rate, queue and window; and that the limit of one is no other's."""

import asyncio
from pathlib import Path

from bystander import BYSTANDER, watched

from chappe.sim.options import SmscOptions
from chappe.wire.smpp.codec import encode
from chappe.wire.smpp.pdus import SubmitSm
from house import Raw, bound, client, journey, small_house

MESSAGE = SubmitSm(destination_addr="37120000001", short_message=b"hello")


async def statuses_of(raw: Raw, count: int) -> list[int]:
    """Send `count` messages at once; what is said to each."""
    raw.send(b"".join(encode(MESSAGE, number) for number in range(2, 2 + count)))
    return [answer[1] for answer in [await raw.read() for _ in range(count)] if answer[0] == 0x8000_0004]


@journey
async def test_rate_is_refused_as_throttled_and_recovers(tmp_path: Path) -> None:
    clients = [client(rate=20.0), BYSTANDER]
    async with small_house(tmp_path, clients=clients) as (house, _), watched(house):
        raw = await Raw.bound(house.port)

        statuses = await statuses_of(raw, 100)

        assert 20 <= statuses.count(0) <= 25
        assert statuses.count(0x58) == 100 - statuses.count(0)
        await asyncio.sleep(0.3)
        assert (await statuses_of(raw, 1)) == [0]
        raw.close()


@journey
async def test_queue_limit_is_refused_as_full_and_recovers(tmp_path: Path) -> None:
    clients = [client(queue_limit=10), BYSTANDER]
    options = SmscOptions(receipt_delay_s=1.0)
    async with small_house(tmp_path, smsc=options, clients=clients) as (house, _), watched(house):
        raw = await Raw.bound(house.port)

        statuses = await statuses_of(raw, 30)

        # Taken by the operator is not yet final: the limit counts until the end of a message.
        assert statuses.count(0) == 10
        assert set(statuses) == {0, 0x14}
        await house.until(lambda: house.gateway.store.open_messages("demo") == 0)
        assert (await statuses_of(raw, 1)) == [0]
        raw.close()


@journey
async def test_limit_of_a_small_client_does_not_count_what_others_send(tmp_path: Path) -> None:
    clients = [client("big"), client("small", queue_limit=5)]
    async with small_house(tmp_path, clients=clients) as (house, _):
        big, small = await Raw.bound(house.port, "big"), await Raw.bound(house.port, "small")

        big.send(b"".join(encode(MESSAGE, number) for number in range(2, 902)))
        small.send(encode(MESSAGE, 2))

        assert (await small.read())[1] == 0
        assert {(await big.read())[1] for _ in range(900)} == {0}
        big.close()
        small.close()


@journey
async def test_window_that_is_exceeded_is_throttled_and_each_request_is_answered(tmp_path: Path) -> None:
    async with small_house(tmp_path, clients=[client(smpp={"window": 5})]) as (house, smsc):
        raw = await Raw.bound(house.port)

        statuses = await statuses_of(raw, 200)

        assert len(statuses) == 200
        assert set(statuses) == {0, 0x58}
        assert statuses.count(0) >= 5
        await house.until(lambda: len(smsc.submitted) == statuses.count(0))
        raw.close()


@journey
async def test_deliveries_keep_to_the_window_of_the_client(tmp_path: Path) -> None:
    async with small_house(tmp_path, clients=[client(smpp={"window": 3, "response_s": 60.0})]) as (house, smsc):
        raw = await Raw.bound(house.port)
        for number in range(10):
            smsc.send_mo(b"%d" % number)
        numbers = [(await raw.read())[2] for _ in range(3)]
        await house.until(lambda: smsc.mo_acked == 10)

        # The window is full: nothing but the answer to a probe comes.
        assert await raw.is_alive()
        for number in numbers:
            raw.tell(0x8000_0005, b"\0", number=number)
        assert len({(await raw.read())[2] for _ in range(3)} | set(numbers)) == 6
        raw.close()


@journey
async def test_two_clients_never_see_each_others_messages(tmp_path: Path) -> None:
    clients = [client("one"), client("two")]
    async with (
        small_house(tmp_path, clients=clients) as (house, _),
        bound(house, "one") as one,
        bound(house, "two") as two,
    ):
        asked = SubmitSm(destination_addr="371", short_message=b"x", registered_delivery=1)
        ids = {(await one.ask(asked)).message_id for _ in range(5)}
        others = {(await two.ask(asked)).message_id for _ in range(5)}
        await one.until(lambda: len(one.received) == 5)
        await two.until(lambda: len(two.received) == 5)

        assert {each.message_id for each in one.received} == ids
        assert {each.message_id for each in two.received} == others
