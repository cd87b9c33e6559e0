"""A message that has ended goes out once more because a person says so: the same octets, a life of its own."""

import asyncio
from pathlib import Path

import pytest

from chappe.cli import main as cli
from chappe.wire.smpp.pdus import SubmitSm
from house import bound, journey, small_house


def test_what_was_delivered_goes_out_once_more(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    @journey
    async def run() -> None:
        async with small_house(tmp_path / "data") as (house, smsc), bound(house) as demo:
            config = tmp_path / "chappe.toml"
            config.write_text(f'[gateway]\ndata_dir = "{house.settings.gateway.data_dir}"\n')
            header = b"\x05\x00\x03\x01\x02\x01"
            answer = await demo.ask(
                SubmitSm(
                    destination_addr="371", esm_class=0x40, short_message=header + b"hi \x00", registered_delivery=1
                )
            )
            await demo.until(lambda: demo.received)
            words = ("instruct", "resend_message", f"id={answer.message_id}", "--config", str(config))

            assert await asyncio.to_thread(cli.run, words) == 0
            await house.until(lambda: len(house.events("mt_delivered")) == 2)

            assert [each.pdu.short_message for each in smsc.submitted] == [header + b"hi \x00"] * 2
            assert [each.pdu.esm_class for each in smsc.submitted] == [0x40, 0x40]
            (noted,) = [each for each in house.events("instruction_done") if answer.message_id in str(each)]
            assert "sent again as" in str(noted)
            # Over SMPP the client knows no such id: it hears nothing of the second one.
            assert len(demo.received) == 1
            assert await asyncio.to_thread(cli.run, ("instruct", "resend_message", "id=4711", *words[3:])) == 1
            assert "there is no message 4711" in capsys.readouterr().err

    run()
