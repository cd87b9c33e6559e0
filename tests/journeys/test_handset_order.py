"""What follows a refused message for the same handset does not overtake it, and nobody else waits."""

from pathlib import Path

from chappe.sim.faults import Fault
from chappe.sim.script import Faults, Rule
from chappe.wire.smpp.codec import decode, encode
from chappe.wire.smpp.pdus import DeliverSm, DeliverSmResp, SubmitSm
from house import Raw, bound, client, journey, small_house

TEMPORARY = 0x08
DELIVER_SM = 5


def submit(text: bytes, dest: str = "37120000001") -> SubmitSm:
    return SubmitSm(source_addr="SHOP", destination_addr=dest, short_message=text, registered_delivery=1)


@journey
async def test_what_follows_a_refused_message_waits_behind_it_and_other_handsets_do_not(tmp_path: Path) -> None:
    faults = Faults((Rule(fault=Fault.REFUSE, status=TEMPORARY, at_count=(1, 3)),))
    slow = {"retry_s": (0.7,)}
    async with small_house(tmp_path, faults=faults, of_operator=slow) as (house, smsc), bound(house) as demo:
        await demo.ask(submit(b"1"))
        await house.until(lambda: house.events("mt_deferred"))
        for number in range(2, 6):
            await demo.ask(submit(b"%d" % number))
        await demo.ask(submit(b"other", "37120000002"))
        await house.until(lambda: len(smsc.submitted) == 6)

        assert [each.octets for each in smsc.submitted] == [b"other", b"1", b"2", b"3", b"4", b"5"]


@journey
async def test_what_follows_a_refused_delivery_waits_behind_it_also_when_it_is_refused_twice(tmp_path: Path) -> None:
    async with small_house(tmp_path, clients=[client(smpp={"retry_s": 0.5})]) as (house, _):
        raw = await Raw.bound(house.port)
        raw.send(encode(submit(b"1"), 101))
        refusals, taken = 2, list[str]()
        while len(taken) < 3:
            command_id, _, number, body = await raw.read()
            if command_id != DELIVER_SM:
                continue
            pdu = decode(command_id, body)
            assert isinstance(pdu, DeliverSm)
            text = pdu.short_message.rpartition(b"ext:")[2].decode()
            if text == "1" and refusals:
                refusals -= 1
                raw.tell(0x8000_0000 | DELIVER_SM, b"\0", number=number, status=TEMPORARY)
                for follower in (b"2", b"3") if refusals else ():
                    raw.send(encode(submit(follower), 200 + follower[0]))
                continue
            taken.append(text)
            raw.send(encode(DeliverSmResp(), number))
        raw.close()

    assert refusals == 0
    assert taken == ["1", "2", "3"]
