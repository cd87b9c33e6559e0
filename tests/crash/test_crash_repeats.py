"""The gateway dies while it takes a submission over SMPP; its client submits again, and each message is there once."""

import asyncio
import struct
from pathlib import Path

import pytest
from crash_gateway import CLIENT, Death
from crash_nodes import gateway_of
from crash_store import Stored

from chappe.crash import CrashPoint
from chappe.wire.smpp.codec import decode, encode
from chappe.wire.smpp.pdus import BindTransmitter, Pdu, SmeAddress, SubmitMulti, SubmitSm

POINTS = (CrashPoint.BEFORE_COMMIT_ONCE, CrashPoint.AFTER_COMMIT_ONCE, CrashPoint.BEFORE_WRITE_TO_CLIENT)
REFERENCE = ((0x0204, b"\0\7"),)
NUMBERS = [f"3712000000{number}" for number in range(5)]
ONE = SubmitSm(source_addr="SHOP", destination_addr=NUMBERS[0], short_message=b"mt-1", tlvs=REFERENCE)
MANY = SubmitMulti(
    source_addr="SHOP",
    dest_address=tuple(SmeAddress(1, 1, number) for number in NUMBERS),
    short_message=b"mt-1",
    tlvs=REFERENCE,
)


async def submitted(port: int, pdu: Pdu) -> str:
    """Bind, submit, and return the message_id.  Raises: OSError or EOFError while nobody answers, or who did died."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for number, each in enumerate((BindTransmitter(CLIENT, "secret"), pdu), 1):
            writer.write(encode(each, number))
            length, command_id, status, _ = struct.unpack(">IIII", await reader.readexactly(16))
            body = await reader.readexactly(length - 16)
            assert status == 0
        answer = decode(command_id, body)
        assert hasattr(answer, "message_id")
        return str(answer.message_id)
    finally:
        writer.close()


async def submitted_until_answered(port: int, pdu: Pdu) -> str:
    while True:
        try:
            return await submitted(port, pdu)
        except (OSError, EOFError):
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("point", POINTS, ids=str)
@pytest.mark.parametrize(("pdu", "messages"), [(ONE, 1), (MANY, 5)], ids=["submit_sm", "submit_multi"])
def test_a_submission_that_is_repeated_over_a_death_is_stored_once(
    tmp_path: Path, dsn: str, point: CrashPoint, pdu: Pdu, messages: int
) -> None:
    async def scenario() -> tuple[list[str], Stored]:
        gateway = gateway_of(tmp_path, 1, dsn, nodes=["client-smpp"])
        text = gateway.settings.read_text(encoding="utf-8")
        gateway.settings.write_text(text.replace("max_binds = 100", "max_binds = 100\ndedup_s = 600"), encoding="utf-8")
        try:
            dying = asyncio.create_task(gateway.die(Death(point, node="client-smpp")))
            submitting = asyncio.create_task(submitted_until_answered(gateway.smpp_port, pdu))
            await dying
            await gateway.start()
            answers = [await submitting, await submitted_until_answered(gateway.smpp_port, pdu)]
            await gateway.stop()
        finally:
            await gateway.clean_up()
        return answers, await gateway.stored()

    answers, found = asyncio.run(scenario())

    stored = found.lives
    assert answers[0] == answers[1]
    assert int(answers[0]) in stored
    assert len(stored) == messages
