"""What a hundred clients whose URLs never take a callback cost everybody else: p99 beside them, and without them.

    .venv/bin/python bench/dead_callbacks.py [--rounds 3] [--seconds 30] [--folder /dev/shm]

Each round runs a fresh gateway twice with the same messages.  A hundred clients post, and are called back at URLs that
take everything at once, or at URLs that take a connection and never answer, send one octet a second, or a body without
an end.  Meanwhile an HTTP client with callbacks and an SMPP client do their ordinary work, and their ledgers are read.
"""

import argparse
import asyncio
import contextlib
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from urllib.request import urlopen

import aiohttp

from chappe.sim.latency import Latency, latency
from chappe.sim.ledger import read

OTHERS = 100
OTHERS_RATE = 200.0
RATE = 100
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
CHAPPE = Path(sys.executable).with_name("chappe")

Handle = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


# -- the URLs of the others ------------------------------------------------------------------------------------------


async def takes(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Every request gets its 204 at once."""
    while head := await reader.readuntil(b"\r\n\r\n"):
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r")[0])
        await reader.readexactly(length)
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")


async def is_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A connection, and not a word."""
    await reader.read()


async def drips_a_head(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """An octet a second, of an answer whose head never ends."""
    for octet in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 10_000:
        writer.write(bytes([octet]))
        await writer.drain()
        await asyncio.sleep(1)


async def drips_a_body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A refusal whose body comes by single octets."""
    writer.write(b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 100000\r\n\r\n")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(1)


async def never_ends(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A body as large as the gateway cares to read."""
    writer.write(b"HTTP/1.1 500 Internal Server Error\r\n\r\n")
    while True:
        writer.write(b"x" * 65_536)
        await writer.drain()


DEAD: Sequence[Handle] = (is_silent, drips_a_head, drips_a_body, never_ends)


def quietly(handle: Handle) -> Handle:
    """Whatever the gateway does to the connection is expected."""

    async def handled(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await handle(reader, writer)
        writer.close()

    return handled


async def post_for_ever(http_port: int) -> None:
    """What the others send, one after the other, evenly over the time."""
    pause_s = 1 / OTHERS_RATE
    body = {"to": "+37120000001", "from": "SHOP", "text": "hello"}
    async with aiohttp.ClientSession(f"http://127.0.0.1:{http_port}") as session:
        began, number = time.monotonic(), 0
        while True:
            headers = {"Authorization": f"Bearer token{number % OTHERS}"}
            async with session.post("/v1/messages", json=body, headers=headers) as answer:
                assert answer.status == 202, await answer.text()
            number += 1
            await asyncio.sleep(max(0.0, began + number * pause_s - time.monotonic()))


def run_others(ports: Sequence[int], http_port: int, *, are_dead: bool) -> None:
    """The process of the others: their servers, and their messages."""

    async def run() -> None:
        for number, port in enumerate(ports):
            handle = DEAD[number % len(DEAD)] if are_dead else takes
            await asyncio.start_server(quietly(handle), "127.0.0.1", port, backlog=1000)
        await post_for_ever(http_port)

    asyncio.run(run())


# -- one run ---------------------------------------------------------------------------------------------------------


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens at now."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def settings(folder: Path, ports: dict[str, int], others: Sequence[int]) -> Path:
    """The settings of the gateway: two good clients, and the others."""
    text = f"""
[gateway]
data_dir = "{folder}/data"
[listen]
smpp = "127.0.0.1:{ports["smpp"]}"
http = "127.0.0.1:{ports["http"]}"
metrics = "127.0.0.1:{ports["metrics"]}"
frontend = "off"
[[operators]]
name = "sim"
address = "127.0.0.1:{ports["smsc"]}"
system_id = "chappe"
password = "secret"
[[routes]]
direction = "mt"
operators = ["sim"]
[[clients]]
name = "good"
[clients.http]
token = "good"
[clients.callback]
url = "http://127.0.0.1:{ports["callbacks"]}/"
secret = "{SECRET}"
[[clients]]
name = "bound"
[clients.smpp]
system_id = "bound"
password = "bound"
"""
    for number, port in enumerate(others):
        text += f"""
[[clients]]
name = "other{number}"
[clients.http]
token = "token{number}"
[clients.callback]
url = "http://127.0.0.1:{port}/"
secret = "{SECRET}"
"""
    path = folder / "chappe.toml"
    path.write_text(text, encoding="utf-8")
    return path


@contextlib.contextmanager
def started(*words: object) -> Iterator[subprocess.Popen[bytes]]:
    """A command of ours that runs until the block ends."""
    process = subprocess.Popen([str(CHAPPE), *map(str, words)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()


def await_ready(port: int, metrics_port: int) -> None:
    """The gateway takes traffic and is bound to its operator."""
    for _ in range(300):
        with contextlib.suppress(OSError):
            urlopen(f"http://127.0.0.1:{port}/readyz").close()
            with urlopen(f"http://127.0.0.1:{metrics_port}/metrics") as page:
                if b'chappe_link_up{link="1",operator="sim"} 1.0' in page.read():
                    return
        time.sleep(0.1)
    raise SystemExit("the gateway did not become ready")


def cpu_s(pid: int) -> float:
    """What a process has used, user and system together."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(seconds: int, place: str | None, *, are_dead: bool) -> tuple[Latency, Latency, float]:
    """The HTTP client's latencies, the SMPP client's, and the gateway's share of a core."""
    names = ("smpp", "http", "metrics", "smsc", "callbacks")
    found = free_ports(len(names) + OTHERS)
    ports, others = dict(zip(names, found, strict=False)), found[len(names) :]
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="chappe-dead-", dir=place)))
        path = settings(folder, ports, others)
        stack.enter_context(
            started("sim", "smsc", "--listen", f"127.0.0.1:{ports['smsc']}", "--ledger", folder / "smsc.csv")
        )
        gateway = stack.enter_context(started("up", "--config", path))
        await_ready(ports["http"], ports["metrics"])
        noise = multiprocessing.Process(
            target=run_others, args=(others, ports["http"]), kwargs={"are_dead": are_dead}, daemon=True
        )
        noise.start()
        time.sleep(2)
        before_s = cpu_s(gateway.pid)
        count = ("--count", seconds * RATE, "--rate", RATE, "--quiet")
        at, home = f"127.0.0.1:{ports['http']}", f"127.0.0.1:{ports['callbacks']}"
        http = ("--protocol", "http", "--address", at, "--token", "good", "--callbacks", home)
        smpp = ("--address", f"127.0.0.1:{ports['smpp']}", "--system-id", "bound", "--password", "bound")
        clients = [
            subprocess.Popen([*map(str, (CHAPPE, "sim", "client", *words, *count, "--ledger", folder / name))])
            for name, words in (("http.csv", http), ("smpp.csv", smpp))
        ]
        failed = [each.wait() for each in clients]
        used = (cpu_s(gateway.pid) - before_s) / seconds
        if any(failed) or not noise.is_alive():
            raise SystemExit("a client missed something")
        noise.kill()
        smsc = list(read(folder / "smsc.csv"))
        return latency([smsc, read(folder / "http.csv")]), latency([smsc, read(folder / "smpp.csv")]), used


def main() -> None:
    """Print each run, and how the medians compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--folder", help="where the stores lie; one in memory leaves the disk's moods out")
    options = parser.parse_args()
    p99s: dict[tuple[str, bool], list[float]] = {}
    for _ in range(options.rounds):
        for are_dead in (False, True):
            http, smpp, used = measure(options.seconds, options.folder, are_dead=are_dead)
            told = {
                "POST until 202": http.response,
                "receipt until callback": http.receipt,
                "submit until response": smpp.response,
                "receipt until deliver_sm": smpp.receipt,
            }
            print(f"{'100 dead' if are_dead else 'all take'}  gateway {used * 100:.0f} % of a core")
            for name, spread in told.items():
                print(f"  {name:25} {spread.count:6} {spread.as_text()}", flush=True)
                p99s.setdefault((name, are_dead), []).append(spread.p99_ms)
    for name in dict.fromkeys(name for name, _ in p99s):
        calm, dead = (sorted(p99s[name, each])[options.rounds // 2] for each in (False, True))
        print(f"{name:27} median p99 {calm:g} ms alone, {dead:g} ms beside the dead: {dead / calm:.2f}×")


if __name__ == "__main__":
    main()
