"""What becomes of what waits for an operator or a client that is gone from the settings at the next start."""

from pathlib import Path

from chappe.instructions.file import Instructions
from chappe.instructions.kinds import DropQueue
from chappe.sim.options import SmscOptions
from chappe.sim.smsc import SmscSimulator
from chappe.wire.smpp.pdus import SubmitSm
from house import House, bound, client, journey, mt, operator, settings_of
from ports import free_port

HELLO = SubmitSm(source_addr="SHOP", destination_addr="37120000001", short_message=b"hello", registered_delivery=1)


@journey
async def test_what_waits_for_a_removed_operator_ends_by_its_validity_and_its_client_hears_of_it(
    tmp_path: Path,
) -> None:
    clients = [client(default_validity_s=2.0)]
    before = settings_of(tmp_path, [operator(free_port(), "old")], clients, [mt("old")])
    after = settings_of(tmp_path, [operator(free_port(), "new")], clients, [mt("new")])
    async with House(before) as house, bound(house) as demo:
        answer = await demo.ask(HELLO)

    async with House(after) as house, bound(house) as demo:
        await demo.until(lambda: demo.received)

        assert [(each.message_id, each.stat) for each in demo.received] == [(answer.message_id, "EXPIRED")]
        assert house.depth("operator:old") == 0


@journey
async def test_what_waits_for_a_removed_operator_goes_where_the_routes_now_say(tmp_path: Path) -> None:
    async with SmscSimulator(SmscOptions()) as smsc:
        before = settings_of(tmp_path, [operator(free_port(), "old")], (), [mt("old")])
        after = settings_of(tmp_path, [operator(smsc.port, "new")], (), [mt("new")])
        async with House(before) as house, bound(house) as demo:
            answer = await demo.ask(HELLO)

        async with House(after) as house, bound(house) as demo:
            await demo.until(lambda: demo.received)

            assert [(each.message_id, each.stat) for each in demo.received] == [(answer.message_id, "DELIVRD")]
            assert (house.depth("operator:old"), house.depth("operator:new")) == (0, 0)
            assert len(smsc.submitted) == 1


@journey
async def test_what_waits_for_a_removed_client_is_shown_and_ends_when_a_person_says_so(tmp_path: Path) -> None:
    async with SmscSimulator(SmscOptions(receipt_delay_s=0.3)) as smsc:
        links = [operator(smsc.port)]
        before = settings_of(tmp_path, links, [client("demo"), client("gone")], [mt()])
        after = settings_of(tmp_path, links, [client("demo")], [mt()])
        async with House(before) as house:
            async with bound(house, "gone") as gone:
                answer = await gone.ask(HELLO)
            await house.until(lambda: house.depth("client:gone"))

        async with House(after) as house:
            (queue,) = [each for each in house.gateway.watching.status().queues if each.messages]
            assert (queue.queue, queue.cause) == ("client:gone", "client gone is not in the settings")
            instructions = Instructions.for_command(tmp_path)
            refused = instructions.ask(DropQueue("client:demo"), "ada")
            done = instructions.ask(DropQueue("client:gone"), "ada")
            await house.until(lambda: is_done(instructions, done))

            assert house.depth("client:gone") == 0
            assert instructions.find(refused).outcome.fault.startswith("client:demo has a reader")  # type: ignore[union-attr]
            (told,) = house.events("dr_refused")
            assert (told[2], told[9]) == (answer.message_id, "drop_queue by ada")
            assert house.events("instruction_done")[0][9] == "drop_queue by ada: client:gone 1"
            instructions.close()


def is_done(instructions: Instructions, number: int) -> bool:
    asked = instructions.find(number)
    return asked is not None and asked.outcome is not None
