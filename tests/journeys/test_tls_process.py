"""A gateway in a process of its own: its certificate is renewed by SIGHUP, and bad files end its start in one line."""

from __future__ import annotations

import asyncio
import signal
import ssl
import subprocess
import sys
from pathlib import Path

import pytest

from certificates import Authority
from house import journey
from ports import free_port

SETTINGS = """
[gateway]
data_dir = "{folder}/data"
drain_s = 1
[listen]
smpp = "127.0.0.1:{plain}"
http = "127.0.0.1:0"
metrics = "127.0.0.1:0"
frontend = "off"
[listen.smpp_tls]
address = "127.0.0.1:{encrypted}"
certificate = "{folder}/door.pem"
key = "{folder}/door.key"
"""


def written(folder: Path) -> tuple[Authority, Path, int]:
    """Settings with a certificate; returns who vouches for it, the file, and the port for TLS."""
    authority, port, path = Authority(folder), free_port(), folder / "chappe.toml"
    authority.vouch_for("door")
    path.write_text(SETTINGS.format(folder=folder, plain=free_port(), encrypted=port), encoding="utf-8")
    return authority, path, port


async def shown(authority: Authority, port: int) -> str:
    """Whose certificate the door shows."""
    context = ssl.create_default_context(cafile=str(authority.path))
    async with asyncio.timeout(20):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
            except ConnectionRefusedError:
                await asyncio.sleep(0.05)
                continue
            subject = writer.get_extra_info("peercert")["subject"]
            writer.close()
            return str(subject[0][0][1])


@journey
async def test_sighup_renews_the_certificate_and_sigterm_still_drains(tmp_path: Path) -> None:
    authority, path, port = written(tmp_path)
    command = [sys.executable, "-m", "chappe.cli", "up", "--config", str(path)]
    process = await asyncio.create_subprocess_exec(*command, cwd=tmp_path, stdout=asyncio.subprocess.DEVNULL)
    try:
        assert await shown(authority, port) == "door"
        authority.vouch_for("renewed", file="door")
        process.send_signal(signal.SIGHUP)
        async with asyncio.timeout(4):
            while await shown(authority, port) != "renewed":
                await asyncio.sleep(0.05)

        process.terminate()
        assert await asyncio.wait_for(process.wait(), 15) == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@pytest.mark.parametrize(("name", "words"), [("door.pem", "certificate"), ("door.key", "key")])
def test_a_bad_file_ends_the_start_with_one_line(tmp_path: Path, name: str, words: str) -> None:
    _, path, _ = written(tmp_path)
    (tmp_path / name).write_bytes(b"rubbish")

    command = [sys.executable, "-m", "chappe.cli", "up", "--config", str(path)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=30, cwd=tmp_path, check=False)

    checked = subprocess.run(
        [*command[:-3], "conf", "check", str(path)],
        capture_output=True,
        text=True,
        timeout=30,
        cwd=tmp_path,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (checked.returncode, checked.stderr)
    assert ended.returncode == 1
    assert ended.stderr.count("\n") == 1
    assert f"listen.smpp_tls.{words}: {tmp_path}/{name}: " in ended.stderr
