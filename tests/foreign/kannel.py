"""Debian's Kannel on loopback ports: its bearerbox with one link over SMPP or UCP, and its smsbox with one user."""

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from ports import free_port

BOXES = ("bearerbox", "smsbox")
IS_THERE = all(shutil.which(box) or Path(f"/usr/sbin/{box}").exists() for box in BOXES)
#: How long a box may take to end; Kannel waits for its threads.
END_S = 10.0

CONFIGURATION = """
group = core
admin-port = {admin}
admin-interface = 127.0.0.1
admin-password = admin
smsbox-port = {box}
smsbox-interface = 127.0.0.1
dlr-storage = internal
log-file = {folder}/bearerbox.log
log-level = 1

group = smsc
smsc-id = three
host = 127.0.0.1
port = {smsc}
{link}

group = smsbox
bearerbox-host = 127.0.0.1
bearerbox-port = {box}
sendsms-port = {http}
sendsms-interface = 127.0.0.1
sendsms-chars = "0123456789 +-"
log-file = {folder}/smsbox.log
log-level = 1

group = sms-service
keyword = default
get-url = "{mo_url}"
max-messages = 0

group = smpp-tlv
name = account_ref
tag = 0x1501
type = octetstring
length = 16
smsc-id = three

group = smpp-tlv
name = campaign
tag = 0x1502
type = nulterminated
length = 8

group = smpp-tlv
name = tariff
tag = 0x1503
type = integer
length = 2

group = sendsms-user
username = tester
password = foobar
max-messages = 10
concatenation = true
"""

SMPP = """
smsc = smpp
transceiver-mode = true
smsc-username = chappe
smsc-password = secret
system-type = ""
"""
UCP = """
smsc = emi
smsc-username = kannel
smsc-password = secret
window = 50
keepalive = 5
"""


@asynccontextmanager
async def kannel(folder: Path, smsc_port: int, mo_url: str, link: str = SMPP) -> AsyncIterator[int]:
    """A running Kannel; the port of its smsbox."""
    port = free_port()
    file = folder / "kannel.conf"
    ports = {"admin": free_port(), "box": free_port(), "http": port, "smsc": smsc_port}
    file.write_text(CONFIGURATION.format(folder=folder, mo_url=mo_url, link=link.strip(), **ports))
    boxes: list[asyncio.subprocess.Process] = []
    try:
        for box, listens in (("bearerbox", ports["box"]), ("smsbox", port)):
            path = shutil.which(box) or f"/usr/sbin/{box}"
            quiet = subprocess.DEVNULL
            boxes.append(await asyncio.create_subprocess_exec(path, str(file), stdout=quiet, stderr=quiet))
            await _until_listening(listens)
        yield port
    finally:
        for process in reversed(boxes):
            await _end(process)


async def _until_listening(port: int) -> None:
    async with asyncio.timeout(15):
        while True:
            with suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                return
            await asyncio.sleep(0.05)


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        await asyncio.wait_for(process.wait(), END_S)
    except TimeoutError:
        process.kill()
        await process.wait()
