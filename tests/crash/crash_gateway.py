"""A gateway in a process of its own, as an administrator runs it: started, killed, stopped, started again.

It must never know what is sent through it, nor look into its store while it runs.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from crash_store import Stored, read_store

from chappe.crash import CrashPoint
from orphans import dying_with_parent
from ports import free_ports

OPERATOR: Final = "sim"
CLIENT: Final = "acme"
TOKEN: Final = "crash-token"
#: PDUs in flight on each link, and links, so that a test knows how much may be in flight at a kill.
WINDOW_PDUS: Final = 100
LINKS: Final = 2
DRAIN_S: Final = 10.0
#: A gateway that was told to die by itself and has not after so long never will.
PATIENCE_S: Final = 30.0

_SETTINGS: Final = """
[gateway]
data_dir = "{data_dir}"
store = "{store}"
drain_s = {drain_s}
{more}
[listen]
smpp = "127.0.0.1:{smpp_port}"
http = "127.0.0.1:{http_port}"
metrics = "127.0.0.1:0"
frontend = "off"
{ucp}
[[operators]]
name = "sim"
protocol = "{protocol}"
address = "127.0.0.1:{operator_port}"
system_id = "chappe"
password = "secret"
binds = {links}
window = {window_pdus}
reconnect_min_s = 0.05
reconnect_max_s = 0.2
retry_s = [0.2, 0.5]
profile = "crash"
{api}
[profiles.crash]
{base}
unknown_outcome = "{unknown_outcome}"
{mo_identity}[[clients]]
name = "acme"
[clients.{door}]
system_id = "acme"
password = "secret"
max_binds = 100
retry_s = 0.2
[clients.http]
token = "crash-token"
username = "acme"
password = "secret"
{callback}
[[routes]]
direction = "mt"
operators = ["sim"]
[[routes]]
direction = "mo"
client = "acme"
via = "{via}"
"""
_CALLBACK: Final = """
[clients.callback]
url = "http://127.0.0.1:{port}/"
secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
retry_s = [0.2]
batch = {batch}
allow_private = true
"""


#: Of an operator over HTTP: its window is PDUs of one API call each, and its calls prove themselves by one secret.
_API: Final = """
[operators.http]
url = "http://127.0.0.1:{port}"
username = "us"
password = "secret"
listen = "127.0.0.1:{listen}"
secret = "hook"
caller = "operator"
"""


@dataclass(frozen=True, slots=True)
class Death:
    """Die at a crash point when it is reached for the `count`th time, or, without a point, `after_s` from the start."""

    point: CrashPoint | None = None
    count: int = 1
    after_s: float = 0.0
    #: Where nodes are processes, which of them dies; empty for all at once.
    node: str = ""
    #: Let so many more messages be accepted before the time counts.
    after_accepted: int = 0

    @property
    def environment(self) -> dict[str, str]:
        """What the process is told."""
        return {"CHAPPE_CRASH_AT": f"{self.point.value}:{self.count}"} if self.point is not None else {}


class GatewayProcess:
    """At most one process at a time, always with the same settings, ports and data."""

    def __init__(
        self,
        folder: Path,
        operator_port: int,
        *,
        unknown_outcome: str = "resend",
        callback_port: int = 0,
        callback_batch: int = 1,
        protocol: str = "smpp",
        door: str = "smpp",
        shape: str = "",
        operator_calls_port: int = 0,
        mo_identity: int = 0,
        store: str = "sqlite",
        more: str = "",
    ) -> None:
        """With a `callback_port` the client is called back, also for MO; `more` are lines of [gateway].

        `protocol` is the operator's, `door` what the client speaks.
        Over HTTP the operator has a `shape`, and calls the gateway at `operator_calls_port`.
        """
        self.folder = folder
        self.data_dir = folder / "data"
        self.smpp_port, self.http_port, self.ucp_port = free_ports(3)
        self.settings = folder / "chappe.toml"
        self.output = folder / "gateway.log"
        self.settings.write_text(
            _SETTINGS.format(
                data_dir=self.data_dir,
                store=store,
                more=more,
                drain_s=DRAIN_S,
                smpp_port=self.smpp_port,
                http_port=self.http_port,
                ucp=f'ucp = "127.0.0.1:{self.ucp_port}"' if door == "ucp" else "",
                door=door,
                operator_port=operator_port,
                links=LINKS,
                window_pdus=WINDOW_PDUS,
                unknown_outcome=unknown_outcome,
                mo_identity=f'mo_identity = "tlv:{mo_identity:#06x}"\n' if mo_identity else "",
                protocol=protocol,
                api=_API.format(port=operator_port, listen=operator_calls_port) if shape else "",
                base=f'base = "{shape}"' if shape else "",
                callback=_CALLBACK.format(port=callback_port, batch=callback_batch) if callback_port else "",
                via="callback" if callback_port else door,
            ),
            encoding="utf-8",
        )
        self._process: asyncio.subprocess.Process | None = None
        #: Processes that were killed so far.
        self.kills = 0
        #: Those of them that had links to an operator, or that ended since others had taken them for dead.
        self.link_deaths = 0

    async def start(self, death: Death | None = None, *, wrapper: Sequence[str] = ()) -> None:
        """Start it; it says nothing and binds when it can.  `wrapper` is a command that runs the command behind it."""
        self._process = await self._started(["up"], death, wrapper)

    async def _started(
        self, words: Sequence[str], death: Death | None = None, wrapper: Sequence[str] = ()
    ) -> asyncio.subprocess.Process:
        """One process of `chappe` with these settings."""
        environment = {key: value for key, value in os.environ.items() if not key.startswith("CHAPPE_")}
        command = [*wrapper, sys.executable, "-m", "chappe.cli", *words, "--config", str(self.settings)]
        with self.output.open("ab") as output:
            return await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**environment, **(death.environment if death is not None else {})},
                cwd=self.folder,
                preexec_fn=dying_with_parent(),
            )

    async def die(self, death: Death) -> None:
        """Start it and see it die as `death` says."""
        await self.start(death)
        if death.point is None:
            await asyncio.sleep(death.after_s)
            self.signal(signal.SIGKILL)
        code = await self._ended(PATIENCE_S, f"it never reached {death}")
        assert code == -signal.SIGKILL, f"the gateway ended with {code} and not by {death}: {self.said}"
        self.kills += 1
        self.link_deaths += 1

    async def is_at_rest(self) -> bool:
        """Nothing waits in the store that could still move, as far as can be seen while it runs."""
        return True

    async def stored(self) -> Stored:
        """What it left behind; it is stopped."""
        return read_store(self.data_dir)

    async def stop(self, patience_s: float = DRAIN_S + 5.0) -> int:
        """Ask it to stop, and return its exit code."""
        self.signal(signal.SIGTERM)
        return await self._ended(patience_s, f"it did not stop within {patience_s:g} s of SIGTERM")

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    @property
    def said(self) -> str:
        """The end of what it wrote to stdout and stderr."""
        return self.output.read_text("utf-8", "replace")[-2_000:]

    async def wait(self, patience_s: float) -> int:
        """Wait for its end, and return its exit code."""
        return await self._ended(patience_s, f"it did not end within {patience_s:g} s")

    async def _ended(self, patience_s: float, otherwise: str) -> int:
        assert self._process is not None
        try:
            code = await asyncio.wait_for(self._process.wait(), patience_s)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
            raise AssertionError(f"{otherwise}: {self.said}") from None
        self._process = None
        return code

    async def clean_up(self) -> None:
        """Leave no process behind."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()
