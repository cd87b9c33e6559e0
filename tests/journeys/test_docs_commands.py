"""Every command that README and docs/ show is run as it stands there, beside a gateway for which it is meant.

Addresses, paths and how many messages there are, are the test's; everything else is the pages'.
"""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from chappe.cli import main as cli
from chappe.runtime.settings import load
from chappe.sim.options import SmscOptions
from chappe.sim.smsc import SmscSimulator
from examples import EXAMPLES, commands_named
from house import House, journey
from ports import free_port

#: It starts gateways of its own; tests/journeys/test_profiles.py has it try every profile.
ELSEWHERE: Final = ["profile", "check"]
COMMANDS: Final = [each for each in commands_named("chappe") if list(each[1][1:3]) != ELSEWHERE]
#: Commands that go on until they are stopped, the signal that does so, and what they leave with.
LASTING: Final[Mapping[str, tuple[int, int]]] = {
    "up": (signal.SIGTERM, 0),
    "sim smsc": (signal.SIGTERM, 0),
    "sim http-operator": (signal.SIGTERM, 0),
    "status --watch": (signal.SIGINT, 0),
}
#: A command that is for another kind of store, or names what is not there, says so in one line and leaves with 1.
SAYING_NO: Final[Mapping[str, str]] = {
    "node operator three": "needs a postgresql store",
    "drain operator:three --resume": "all nodes of this gateway live in one process",
    "dead drop client:acme": "has a reader",
    "held resend": "left alone",
    "held drop": "left alone",
    "callbacks replay 9": "left alone",
    "callbacks enable": "not switched off",
    "receipts replay 9": "not matched",
    "route explain 7301482938712065": "no message has the id",
    "drain client-smpp --box riga2": "there is no box 'riga2'",
}
#: How many messages a trial of the test has, instead of those of the pages.
FEWER: Final = {"100000": "100", "20000": "100", "1000": "20"}
KANNEL: Final = """
group = smsc
smsc = smpp
smsc-id = three
host = 127.0.0.1
port = 2776
smsc-username = chappe
smsc-password = secret

group = sendsms-user
username = tester
password = foobar
"""


@dataclass(frozen=True)
class Place:
    """A gateway that runs, and the folder in which commands are typed."""

    folder: Path
    house: House
    ports: Mapping[str, int]

    def words_of(self, words: Sequence[str]) -> list[str]:
        """A command of the pages with the addresses, paths and numbers of this place."""
        here = {
            "127.0.0.1:8080": f"127.0.0.1:{self.ports['http']}",
            "127.0.0.1:2776": f"127.0.0.1:{free_port()}",
            "127.0.0.1:2777": f"127.0.0.1:{free_port()}",
            "/etc/kannel/kannel.conf": str(self.folder / "kannel.conf"),
            "/etc/jasmin/store": str(self.folder / "jasmin"),
            "/etc/jasmin/jasmin.cfg": str(self.folder / "jasmin" / "jasmin.cfg"),
            "/var/backups/chappe-monday": str(self.folder / "chappe-monday"),
        }
        typed = [here.get(word, FEWER.get(word, word)) for word in words[1:]]
        if typed[:1] == ["import"]:
            typed[-1] = str(self.folder / f"{typed[1]}{free_port()}.toml")
        if typed[:2] == ["sim", "client"] and "--address" not in typed:
            typed += ["--address", f"127.0.0.1:{self.ports['smpp']}"]
        if typed[:2] == ["sim", "smsc"] and "--listen" not in typed:
            typed += ["--listen", f"127.0.0.1:{free_port()}"]
        return typed


def settings_of(ports: Mapping[str, int], smsc_port: int) -> str:
    return f"""
[gateway]
data_dir = "data"
[listen]
smpp = "127.0.0.1:{ports["smpp"]}"
http = "127.0.0.1:{ports["http"]}"
metrics = "127.0.0.1:{ports["metrics"]}"
frontend = "127.0.0.1:{ports["frontend"]}"
[[operators]]
name = "three"
address = "127.0.0.1:{smsc_port}"
system_id = "chappe"
password = "secret"
profile = "three"
[profiles.three]
[[routes]]
direction = "mt"
operators = ["three"]
[[opt_outs]]
name = "shop"
numbers = ["12345"]
[[clients]]
name = "demo"
[clients.smpp]
system_id = "demo"
password = "demo"
[clients.http]
token = "demo-token"
[[tariffs]]
amount = "0.05"
[[clients]]
name = "acme"
[clients.credit]
currency = "EUR"
opening = "100.00"
[clients.callback]
url = "http://127.0.0.1:{ports["nobody"]}/"
[[clients]]
name = "shop"
[clients.callback]
url = "http://127.0.0.1:{ports["nobody"]}/"
"""


def ports_of() -> dict[str, int]:
    return {name: free_port() for name in ("smpp", "http", "metrics", "frontend", "nobody")}


@asynccontextmanager
async def place_in(folder: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Place]:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("CHAPPE_CONFIG", "chappe.toml")
    (folder / "kannel.conf").write_text(KANNEL)
    (folder / "jasmin").mkdir()
    (folder / "jasmin" / "jasmin.cfg").write_text("[smpp-server]\nport = 2775\n")
    (script,) = (each.text for each in EXAMPLES if each.page == "docs/simulators.md" and each.kind == "toml")
    (folder / "faults.toml").write_text(script)
    ports = ports_of()
    async with SmscSimulator(SmscOptions(ledger_path=str(folder / "smsc.csv"))) as smsc:
        (folder / "chappe.toml").write_text(settings_of(ports, smsc.port))
        async with House(load(folder / "chappe.toml")) as house:
            await house.until(lambda: any(link.is_ready for link in smsc.links))
            yield Place(folder, house, ports)


@pytest.fixture(autouse=True)
def _time_for_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("house.PATIENCE_S", 240.0)


def _lasts(words: Sequence[str]) -> bool:
    return any(" ".join(words[1:]).startswith(prefix) for prefix in LASTING)


@pytest.mark.parametrize("lasts", [False, True], ids=["short", "lasting"])
@journey
async def test_every_command_of_the_pages_does_what_they_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], lasts: bool
) -> None:
    wrong: list[str] = []
    # What drains the operator comes last: nothing is sent behind it.
    commands = sorted((each for each in COMMANDS if _lasts(each[1]) is lasts), key=lambda each: "drain" in each[1])
    async with place_in(tmp_path, monkeypatch) as place:
        for example, words in commands:
            typed = place.words_of(words)
            lasting = next((told for prefix, told in LASTING.items() if " ".join(typed).startswith(prefix)), None)
            status = await (_run_for_a_while(place, typed, *lasting) if lasting else _run(typed))
            said = capfd.readouterr()
            no = next((told for prefix, told in SAYING_NO.items() if " ".join(typed).startswith(prefix)), None)
            is_right = (status == 1 and no in said.err) if no else status == 0
            if not is_right or "Traceback" in said.err:
                wrong.append(f"{example}: {' '.join(typed)}: {status}\n{said.err[-600:]}\n{said.out[-300:]}")

    assert not wrong, "\n".join(wrong)
    assert len(commands) >= (4 if lasts else 25)


async def _run(typed: Sequence[str]) -> int:
    if typed[:2] != ["sim", "client"]:
        return await asyncio.to_thread(cli.run, list(typed))
    # Signals end it, and those are the main thread's.
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "chappe.cli", *typed)
    return await process.wait()


async def _run_for_a_while(place: Place, typed: list[str], stop: int, expected: int) -> int:
    """Start it in a process of its own, wait until it shows that it works, and stop it; 0 for the expected end."""
    folder, ports = place.folder, place.ports
    if typed[0] != "status":
        # Another gateway: two cannot have one store, nor two simulators one ledger.
        folder, ports = place.folder / "another", ports_of()
        folder.mkdir(exist_ok=True)
        (folder / "chappe.toml").write_text(settings_of(ports, free_port()))
        (folder / "faults.toml").write_text((place.folder / "faults.toml").read_text())
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "chappe.cli", *typed, cwd=folder, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        if typed[0] == "status":
            assert await process.stdout.readline()
        else:
            at = typed[typed.index("--listen") + 1] if "--listen" in typed else f":{ports['http']}"
            await _until_listening(process, int(at.rpartition(":")[2]))
        process.send_signal(stop)
        await process.stdout.read()
        return 0 if await process.wait() == expected else 1
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _until_listening(process: asyncio.subprocess.Process, port: int) -> None:
    while process.returncode is None:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return
